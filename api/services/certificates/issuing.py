"""申请, 出具, 撤销: what is certified is summed from the ledger of the community that organised and recorded."""

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import case, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.kit.events import record
from api.kit.problems import Problem
from api.kit.secrets import Vault
from api.models import Activity, Certificate, Membership, Official, Person, Place, ServiceRecord, Unit
from api.models.places import PlaceId
from api.rules.certificates import (
    CERTIFICATES,
    CertificateFacts,
    CertificateMove,
    CertificateStanding,
    CertificateState,
    HoursChanged,
    IdKind,
    NothingToCertify,
    masked_id,
    masked_name,
    new_number,
)
from api.rules.content import ContentState
from api.rules.people import MembershipKind, MembershipState
from api.rules.places import Level, UnitKind
from api.rules.roles import Role, capacity
from api.services.access import Viewer
from api.services.activities.view import UNSAID
from api.services.certificates.reading import NAME, facts, row_of, standings
from api.services.moves import Subject
from api.services.people.accounts import active
from api.services.people.belonging import SELF_TITLE
from api.services.places.finding import find_place

CertificateSubject = Subject[CertificateState, CertificateStanding, CertificateFacts]
IDENTITY = "certificate identity"
"""The vault's purpose for the blind index of name and number."""


class AlreadyRequested(Problem):
    status, code, title = 409, "already_requested", "您在这个社区已有一份证明等待出具"


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody asks to have certified. The document's number is looked at and forgotten."""

    place_id: UUID
    since: date
    until: date
    name: str
    id_kind: IdKind
    id_number: str


async def ask(tx: AsyncSession, vault: Vault, viewer: Viewer, asked: Asked) -> UUID:
    """申请. Who has shown the same document to the same issuer before is not asked for it again.

    Raises NotFound, WrongLevel, NotAllowed, NothingToCertify, AlreadyRequested.
    """
    await active(tx, viewer)
    place = await find_place(tx, asked.place_id, Level.village)
    lines = await _lines(tx, viewer.person_id, place.id, asked.since, asked.until)
    if not lines:
        raise NothingToCertify
    identity = vault.index(IDENTITY, f"{asked.name}|{asked.id_kind}|{asked.id_number}")
    new = Certificate(
        number=new_number(place.code[:12], clock.local(clock.now()).year),
        person_id=viewer.person_id,
        community_id=PlaceId(place.id),
        name_sealed=vault.seal(NAME, asked.name),
        name_masked=masked_name(asked.name),
        id_kind=asked.id_kind,
        id_masked=masked_id(asked.id_number),
        identity_index=identity,
        volunteer_number=await _volunteer_number(tx, viewer.person_id, place),
        since=asked.since,
        until=asked.until,
        minutes=sum(line["minutes"] for line in lines),
        lines=lines,
    )
    written = await tx.execute(
        insert(Certificate)
        .values(new.model_dump())
        .on_conflict_do_nothing(
            index_elements=["person_id", "community_id"], index_where=text("state = 'requested'")
        )
        .returning(col(Certificate.id))
    )
    if written.first() is None:
        raise AlreadyRequested
    record(
        tx,
        subject_kind=CERTIFICATES.subject,
        subject_id=new.id,
        move="ask",
        to_state=new.state,
        actor_id=viewer.person_id,
        actor_title=SELF_TITLE,
        text="申请证明",
    )
    await tx.flush()
    before = await _known(tx, new)
    if before is not None:
        await _by_system(new).move(
            tx,
            CertificateMove.issue,
            text="身份此前已核对，自动出具",
            issued_at=clock.now(),
            again=True,
            contact=await _contact(tx, place.id),
            handler_name=before,
        )
    return new.id


async def _lines(
    tx: AsyncSession, person_id: UUID, community_id: UUID, since: date, until: date
) -> list[dict[str, Any]]:
    """What the community recorded of the person, an activity a line; what was countered is not in it."""
    total = func.sum(col(ServiceRecord.minutes))
    title = case((col(Activity.content) == ContentState.passed, col(Activity.title)), else_=UNSAID)
    found = await tx.execute(
        select(col(ServiceRecord.day), title, total)
        .join(Activity, col(Activity.id) == col(ServiceRecord.activity_id))
        .where(
            col(ServiceRecord.person_id) == person_id,
            col(ServiceRecord.community_id) == community_id,
            col(ServiceRecord.day).between(since, until),
        )
        .group_by(col(ServiceRecord.day), col(Activity.id))
        .having(total > 0)
        .order_by(col(ServiceRecord.day), col(Activity.id))
    )
    return [{"day": day.isoformat(), "title": name, "minutes": int(minutes)} for day, name, minutes in found]


async def _volunteer_number(tx: AsyncSession, person_id: UUID, place: Place) -> str | None:
    """志愿者编号: the community's code and eight signs of the registration; None for who is not registered there."""
    found = await tx.execute(
        select(col(Membership.id)).where(
            col(Membership.person_id) == person_id,
            col(Membership.place_id) == place.id,
            col(Membership.kind) == MembershipKind.volunteer,
            col(Membership.state) == MembershipState.verified,
        )
    )
    membership = found.scalar_one_or_none()
    return f"{place.code[:12]}-{membership.hex[-8:].upper()}" if membership is not None else None


async def _known(tx: AsyncSession, new: Certificate) -> str | None:
    """Who checked the same identity of the same person for the same issuer before; what was revoked does not count."""
    found = await tx.execute(
        select(col(Certificate.handler_name))
        .where(
            col(Certificate.person_id) == new.person_id,
            col(Certificate.community_id) == new.community_id,
            col(Certificate.identity_index) == new.identity_index,
            col(Certificate.state) == CertificateState.issued,
        )
        .order_by(col(Certificate.id).desc())
        .limit(1)
    )
    return found.scalar_one_or_none()


async def _contact(tx: AsyncSession, community_id: UUID) -> str | None:
    """The public number of the community's desk."""
    found = await tx.execute(
        select(col(Unit.phone))
        .where(col(Unit.place_id) == community_id, col(Unit.kind) == UnitKind.secretary_desk)
        .order_by(col(Unit.id))
        .limit(1)
    )
    return found.scalar_one_or_none()


async def _nothing() -> list[str]:
    return []


def _by_system(new: Certificate) -> CertificateSubject:
    return CertificateSubject(
        CERTIFICATES,
        Certificate,
        new.id,
        CertificateState.requested,
        1,
        frozenset({CertificateStanding.system}),
        CertificateFacts(),
        None,
        "系统",
        _nothing,
        new,
    )


async def _find(tx: AsyncSession, viewer: Viewer, certificate_id: UUID) -> CertificateSubject:
    row = await row_of(tx, viewer, certificate_id)

    async def look_again() -> list[str]:
        return (await _find(tx, viewer, certificate_id)).moves()

    mine = row.person_id == viewer.person_id
    return CertificateSubject(
        CERTIFICATES,
        Certificate,
        certificate_id,
        CertificateState(row.state),
        row.version,
        standings(row, viewer),
        facts(row, viewer),
        viewer.person_id,
        SELF_TITLE if mine else capacity(frozenset(Role(r) for r in row.roles or ())),
        look_again,
        row,
    )


async def issue(tx: AsyncSession, viewer: Viewer, certificate_id: UUID) -> None:
    """出具: by what the ledger says now. Raises NotFound, NotAllowed, OwnCertificate, HoursChanged, WrongMoment."""
    certificate = await _find(tx, viewer, certificate_id)
    certificate.require(CertificateMove.issue)
    row = certificate.row
    lines = await _lines(tx, row.person_id, row.community_id, row.since, row.until)
    if not lines:
        raise HoursChanged
    await certificate.move(
        tx,
        CertificateMove.issue,
        text="出具证明",
        issued_by=viewer.person_id,
        issued_at=clock.now(),
        lines=lines,
        minutes=sum(line["minutes"] for line in lines),
        contact=await _contact(tx, row.community_id),
        handler_name=await _called(tx, viewer.person_id),
    )


async def _called(tx: AsyncSession, person_id: UUID) -> str:
    """The name an official goes by in public."""
    found = await tx.execute(
        select(func.coalesce(col(Official.name), col(Person.nickname)))
        .select_from(Person)
        .outerjoin(Official, col(Official.person_id) == col(Person.id))
        .where(col(Person.id) == person_id)
    )
    return str(found.scalar_one())


async def refuse(tx: AsyncSession, viewer: Viewer, certificate_id: UUID, reason: str) -> None:
    """不予出具. Raises NotFound, NotAllowed, OwnCertificate, WrongMoment."""
    certificate = await _find(tx, viewer, certificate_id)
    await certificate.move(tx, CertificateMove.refuse, text="不予出具", reason=reason)


async def revoke(tx: AsyncSession, viewer: Viewer, certificate_id: UUID, reason: str) -> None:
    """撤销: the paper is not handed out any more, and whoever checks the number learns of it."""
    certificate = await _find(tx, viewer, certificate_id)
    await certificate.move(tx, CertificateMove.revoke, text="撤销证明", reason=reason)


async def withdraw(tx: AsyncSession, viewer: Viewer, certificate_id: UUID) -> None:
    """撤回申请. Raises NotFound, NotAllowed, WrongMoment."""
    certificate = await _find(tx, viewer, certificate_id)
    await certificate.move(tx, CertificateMove.withdraw, text="撤回申请")
