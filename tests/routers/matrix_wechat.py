"""The matrix's lines of what is about oneself (wishes about notices, privacy, mini-program codes), and of ratings."""

from tests.routers.matrix import CASE, NOBODY, TABLE, Line

TABLE |= {
    "GET /me/preferences": Line(),
    "POST /me/consents": Line(body={"purpose": "service", "version": "1"}),
    "GET /me/consents": Line(),
    "POST /me/export": Line(body={}, ok=202),
    "GET /me/export": Line(see=NOBODY),
    "DELETE /me": Line(ok=202),
    "GET /me/erasure": Line(see=NOBODY),
    "POST /me/erasure/moves/{move}": Line(see=NOBODY, body={}, subject={"move": "cancel"}),
    "GET /codes/{kind}/{subject_id}": Line(subject={"kind": "community", "subject_id": "place"}),
    "GET /scenes/{scene}": Line(see=NOBODY, subject={"scene": "nothing"}),
    "GET /cases/{case_id}/ratings": Line(see=CASE, subject={"case_id": "submitted"}),
    "PATCH /me/preferences": Line(body={"muted": ["daily_digest"]}),
}
