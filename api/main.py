"""The one place where the parts are put together."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from fastapi import APIRouter, FastAPI, Response
from starlette.routing import Match, Mount
from starlette.types import Scope

from api import revisions
from api.account import wechat_config
from api.censor import pictures_of
from api.console.router import mount as mount_console
from api.kit import cache, clock
from api.kit.db import Database
from api.kit.health import Health
from api.kit.hot import Lane
from api.kit.http import Edge, TransactionRoute, install
from api.kit.secrets import Vault
from api.kit.throttle import Throttle
from api.kit.wire import dumps
from api.openapi import document, hot_routes, operation_id
from api.routers import (
    activities,
    appointments,
    case_requests,
    cases,
    certificates,
    codes,
    disclosures,
    dispatch,
    estates,
    exports,
    grants,
    hours,
    imports,
    joining,
    me,
    memberships,
    merchants,
    moderation,
    needs,
    notices,
    operations,
    opinions,
    people,
    places,
    points,
    poll_drafts,
    poll_proofs,
    polls,
    privacy,
    residencies,
    sessions,
    settling,
    statistics,
    system,
    teams,
    topic_stages,
    topics,
    uploads,
    wechat,
)
from api.routers import settings as place_settings
from api.routers.deps import CurrentViewer, Tx
from api.rules.roles import Permission
from api.services.access import require_anywhere
from api.services.polls.casting import Booth
from api.services.polls.reading import Turnout
from api.services.sessions import Sessions
from api.settings import Settings
from api.wechat.client import WeChat
from api.wechat.push import PushGate

FORM_BYTES = 64 * 1024
"""What a form may weigh around its one file."""


def create_app(settings: Settings) -> FastAPI:
    """The API of one process; `DATABASE_URL` and `REDIS_URL` must be set (the command line sees to it)."""
    if settings.database_url is None or settings.redis_url is None:
        raise ValueError("create_app needs the addresses of both engines")
    if settings.clock_file is not None:
        clock.follow(settings.clock_file)
    app = FastAPI(
        title="邻里",
        version=version("linli"),
        lifespan=_lifespan,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        debug=False,
        telemetry={"tracing": False, "metrics": False},
    )
    state: Any = app.state
    state.settings = settings
    state.db = Database(
        settings.database_url,
        pool_size=settings.pool_size,
        statement_timeout_ms=settings.statement_timeout_ms,
    )
    state.redis = cache.connect(settings.redis_url, max_connections=settings.limit_concurrency * 2)
    state.vault = Vault(settings.master_key.get_secret_value())
    state.sessions = Sessions(
        state.redis,
        app_days=settings.session_days,
        console_idle_minutes=settings.console_idle_minutes,
        console_life_hours=settings.console_life_hours,
    )
    state.wechat = WeChat(wechat_config(settings), state.redis)
    state.pictures = pictures_of(settings)
    state.throttle = Throttle(state.redis)
    state.push_gate = PushGate(wechat_config(settings), state.redis)
    state.booth = Booth(state.db, state.vault)
    state.turnout = Turnout(state.db)
    state.health = Health(state.db, state.redis, revisions.known())
    install(app)
    _mount(app)
    lane = Lane(hot_routes(DOORS))
    of_an_upload = settings.upload_max_bytes + FORM_BYTES
    app.add_middleware(
        Edge,
        max_body=settings.max_body_bytes,
        limit=settings.limit_concurrency,
        lane=lane,
        larger={f"{door}/uploads": of_an_upload for door in ("/v1", "/admin/v1")},
    )
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    await app.state.db.open()
    try:
        yield
    finally:
        await app.state.wechat.aclose()
        await app.state.redis.aclose()
        await app.state.db.close()


APP = (
    sessions.app_router,
    me.app_router,
    me.phone_router,
    residencies.app_router,
    memberships.app_router,
    notices.app_router,
    privacy.app_router,
    privacy.leaving_router,
    uploads.showing_router,
    needs.mine_router,
    points.app_router,
    polls.fast,
    activities.fast,
    activities.mine_router,
    hours.app_router,
    certificates.app_router,
    certificates.public_router,
)
CONSOLE = (
    sessions.console_router,
    people.router,
    people.blocking_router,
    grants.router,
    grants.ending_router,
    settling.router,
    estates.console_router,
    merchants.console_router,
    imports.router,
    operations.router,
    place_settings.router,
    moderation.router,
    statistics.console_router,
    exports.router,
    exports.writing_router,
    poll_drafts.router,
    polls.console_router,
    poll_proofs.console_router,
)
SHARED = (
    sessions.fast,
    sessions.shared_router,
    joining.router,
    cases.fast,
    cases.router,
    case_requests.router,
    appointments.router,
    merchants.router,
    estates.fast,
    estates.router,
    needs.fast,
    needs.router,
    dispatch.router,
    points.shared_router,
    me.shared_router,
    places.router,
    places.directory_router,
    residencies.shared_router,
    memberships.shared_router,
    notices.shared_router,
    codes.drawing_router,
    codes.shared_router,
    topics.router,
    topic_stages.router,
    opinions.fast,
    opinions.router,
    disclosures.fast,
    disclosures.router,
    uploads.router,
    statistics.router,
    polls.fast_reads,
    polls.router,
    poll_proofs.router,
    poll_proofs.public_router,
    activities.router,
    hours.router,
    certificates.router,
    teams.router,
)
"""In the mini-program and in the console alike: the same services, the viewer's grants make the difference."""


DOORS = {"/v1": (*APP, *SHARED), "/admin/v1": (*CONSOLE, *SHARED)}
"""Prefix → the routers behind it."""
BESIDE = (wechat.router, privacy.link_router, system.router)
"""Behind neither door."""


class Door(Mount):
    """Leads to what is behind its prefix. The prefix alone is nothing, and leads nowhere by a redirection either."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        bare = scope["path"].removeprefix(scope.get("root_path", "")) == f"{self.path}/"
        return (Match.NONE, {}) if bare else super().matches(scope)


def _mount(app: FastAPI) -> None:
    """The very routes of the routers: including them would build each a second time for either door."""
    for prefix, routers in DOORS.items():
        app.router.routes.append(
            Door(prefix, routes=[route for router in routers for route in router.routes])
        )
    for router in (*BESIDE, _documents()):
        app.include_router(router)
    mount_console(app)


def catalogue() -> FastAPI:
    """An application that serves nothing and tells of every route under its full path, as documents need it."""
    told = FastAPI(version=version("linli"), openapi_url=None, generate_unique_id_function=operation_id)
    for prefix, routers in DOORS.items():
        for router in routers:
            told.include_router(router, prefix=prefix)
    for router in BESIDE:
        told.include_router(router)
    return told


def _documents() -> APIRouter:
    """The OpenAPI documents, made once when first asked for: by a thread, for it takes seconds and nobody else waits."""
    router = APIRouter(route_class=TransactionRoute, include_in_schema=False)
    made: dict[bool, bytes] = {}
    making = asyncio.Lock()

    async def of(admin: bool) -> Response:
        async with making:
            if not made:
                made.update(await asyncio.to_thread(_made))
        return Response(made[admin], media_type="application/json")

    @router.get("/openapi.json")
    async def read_openapi() -> Response:
        return await of(False)

    @router.get("/admin/openapi.json")
    async def read_admin_openapi(viewer: CurrentViewer, tx: Tx) -> Response:
        answer = await of(True)  # before the transaction begins: it would wait, too
        await require_anywhere(tx, viewer, Permission.case_read)
        return answer

    return router


def _made() -> dict[bool, bytes]:
    told = catalogue()
    return {admin: dumps(document(told, admin=admin)) for admin in (False, True)}
