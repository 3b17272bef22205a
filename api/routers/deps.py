"""What handlers ask for: the viewer, the transaction, the idempotency key, the engines of the process."""

from typing import Annotated, Any

from fastapi import Depends, Header, Request
from sqlalchemy.ext.asyncio import AsyncSession

from api.kit import idempotency
from api.kit.db import Database
from api.kit.problems import Problem, SessionExpired, TooMany
from api.kit.secrets import Vault
from api.kit.throttle import Throttle
from api.rules.throttling import BY_ADDRESS, BY_PERSON, Limited
from api.services.access import Viewer
from api.services.sessions import Sessions
from api.services.uploads.pictures import Pictures

CONSOLE_PREFIX = "/admin/"
_READS = frozenset({"GET", "HEAD", "OPTIONS"})
_EXAMPLES: dict[str, dict[str, Any]] = {}


async def get_viewer(request: Request) -> Viewer:
    """Whose bearer token this is: a console session under /admin/, a mini-program session elsewhere.

    Whatever is no read is counted for its person: asked of every signed-in route, so none can forget it.
    """
    authorization = request.headers.get("authorization", "")
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise SessionExpired("请先登录")
    sessions: Sessions = request.app.state.sessions
    writing = None if request.method in _READS else BY_PERSON[Limited.write]
    return await sessions.viewer(
        token, console=request.scope["path"].startswith(CONSOLE_PREFIX), writing=writing
    )


CurrentViewer = Annotated[Viewer, Depends(get_viewer)]


async def get_tx(request: Request) -> AsyncSession:
    """The request's transaction, opened and committed by TransactionRoute."""
    tx: AsyncSession = request.state.tx
    return tx


Tx = Annotated[AsyncSession, Depends(get_tx)]


async def get_db(request: Request) -> Database:
    db: Database = request.app.state.db
    return db


Db = Annotated[Database, Depends(get_db)]

Key = Annotated[
    str | None,
    Header(alias="Idempotency-Key", description="幂等键，1–64 个可见字符，24 小时内同键同请求得到同一应答"),
]


def limited(what: Limited) -> Any:
    """For routes counted by themselves, by person and by address as api/rules/throttling.py says.

    A signed-in person is known from the session; who is about to log in is an address only.
    """
    if what not in BY_PERSON:

        async def by_address(request: Request) -> None:
            await _take(request, what, None)

        return Depends(by_address)

    async def by_person(request: Request, viewer: CurrentViewer) -> None:
        await _take(request, what, viewer)

    return Depends(by_person)


async def _take(request: Request, what: Limited, viewer: Viewer | None) -> None:
    throttle: Throttle = request.app.state.throttle
    whose = []
    if viewer is not None:
        whose.append((str(viewer.person_id), BY_PERSON[what]))
    if what in BY_ADDRESS and request.client is not None:
        whose.append((request.client.host, BY_ADDRESS[what]))
    await throttle.take(what, whose)


async def once(request: Request, viewer: CurrentViewer, tx: Tx, key: Key = None) -> None:
    """Answer again what was answered before for this key, or note the key for TransactionRoute to keep."""
    if key is None:
        return
    name = idempotency.check_key(key)
    asked = f"{request.url.path}?{request.url.query}"
    mark = idempotency.fingerprint(request.method, asked, await request.body())
    pending = idempotency.Pending(viewer.person_id, name, mark)
    await idempotency.begin(tx, pending)
    request.state.pending = pending


Once = Depends(once)
KEY_PROBLEMS = (idempotency.KeyMalformed, idempotency.KeyReused, idempotency.StillRunning, TooMany)
SIGNED_IN = [Depends(get_viewer)]
"""For routers whose handlers need a session but not to know whose."""


async def get_vault(request: Request) -> Vault:
    vault: Vault = request.app.state.vault
    return vault


TheVault = Annotated[Vault, Depends(get_vault)]


async def get_pictures(request: Request) -> Pictures:
    pictures: Pictures = request.app.state.pictures
    return pictures


ThePictures = Annotated[Pictures, Depends(get_pictures)]


def problems(*kinds: type[Problem]) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI responses of a route: its own problems, one entry a status."""
    found: dict[int | str, dict[str, Any]] = {}
    for kind in sorted(kinds, key=lambda k: (k.status, k.code)):
        entry = found.setdefault(
            kind.status,
            {
                "description": "",
                "content": {
                    "application/problem+json": {
                        "schema": {"$ref": "#/components/schemas/Problem"},
                        "examples": {},
                    }
                },
            },
        )
        entry["description"] += ("；" if entry["description"] else "") + f"{kind.title}（{kind.code}）"
        entry["content"]["application/problem+json"]["examples"][kind.code] = _example(kind)
    return found


def _example(kind: type[Problem]) -> dict[str, Any]:
    """One for all routes that name the problem."""
    if kind.code not in _EXAMPLES:
        value = {
            "type": f"/problems/{kind.code}",
            "code": kind.code,
            "title": kind.title,
            "status": kind.status,
            "detail": kind.title,
            "request_id": "mfrggzdfmztwq2lk",
        }
        _EXAMPLES[kind.code] = {"summary": kind.title, "value": value}
    return _EXAMPLES[kind.code]
