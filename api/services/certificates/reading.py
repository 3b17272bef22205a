"""Certificates as they are shown: to the person, to who issues, to the members of the community, and to everybody
who holds the paper."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased
from sqlmodel import col

from api.kit import clock
from api.kit.paging import page, read_cursor
from api.kit.problems import NotFound
from api.kit.secrets import Vault
from api.models import Certificate, Membership, Place
from api.rules.certificates import (
    CERTIFICATES,
    PUBLICITY,
    CertificateFacts,
    CertificateStanding,
    CertificateState,
    NotPrinted,
    hours_of,
)
from api.rules.people import MembershipState
from api.rules.roles import Permission, Role, permissions_of
from api.services.access import VIEWER, Viewer, lives_in, params, placed_under, reaches, roles_here
from api.services.places.finding import find_place

At = aliased(Place, name="belongs_to")
"""Apart from the places of grants, which reach is asked of."""
NAME = "certificate name"
"""The vault's purpose for the name on a certificate."""
_SHOWN = (
    "id", "number", "name_masked", "id_kind", "id_masked", "volunteer_number", "since", "until", "minutes", "lines",
    "contact", "handler_name", "state", "reason", "issued_at", "missing", "version", "created_at", "updated_at",
)  # fmt: skip


def readable_certificates() -> ColumnElement[bool]:
    """One's own, and those a role issues where they belong."""
    return or_(col(Certificate.person_id) == VIEWER, reaches(Permission.certificate_issue, col(At.path)))


def certificate_rows() -> Select[Any]:
    """Everything a viewer is shown of certificates but the paper: bind `params(viewer)`."""
    table = Certificate.__table__  # type: ignore[attr-defined]
    shown: tuple[Any, ...] = (
        *(c for c in table.columns if c.name != "pdf"),
        col(At.name).label("place_name"),
        col(At.path),
        roles_here(col(At.path)).scalar_subquery().label("roles"),
    )
    return (
        select(*shown)
        .select_from(Certificate)
        .join(At, col(At.id) == col(Certificate.community_id))
        .where(readable_certificates())
    )


def standings(row: Any, viewer: Viewer) -> frozenset[CertificateStanding]:
    """What the viewer is to the certificate; the guards refuse one's own."""
    found = set()
    if row.person_id == viewer.person_id:
        found.add(CertificateStanding.self)
    if Permission.certificate_issue in permissions_of(frozenset(Role(r) for r in row.roles or ())):
        found.add(CertificateStanding.issuer)
    return frozenset(found)


def facts(row: Any, viewer: Viewer) -> CertificateFacts:
    return CertificateFacts(own=row.person_id == viewer.person_id)


def certificate_view(vault: Vault, viewer: Viewer, row: Any) -> dict[str, Any]:
    """The wire shape for the person and for who issues: the name in full, the document's number masked."""
    state = CertificateState(row.state)
    return {
        **{f: getattr(row, f) for f in _SHOWN},
        "name": vault.open(NAME, row.name_sealed) if row.name_sealed is not None else row.name_masked,
        "hours": hours_of(row.minutes),
        "community": {"id": row.community_id, "name": row.place_name},
        "printed": row.printed_at is not None,
        "mine": row.person_id == viewer.person_id,
        "moves": CERTIFICATES.open(state, standings(row, viewer), facts(row, viewer)),
    }


async def row_of(tx: AsyncSession, viewer: Viewer, certificate_id: UUID) -> Any:
    """One certificate as the viewer reaches it. Raises NotFound."""
    found = await tx.execute(certificate_rows().where(col(Certificate.id) == certificate_id), params(viewer))
    row = found.one_or_none()
    if row is None:
        raise NotFound("没有这份证明，或不在您的查看范围内")
    return row


async def read(tx: AsyncSession, vault: Vault, viewer: Viewer, certificate_id: UUID) -> dict[str, Any]:
    """One certificate as this viewer sees it. Raises NotFound."""
    return certificate_view(vault, viewer, await row_of(tx, viewer, certificate_id))


async def listing(
    tx: AsyncSession,
    vault: Vault,
    viewer: Viewer,
    *,
    place_id: UUID | None,
    state: CertificateState | None,
    limit: int,
    after: str | None,
) -> dict[str, Any]:
    """One's own, newest first; with a place, all readable ones in it. Raises NotFound for no such place."""
    statement = certificate_rows().where(col(Certificate.id) < read_cursor(after))
    if place_id is None:
        statement = statement.where(col(Certificate.person_id) == VIEWER)
    else:
        place = await find_place(tx, place_id)
        statement = statement.where(placed_under(col(Certificate.community_id), [place.path]))
    if state is not None:
        statement = statement.where(col(Certificate.state) == state)
    found = await tx.execute(statement.order_by(col(Certificate.id).desc()).limit(limit + 1), params(viewer))
    return page([certificate_view(vault, viewer, row) for row in found], limit)


async def paper(tx: AsyncSession, viewer: Viewer, certificate_id: UUID) -> tuple[str, bytes]:
    """Number and PDF of one's own, or of one that one issues. Raises NotFound, NotPrinted."""
    row = await row_of(tx, viewer, certificate_id)
    found = await tx.execute(select(col(Certificate.pdf)).where(col(Certificate.id) == certificate_id))
    content = found.scalar_one()
    if content is None or row.state is not CertificateState.issued:
        raise NotPrinted(state=row.state.value)
    return row.number, bytes(content)


async def check(tx: AsyncSession, number: str) -> dict[str, Any]:
    """What the paper must say, for whoever holds it: nothing of it is more than the paper shows. Raises NotFound.

    Of somebody who has left (注销) only that it was issued, and that it holds no more: whose it was, what was served
    and when is nobody's to read.
    """
    found = await tx.execute(
        select(Certificate, col(At.name))
        .join(At, col(At.id) == col(Certificate.community_id))
        .where(
            col(Certificate.number) == number,
            col(Certificate.state).in_([CertificateState.issued, CertificateState.revoked]),
        )
    )
    row = found.one_or_none()
    if row is None:
        raise NotFound("没有出具过这个编号的证明")
    it: Certificate = row[0]
    valid = it.state is CertificateState.issued
    holder = {
        "name": it.name_masked,
        "id_kind": it.id_kind,
        "id_number": it.id_masked,
        "volunteer_number": it.volunteer_number,
        "minutes": it.minutes,
        "hours": hours_of(it.minutes),
        "since": it.since,
        "until": it.until,
        "activities": len(it.lines),
    }
    return {
        "number": it.number,
        "valid": valid,
        "state": it.state,
        **(holder if it.name_sealed is not None else dict.fromkeys(holder)),
        "issuer": row[1],
        "issued_at": it.issued_at,
        "reason": it.reason if not valid else None,
    }


def _of_the_community() -> ColumnElement[bool]:
    """The members of the issuer: its residents, who has reported to it, and its staff."""
    member = (
        select(1)
        .where(
            col(Membership.person_id) == VIEWER,
            col(Membership.place_id) == col(Certificate.community_id),
            col(Membership.state) == MembershipState.verified,
        )
        .correlate(Certificate)
        .exists()
    )
    return or_(
        lives_in(col(Certificate.community_id)), member, reaches(Permission.activity_read, col(At.path))
    )


async def publicity(
    tx: AsyncSession, viewer: Viewer, place_id: UUID, *, limit: int, after: str | None
) -> dict[str, Any]:
    """证明公示: what was issued in the last seven days, for the members of the issuer. Raises NotFound."""
    place = await find_place(tx, place_id)
    since: datetime = clock.now() - PUBLICITY
    found = await tx.execute(
        select(
            col(Certificate.id),
            col(Certificate.name_masked),
            col(Certificate.minutes),
            col(Certificate.since),
            col(Certificate.until),
            col(Certificate.issued_at),
            col(Certificate.handler_name),
            col(Certificate.community_id),
            col(At.name),
            func.jsonb_array_length(Certificate.__table__.c.lines).label("activities"),  # type: ignore[attr-defined]
        )
        .join(At, col(At.id) == col(Certificate.community_id))
        .where(
            and_(
                col(Certificate.state) == CertificateState.issued,
                col(Certificate.issued_at) > since,
                placed_under(col(Certificate.community_id), [place.path]),
                _of_the_community(),
                col(Certificate.id) < read_cursor(after),
            )
        )
        .order_by(col(Certificate.id).desc())
        .limit(limit + 1),
        params(viewer),
    )
    return page(
        [
            {
                "id": row.id,
                "name": row.name_masked,
                "minutes": row.minutes,
                "hours": hours_of(row.minutes),
                "since": row.since,
                "until": row.until,
                "issued_at": row.issued_at,
                "until_at": row.issued_at + PUBLICITY,
                "handler_name": row.handler_name,
                "community": {"id": row.community_id, "name": row.name},
                "activities": row.activities,
            }
            for row in found
        ],
        limit,
    )
