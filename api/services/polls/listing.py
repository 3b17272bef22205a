"""Lists of polls: what is the viewer's, found by place and by roll, prebuilt for each shape of question."""

from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Select,
    Text,
    Uuid,
    bindparam,
    func,
    literal,
    literal_column,
    not_,
    select,
    union,
)
from sqlmodel import col

from api.kit.db import Database, Statement
from api.kit.paging import page, read_cursor
from api.kit.problems import NotFound
from api.models import Caster, Grant, Place, Poll, Residency
from api.rules.people import ResidencyState
from api.rules.polls import PollState
from api.rules.roles import Permission, roles_with
from api.services.access import NOW, VIEWER, Viewer, live, of_place, params, prefixes
from api.services.polls.finding import polls_seen
from api.services.polls.view import view

_AFTER = bindparam("after", type_=Uuid())
_PATH = Statement(select(col(Place.path)).where(col(Place.id) == bindparam("place", type_=Uuid())))


def _end(path: Any) -> ColumnElement[str]:
    """The first path beyond the subtree of `path`: "0" follows "/"."""
    return func.left(path, -1) + "0"


def _mine(more: Any, wanted: list[ColumnElement[bool]]) -> Any:
    """Ids of what `readable_polls` lets through, gathered from where the viewer stands: the newest of each."""

    def newest(source: Any, *where: ColumnElement[bool]) -> Select[Any]:
        polls = (
            select(col(Poll.id))
            .where(col(Poll.id) < _AFTER, *where, *wanted)
            .order_by(col(Poll.id).desc())
            .limit(more)
            .lateral()
        )
        return select(polls.c.id).select_from(source.join(polls, literal(True)))

    work = (
        select(col(Place.path))
        .join(Grant, col(Grant.place_id) == col(Place.id))
        .where(
            col(Grant.person_id) == VIEWER,
            live(),
            of_place(),
            col(Grant.role).in_(roles_with(Permission.poll_read)),
        )
        .subquery("work")
    )
    home = (
        select(col(Place.path))
        .join(Residency, col(Residency.community_id) == col(Place.id))
        .where(col(Residency.person_id) == VIEWER, col(Residency.state) == ResidencyState.verified)
        .distinct()
        .subquery("home")
    )
    above = select(func.unnest(prefixes(home.c.path)).label("path")).distinct().subquery("above")
    announced = col(Poll.state) != PollState.draft
    path = col(Poll.path)
    rolls = (
        select(col(Poll.id))
        .join(Caster, col(Caster.poll_id) == col(Poll.id))
        .where(col(Caster.person_id) == VIEWER, col(Poll.id) < _AFTER, announced, *wanted)
        .order_by(col(Poll.id).desc())
        .limit(more)
        .subquery("rolls")
    )
    return union(
        newest(work, path >= work.c.path, path < _end(work.c.path)),
        newest(home, path >= home.c.path, path < _end(home.c.path), announced),
        newest(above, path == above.c.path, announced),
        select(rolls.c.id),
    ).subquery("mine")


@cache
def _statement(limit: int, filters: frozenset[str]) -> Statement:
    """LIMIT is literal: a bound one doubles the work."""
    more: Any = literal_column(str(limit + 1))
    wanted: list[ColumnElement[bool]] = []
    now_open = (col(Poll.state) == PollState.open) & (col(Poll.closes_at) > NOW)
    if "open" in filters:
        wanted.append(now_open)
    if "shut" in filters:
        wanted.append(not_(now_open))
    if "topic" in filters:
        wanted.append(col(Poll.topic_id) == bindparam("topic", type_=Uuid()))
    if "place" in filters:
        top = bindparam("top", type_=Text())
        wanted += [col(Poll.path) >= top, col(Poll.path) < bindparam("end", type_=Text())]
        rows = polls_seen().where(col(Poll.id) < _AFTER, *wanted)
    else:
        mine = _mine(more, wanted)
        rows = polls_seen().where(col(Poll.id).in_(select(mine.c.id)))
    return Statement(rows.order_by(col(Poll.id).desc()).limit(more))


async def listing(
    db: Database,
    viewer: Viewer,
    *,
    limit: int,
    after: str | None,
    place_id: UUID | None = None,
    open_now: bool | None = None,
    topic_id: UUID | None = None,
) -> dict[str, Any]:
    """Polls, newest first. Raises NotFound for a place that is none, BadCursor."""
    values: dict[str, Any] = {"after": read_cursor(after), **params(viewer)}
    filters = set()
    if place_id is not None:
        place = await db.fetch_one(_PATH, place=place_id)
        if place is None:
            raise NotFound("没有这个地域")
        values |= {"top": place["path"], "end": f"{place['path'][:-1]}0"}
        filters.add("place")
    if topic_id is not None:
        values["topic"] = topic_id
        filters.add("topic")
    if open_now is not None:
        filters.add("open" if open_now else "shut")
    rows = await db.fetch(_statement(limit, frozenset(filters)), **values)
    return page([view(row) for row in rows], limit)
