"""The matrix's lines of what is about oneself: wishes about notices, privacy, mini-program codes."""

from tests.routers.matrix import TABLE, Line

TABLE |= {
    "GET /me/preferences": Line(),
    "PATCH /me/preferences": Line(body={"muted": ["daily_digest"]}),
}
