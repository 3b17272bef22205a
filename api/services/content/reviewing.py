"""人工审核: the queue of what a person must judge, for those who review where it belongs; nobody judges his own."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit.paging import LAST, page, read_cursor
from api.kit.problems import NotFound
from api.models import ContentCheck, Person, RiskRating
from api.rules.content import (
    CHECKS,
    CheckMove,
    CheckStanding,
    CheckState,
    policy_of,
)
from api.rules.roles import Permission, capacity
from api.services.access import Viewer, is_wide, reach_of, require_anywhere, under
from api.services.content.deciding import CheckSubject, as_found, decide
from api.services.content.subjects import TITLES
from api.services.uploads.pictures import Audience, Pictures, Size

_QUEUE = (CheckState.review, CheckState.sampled)
_COLUMNS = (
    "id",
    "subject_kind",
    "subject_id",
    "what",
    "texts",
    "state",
    "suggest",
    "label",
    "error",
    "reason",
    "decided_at",
    "version",
    "created_at",
    "updated_at",
)


def readable_checks(tops: Sequence[str]) -> ColumnElement[bool]:
    """What belongs to one of the subtrees; what belongs to no place is for those who review a county or more."""
    path: Any = col(ContentCheck.path)
    inside, nowhere = under(path, tops), path.is_(None)
    return or_(inside, nowhere) if any(map(is_wide, tops)) else and_(inside, ~nowhere)


def _rows() -> Select[Any, Any, Any]:
    return (
        select(ContentCheck, col(Person.nickname), col(RiskRating.rank))
        .outerjoin(Person, col(Person.id) == col(ContentCheck.author_id))
        .outerjoin(RiskRating, col(RiskRating.person_id) == col(ContentCheck.author_id))
        .execution_options(populate_existing=True)
    )


def _standings(viewer: Viewer, check: ContentCheck) -> frozenset[CheckStanding]:
    """Of one's own words one is no judge; writing anew is not done from here."""
    return frozenset() if check.author_id == viewer.person_id else frozenset({CheckStanding.reviewer})


def _view(viewer: Viewer, pictures: Pictures, row: Mapping[Any, Any]) -> dict[str, Any]:
    check, nickname, rank = row["ContentCheck"], row["nickname"], row["rank"]
    picture = check.upload_id and pictures.address(check.upload_id, Size.full, Audience.insiders)
    return {
        **{f: getattr(check, f) for f in _COLUMNS},
        "title": TITLES.get(check.subject_kind, "内容"),
        "label_title": policy_of(check.label).title if check.label is not None else None,
        "picture": picture,
        "author": {"id": check.author_id, "name": nickname} if check.author_id else None,
        "risk_rank": rank,
        "moves": CHECKS.open(check.state, _standings(viewer, check), None),
    }


async def queue(
    tx: AsyncSession,
    viewer: Viewer,
    pictures: Pictures,
    *,
    state: CheckState | None,
    limit: int,
    after: str | None,
) -> dict[str, Any]:
    """What waits for a person, the oldest first; or all in one state. Raises NotAllowed."""
    tops = await require_anywhere(tx, viewer, Permission.content_review)
    states = _QUEUE if state is None else (state,)
    found = await tx.execute(
        _rows()
        .where(
            readable_checks(tops),
            col(ContentCheck.state).in_(states),
            col(ContentCheck.id) > read_cursor(after, LAST),
        )
        .order_by(col(ContentCheck.id))
        .limit(limit + 1)
    )
    return page([_view(viewer, pictures, row) for row in found.mappings()], limit)


async def read(tx: AsyncSession, viewer: Viewer, pictures: Pictures, check_id: UUID) -> dict[str, Any]:
    """One check. Raises NotAllowed, NotFound."""
    return _view(viewer, pictures, await _find(tx, viewer, check_id))


async def _find(tx: AsyncSession, viewer: Viewer, check_id: UUID) -> Mapping[Any, Any]:
    tops = await require_anywhere(tx, viewer, Permission.content_review)
    found = await tx.execute(_rows().where(col(ContentCheck.id) == check_id, readable_checks(tops)))
    row = found.mappings().first()
    if row is None:
        raise NotFound("没有这条审核，或不在您的审核范围内")
    return dict(row)


async def judge(
    tx: AsyncSession, viewer: Viewer, check_id: UUID, move: CheckMove, reason: str | None
) -> None:
    """通过或不通过, as a reviewer. Raises NotAllowed, NotFound, WrongMoment with the moves open now."""
    row = await _find(tx, viewer, check_id)
    check: ContentCheck = row["ContentCheck"]

    async def look_again() -> list[str]:
        now = (await _find(tx, viewer, check_id))["ContentCheck"]
        return CHECKS.open(now.state, _standings(viewer, now), None)

    path = check.path or ""
    roles = frozenset(r.role for r in await reach_of(tx, viewer) if path.startswith(r.path) or not path)
    subject: CheckSubject = as_found(
        check,
        _standings(viewer, check),
        actor_id=viewer.person_id,
        actor_title=capacity(roles),
        look_again=look_again,
    )
    subject.require(move)
    columns: dict[str, Any] = {"decided_by": viewer.person_id}
    if reason is not None:
        columns["reason"] = reason
    await decide(tx, subject, move, **columns)
