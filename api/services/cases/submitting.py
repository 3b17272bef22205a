"""Submitting a case: one statement to find where it belongs, one to write everything (api/services/cases/writing.py),
nothing in between to race."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from api.kit import clock, idempotency
from api.kit.db import Database, Lent
from api.kit.ids import new_id
from api.kit.problems import NotAllowed, NotFound, Problem
from api.kit.secrets import Vault
from api.kit.wire import dumps
from api.rules.cases import (
    RESIDENT_CLOCKS,
    CaseCategory,
    CaseClock,
    CaseKind,
    CaseState,
    Channel,
    Visibility,
)
from api.rules.content import ContentState
from api.rules.limits import STEPS, CaseClass, CaseLimits
from api.rules.people import PersonState
from api.rules.places import Level
from api.services import calendars, deadlines
from api.services.access import Viewer, params
from api.services.answers import Answer, answered
from api.services.cases import writing
from api.services.cases.entering import EnteredFor, Entry, Position, entry
from api.services.cases.placing import NEARER, WHERE
from api.services.cases.view import view
from api.services.places import settings
from api.services.uploads.attaching import UploadNotUsable

PLACEHOLDER = "00000000-0000-7000-8000-6e756d626572"
"""Stands in the prepared answer where the statement puts the receipt number it has just drawn."""


class PlaceTooWide(Problem):
    status, code, title = 422, "place_too_wide", "请选择到村（社区）或更小的范围"


class HouseholdIsPrivate(Problem):
    status, code, title = 422, "household_is_private", "涉及具体住户的诉求只能不公开"


@dataclass(frozen=True, slots=True)
class NewCase:
    """What is handed in; exactly one of place and home."""

    kind: CaseKind
    category: CaseCategory
    title: str
    text: str
    place_id: UUID | None
    home_id: UUID | None
    visibility: Visibility
    anonymous: bool
    uploads: tuple[UUID, ...] = ()
    estate: UUID | None = None
    asset: UUID | None = None
    merchant: UUID | None = None
    on_behalf_of: EnteredFor | None = None
    position: Position | None = None
    self_handled: bool = False


async def submit(
    db: Database, vault: Vault, viewer: Viewer, new: NewCase, pending: idempotency.Pending
) -> Answer:
    """Hand in a case; two round trips, one more for what staff enter.

    Raises NotFound, NotAllowed, PlaceTooWide, HouseholdIsPrivate, PositionElsewhere, UploadNotUsable, KeyReused.
    """
    async with db.lending() as connection:
        return await _submit(db, connection, vault, viewer, new, pending)


async def _submit(
    db: Database, connection: Lent, vault: Vault, viewer: Viewer, new: NewCase, pending: idempotency.Pending
) -> Answer:
    where = await _look(connection, viewer, new, pending)
    if where is None or where["person_state"] != PersonState.active:
        raise NotAllowed("该账号已停用")
    replay = answered(pending, where)
    if replay is not None:
        return replay
    _check(new, where)
    entered = await entry(
        db,
        vault,
        viewer,
        new.kind,
        where["path"],
        behalf=new.on_behalf_of,
        position=new.position,
        self_handled=new.self_handled,
    )
    if new.home_id is not None and not where["lives_there"] and entered is None:
        raise NotFound("没有这套房屋，或您未登记居住在此")
    calendar = calendars.cached(where["calendar"])
    if calendar is None:
        async with db.reading() as tx:
            calendar = await calendars.current(tx)
    setting_id = where["setting_id"]
    if not settings.known(setting_id):
        async with db.reading() as tx:
            await settings.terms(tx, setting_id)

    now, case_id = clock.now(), new_id()
    limits = settings.limits_known(CaseClass(new.category.value), setting_id)
    clocks = _clocks(new, limits, case_id, calendars.serving(calendar, near(where, "service_hours")), now)
    head, tail = _prepared_answer(viewer, new, case_id, where, clocks, now, entered)
    day = clock.local(now).date()
    more = {**entered.columns, **entered.told} if entered is not None else {}
    row = await connection.fetch_one(
        writing.OWN if entered is None else writing.ENTERED,
        person=viewer.person_id,
        key=pending.key,
        fingerprint=pending.fingerprint,
        now=now,
        community=where["community_id"],
        day=day,
        prefix=f"{where['community_code']}-{day:%Y%m%d}-",
        id=case_id,
        kind=new.kind.value,
        category=new.category.value,
        title=new.title,
        text=new.text,
        visibility=new.visibility.value,
        anonymous=new.anonymous,
        channel=_channel(entered).value,
        place=where["id"],
        path=where["path"],
        home=new.home_id,
        estate=near(where, "estate_id"),
        asset=new.asset,
        merchant=new.merchant,
        setting=setting_id,
        reach=where["reach"],
        clocks=clocks,
        event=new_id(),
        check=new_id(),
        uploads=list(dict.fromkeys(new.uploads)),
        head=head,
        tail=tail,
        **more,
    )
    if row is not None:
        return Answer(201, bytes(row["body"]))
    # A twin with the same key was faster and its answer is there; or a picture was used up meanwhile.
    where = await _look(connection, viewer, new, pending)
    replay = where and answered(pending, where)
    if replay:
        return replay
    if (
        where is not None and where["key_fingerprint"] is None
    ):  # nobody wrote: the pictures were not to be had
        raise UploadNotUsable
    raise idempotency.StillRunning(retry_after=1)


async def _look(connection: Lent, viewer: Viewer, new: NewCase, pending: idempotency.Pending) -> Any:
    """The row of what has to be known; the secretary's mail needs less of it."""
    statement = WHERE if new.kind is CaseKind.secretary else NEARER
    named = {"estate_id": new.estate, "asset_id": new.asset, "merchant_id": new.merchant}
    return await connection.fetch_one(
        statement,
        **params(viewer),
        place_id=new.place_id,
        home_id=new.home_id,
        key=pending.key,
        **named,
    )


def near(where: Any, name: str) -> Any:
    """A column that only the longer statement has."""
    return where.get(name)


def _check(new: NewCase, where: Any) -> None:
    if where["id"] is None:
        raise NotFound("没有这个地域或房屋，或已停用")
    if where["community_id"] is None or where["level"] not in (Level.village, Level.grid, Level.building):
        raise PlaceTooWide
    if new.home_id is not None and new.visibility is not Visibility.private:
        raise HouseholdIsPrivate
    if new.asset is not None and (
        where["asset_id"] is None or where["asset_estate_id"] != where["estate_id"]
    ):
        raise NotFound("没有这项设施，或不在这个小区")
    if new.estate is not None and where["estate_id"] != new.estate:
        raise NotFound("没有这个小区，或不在这个社区")
    if new.merchant is not None and where["merchant_id"] is None:
        raise NotFound("没有这个商家，或不在这个社区")


def _clocks(
    new: NewCase, limits: CaseLimits, case_id: UUID, calendar: Any, now: datetime
) -> list[dict[str, Any]]:
    """The resident's clocks and the dispatcher's, from submission; of what nobody reported, nobody is contacted."""
    wanted = (
        (CaseClock.screening, STEPS[CaseClock.screening]),
        (CaseClock.contact, limits.contact if new.kind is not CaseKind.grid else None),
        (CaseClock.finish, limits.finish),
    )
    return [
        deadlines.row_of("case", case_id, kind.value, limit, calendar, now, 1, rungs=kind in RESIDENT_CLOCKS)
        for kind, limit in wanted
        if limit is not None
    ]


def _prepared_answer(
    viewer: Viewer,
    new: NewCase,
    case_id: UUID,
    where: Any,
    clocks: list[dict[str, Any]],
    now: datetime,
    entered: Entry | None,
) -> tuple[str, str]:
    """The wire shape around the number that is not drawn yet."""
    row = {
        **_FRESH,
        "kind": new.kind,
        "category": new.category,
        "title": new.title,
        "text": new.text,
        "visibility": new.visibility,
        "anonymous": new.anonymous,
        "estate_id": near(where, "estate_id"),
        "estate_name": near(where, "estate_name"),
        "asset_id": near(where, "asset_id"),
        "asset_name": near(where, "asset_name"),
        "id": case_id,
        "number": PLACEHOLDER,
        "channel": _channel(entered),
        "place_id": where["id"],
        "place_name": where["name"],
        "community_id": where["community_id"],
        "community_name": where["community_name"],
        "home_id": new.home_id,
        "room": where["room"],
        "reporter_id": viewer.person_id,
        "reporter_name": where["nickname"],
        "clocks": {c["kind"]: _due(c) for c in clocks},
        "created_at": now,
        "updated_at": now,
    }
    if entered is not None:
        row |= {name: entered.columns[name] for name in ("consent", "latitude", "longitude", "self_handled")}
        row |= {"recorder_id": viewer.person_id, "roles": list(entered.roles)}
        row |= {"reporter_id": None, "reporter_name": None, "reporter_alias": entered.columns["alias"]}
    head, _, tail = dumps(view(row, viewer)).decode().partition(PLACEHOLDER)
    return head, tail


_FRESH: dict[str, Any] = {
    **dict.fromkeys(
        (
            "consent", "latitude", "longitude", "recorder_id", "reporter_alias", "roles", "unit_id", "unit_name",
            "unit_kind", "unit_roles", "handler_id", "outcome", "requests", "assists", "plan", "plan_passed_at",
            "outside_system", "outside_number", "reject_reason", "merged_into_id", "merged_at", "stars",
            "first_contact_at", "handled_at", "closed_at",
        )
    ),
    **dict.fromkeys(("self_handled", "hazard", "confirm_owed", "callback_owed"), False),
    **dict.fromkeys(("asks", "transfers", "tasks_open", "level"), 0),
    **dict.fromkeys(("cycle", "contacted_cycle", "version"), 1),
    "state": CaseState.submitted,
    "content": ContentState.pending,
}  # fmt: skip
"""What a case is like that has just been handed in."""


def _channel(entered: Entry | None) -> Channel:
    return entered.channel if entered is not None else Channel.miniprogram


def _as_postgresql(moment: str | None) -> str | None:
    """As the moment is written in jsonb: without zeros at the end of its fraction."""
    head, dot, fraction = (moment or "").removesuffix("Z").partition(".")
    return f"{head}.{fraction.rstrip('0')}Z" if dot else moment


def _due(columns: dict[str, Any]) -> dict[str, Any]:
    return {
        "due_at": _as_postgresql(columns["due_at"]),
        "met_at": None,
        "overdue": False,
        "provisional": columns["provisional"],
    }
