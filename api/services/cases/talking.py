"""What is said on a case: public replies, records of contact, internal notes."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, or_, select, true, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.kit.events import record
from api.kit.paging import LAST, page, read_cursor
from api.kit.problems import NotAllowed, WrongMoment
from api.models import Case, CaseMessage
from api.models.cases import CaseId, MessageKind
from api.models.people import PersonId
from api.rules.cases import OVER, CaseClock, Standing
from api.rules.content import CheckScene, ContentState
from api.rules.roles import Permission, permissions_of
from api.services import deadlines, uploads
from api.services.access import Viewer, stand
from api.services.cases.finding import CaseSubject, find, hold
from api.services.cases.view import roles
from api.services.content import moderation
from api.services.uploads import showing
from api.services.uploads.pictures import Pictures

_TOLD = {
    MessageKind.reply: "公开答复",
    MessageKind.contact: "已与反映人联系",
}


def _permissions(case: CaseSubject) -> frozenset[Permission]:
    return permissions_of(roles(case.row))


async def say(
    tx: AsyncSession,
    actor: Viewer,
    case_id: UUID,
    kind: MessageKind,
    text: str,
    upload_ids: Sequence[UUID] = (),
) -> dict[str, Any]:
    """Add a reply, a record of contact or a note. Raises NotFound, NotAllowed, WrongMoment.

    A word from staff that the resident sees is the first human contact; 签收 and receipts are none. For whom a case
    was entered sees nothing of it before it is his: then only a record of contact tells that somebody spoke to him.
    """
    case = await find(tx, actor, case_id)
    await stand(tx, actor)
    staff = bool({Standing.unit_member, Standing.dispatcher} & case.standings)
    reporter = Standing.reporter in case.standings
    if kind is MessageKind.note:
        if Permission.case_note not in _permissions(case):
            raise NotAllowed("只有工作人员可以写内部备注", moves=case.moves())
    elif kind is MessageKind.contact and not staff:
        raise NotAllowed("只有承办单位可以登记联系情况", moves=case.moves())
    elif not staff and not reporter:
        raise NotAllowed("只有反映人和承办单位可以答复", moves=case.moves())
    if case.state in OVER and kind is not MessageKind.note:
        raise WrongMoment("诉求已结束，不能再答复", state=case.state.value, moves=case.moves())
    if kind is not MessageKind.note:
        await hold(tx, case)
    message = await put_in(tx, case, kind, text, upload_ids)
    by_staff = staff and not (reporter and kind is MessageKind.reply)
    heard = kind is MessageKind.contact or (kind is MessageKind.reply and case.row["reporter_id"] is not None)
    if heard and by_staff:
        await contacted(tx, case_id)
    record(
        tx,
        subject_kind="case",
        subject_id=case_id,
        move=kind.value,
        actor_id=actor.person_id,
        actor_title=case.actor_title,
        text=_TOLD.get(kind) if by_staff else ("反映人补充" if kind is MessageKind.reply else None),
        data={"message_id": str(message.id), "by_staff": by_staff},
    )
    return _shape(message)


async def put_in(
    tx: AsyncSession, case: CaseSubject, kind: MessageKind, text: str, upload_ids: Sequence[UUID] = ()
) -> CaseMessage:
    """Add what the actor says; a resident's words wait for their check, staff's need none."""
    message = CaseMessage(
        case_id=CaseId(case.id),
        kind=kind,
        author_id=PersonId(case.actor_id) if case.actor_id else None,
        author_title=case.actor_title,
        text=text,
        content=ContentState.pending if Standing.reporter in case.standings else ContentState.passed,
    )
    tx.add(message)
    if message.content is ContentState.pending:
        await watch(tx, case, "case_message", message.id, text)
    if case.actor_id is not None:
        await uploads.attach(
            tx, case.actor_id, upload_ids, subject_kind="case_message", subject_id=message.id
        )
    return message


async def watch(tx: AsyncSession, case: CaseSubject, what: str, subject_id: UUID, words: str | None) -> None:
    """Have what the actor wrote on a case judged before anybody but staff in reach reads it."""
    if words:
        await moderation.watch(
            tx,
            subject_kind=what,
            subject_id=subject_id,
            author_id=case.actor_id,
            texts=[words],
            path=case.row["path"],
            scene=CheckScene.comment,
        )


async def contacted(tx: AsyncSession, case_id: UUID) -> None:
    """A person has spoken to the resident. Facts that guards look at changed, hence a new version: a move decided on
    the old ones starts over."""
    await tx.execute(
        update(Case)
        .where(
            col(Case.id) == case_id,
            or_(col(Case.first_contact_at).is_(None), col(Case.contacted_cycle) < col(Case.cycle)),
        )
        .values(
            first_contact_at=func.coalesce(col(Case.first_contact_at), clock.now()),
            contacted_cycle=col(Case.cycle),
            version=col(Case.version) + 1,
            updated_at=clock.now(),
        )
    )
    await deadlines.meet(tx, case_id, [CaseClock.contact])


async def messages(
    tx: AsyncSession, viewer: Viewer, case_id: UUID, *, limit: int, after: str | None
) -> dict[str, Any]:
    """What was said, oldest first; of it each viewer's part. Raises NotFound."""
    case = await find(tx, viewer, case_id)
    found = await tx.execute(
        select(CaseMessage)
        .where(
            col(CaseMessage.case_id) == case_id,
            _shown_to(case),
            col(CaseMessage.id) > read_cursor(after, LAST),
        )
        .order_by(col(CaseMessage.id))
        .limit(limit + 1)
    )
    return page([_shape(m) for m in found.scalars()], limit)


async def pictures_of(
    tx: AsyncSession, viewer: Viewer, pictures: Pictures, case_id: UUID
) -> list[dict[str, Any]]:
    """The pictures of a case and of what was said on it, as far as the viewer sees those. Raises NotFound."""
    case = await find(tx, viewer, case_id)
    said = await tx.execute(
        select(col(CaseMessage.id)).where(col(CaseMessage.case_id) == case_id, _shown_to(case))
    )
    insider = Permission.case_read in _permissions(case)
    return await showing.of(tx, viewer, pictures, [case_id, *said.scalars()], insider=insider)


def _shown_to(case: CaseSubject) -> ColumnElement[bool]:
    """Notes for those who may read notes; for neighbours the public replies alone, since questions, answers
    and records of contact can say who an anonymous reporter is."""
    permissions = _permissions(case)
    if Permission.case_note in permissions:
        return true()
    if Standing.reporter in case.standings or Permission.case_read in permissions:
        return col(CaseMessage.kind) != MessageKind.note
    return and_(
        col(CaseMessage.kind) == MessageKind.reply,
        col(CaseMessage.content) == ContentState.passed,
        col(CaseMessage.author_id).is_distinct_from(case.row["reporter_id"]),
    )


def _shape(message: CaseMessage) -> dict[str, Any]:
    return {
        "id": message.id,
        "kind": message.kind,
        "author": message.author_title,
        "text": message.text,
        "content": message.content,
        "created_at": message.created_at,
    }
