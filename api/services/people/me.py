"""Who am I: the account, where it lives and belongs, what it may do, and its phone number."""

from typing import Any

from sqlalchemy import func, literal, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.kit.events import record
from api.kit.problems import NotAllowed, Problem
from api.kit.secrets import Vault
from api.models import Grant, Membership, Notice, Person, Place, Residency, WechatIdentity
from api.rules.roles import ROLE_TITLES, Role
from api.services.access import Viewer, live, params
from api.services.people import households, names, rosters
from api.services.people.accounts import active
from api.services.people.belonging import PHONE, SELF_TITLE, masked
from api.services.people.memberships import membership_rows, membership_view
from api.services.people.residencies import residency_rows, residency_view
from api.services.points import reading as points
from api.services.uploads.pictures import Audience, Pictures

MOST_SHOWN = 50
"""Of residencies and memberships each; the rest is in their lists."""


class PhoneTaken(Problem):
    status, code, title = 409, "phone_taken", "这个手机号已绑定其他账号"
    advice = "请使用原账号登录，或请社区工作人员协助核实。"


async def me(tx: AsyncSession, vault: Vault, pictures: Pictures, viewer: Viewer) -> dict[str, Any]:
    """The viewer's own account."""
    person = (
        await tx.execute(
            select(Person).where(col(Person.id) == viewer.person_id).execution_options(populate_existing=True)
        )
    ).scalar_one()
    homes = await tx.execute(
        residency_rows()
        .where(col(Residency.person_id) == viewer.person_id)
        .order_by(col(Residency.id).desc())
        .limit(MOST_SHOWN),
        params(viewer),
    )
    belongs = await tx.execute(
        membership_rows()
        .where(col(Membership.person_id) == viewer.person_id)
        .order_by(col(Membership.id).desc())
        .limit(MOST_SHOWN),
        params(viewer),
    )
    unread = await tx.execute(
        select(func.count())
        .select_from(Notice)
        .where(col(Notice.person_id) == viewer.person_id, col(Notice.read_at).is_(None))
    )
    return {
        **{f: getattr(person, f) for f in ("id", "nickname", "created_at")},
        "avatar": names.shown(pictures, person.avatar, Audience.everybody),
        **await names.proposed(tx, pictures, viewer.person_id),
        "phone": masked(vault, person.phone_sealed),
        "residencies": [residency_view(vault, viewer, row) for row in homes],
        "memberships": [membership_view(vault, viewer, row) for row in belongs],
        "grants": await _grants(tx, viewer),
        "points": await points.balance(tx, viewer),
        "unread": unread.scalar_one(),
    }


async def _grants(tx: AsyncSession, viewer: Viewer) -> list[dict[str, Any]]:
    found = await tx.execute(
        select(Grant, col(Place.name))
        .join(Place, col(Place.id) == col(Grant.place_id))
        .where(col(Grant.person_id) == viewer.person_id, live(literal(clock.now())))
        .order_by(col(Place.path), col(Grant.id))
    )
    return [
        {
            **{f: getattr(grant, f) for f in ("id", "role", "since", "until")},
            "title": ROLE_TITLES[Role(grant.role)],
            "place": {"id": grant.place_id, "name": name},
        }
        for grant, name in found
    ]


async def rename(tx: AsyncSession, viewer: Viewer, changes: dict[str, Any]) -> None:
    """Ask to be called or shown otherwise; only what is named.

    Raises NotAllowed for a blocked account, UploadNotUsable.
    """
    await active(tx, viewer)
    if not changes:
        return
    for what, value in changes.items():
        if what == names.AVATAR_UPLOAD:
            await names.propose_upload(tx, viewer.person_id, value)
        else:
            await names.propose(tx, viewer.person_id, what, value)
    record(
        tx,
        subject_kind="person",
        subject_id=viewer.person_id,
        move="rename",
        actor_id=viewer.person_id,
        actor_title=SELF_TITLE,
        data={"changed": sorted(changes)},
    )


async def openid_of(tx: AsyncSession, viewer: Viewer, app: str) -> str:
    """Who the viewer is to one mini-program. Raises NotAllowed for somebody who never used it."""
    found = await tx.execute(
        select(col(WechatIdentity.openid))
        .where(col(WechatIdentity.person_id) == viewer.person_id, col(WechatIdentity.app) == app)
        .order_by(col(WechatIdentity.id).desc())
        .limit(1)
    )
    openid = found.scalar_one_or_none()
    if openid is None:
        raise NotAllowed("该账号没有绑定微信，不能用微信授权手机号")
    return openid


def stored_number(number: str, country_code: str) -> str:
    """As numbers are kept and searched: mainland ones bare, others with their country code."""
    return number if country_code.lstrip("+") == "86" else f"+{country_code.lstrip('+')}{number}"


async def bind_phone(tx: AsyncSession, vault: Vault, viewer: Viewer, number: str) -> None:
    """Bind a number the platform vouched for; it replaces an earlier one. Raises PhoneTaken, NotAllowed.

    The unique blind index decides: of two people binding one number at once, one gets PhoneTaken.
    """
    await active(tx, viewer)
    try:
        async with tx.begin_nested():
            await tx.execute(
                update(Person)
                .where(col(Person.id) == viewer.person_id)
                .values(
                    phone_sealed=vault.seal(PHONE, number),
                    phone_index=vault.index(PHONE, number),
                    version=col(Person.version) + 1,
                    updated_at=clock.now(),
                )
            )
    except IntegrityError:
        raise PhoneTaken from None
    record(
        tx,
        subject_kind="person",
        subject_id=viewer.person_id,
        move="bind_phone",
        actor_id=viewer.person_id,
        actor_title=SELF_TITLE,
    )
    await households.match(tx, viewer.person_id)
    await rosters.match(tx, [viewer.person_id])
