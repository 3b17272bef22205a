"""平台推送: kept once for good, answered at once, acted on from the queue.

The callback writes the push and an event in one transaction; the unique key makes a repeated delivery a
nothing, over restarts and whatever Redis forgot. The event carries only the push's id, never an openid.
"""

import hashlib
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.kit.events import Event, record
from api.models import Person, WechatIdentity, WechatPush
from api.models.people import PersonId
from api.rules.notices import ConsentEntry, ConsentSource
from api.rules.privacy import ErasureSource, Purpose
from api.services import ledger, sending
from api.services.content import checking, moderation
from api.services.people import names
from api.services.privacy import consents, erasing

SUBJECT = "wechat_push"
PLATFORM_TITLE = "微信平台"
REVOKED_PHONE = 8
"""RevokeInfo of the phone number."""
PLATFORM_VERSION = "wechat"
"""The version of a consent that was taken back in WeChat's own settings, not in a text of ours."""
NAMELESS = "微信居民"

Handler = Callable[[AsyncSession, WechatPush], Awaitable[None]]


async def receive(
    tx: AsyncSession, *, key: str, kind: str, openid: str | None, content: dict[str, Any], at: datetime
) -> bool:
    """Keep a push and queue its work; False for one that was kept before."""
    push = WechatPush(
        key=hashlib.sha256(key.encode()).hexdigest(), kind=kind, openid=openid, content=content, at=at
    )
    kept = await tx.execute(
        insert(WechatPush)
        .values(push.model_dump())
        .on_conflict_do_nothing(index_elements=["key"])
        .returning(col(WechatPush.id))
    )
    if kept.first() is None:
        return False
    record(
        tx,
        subject_kind=SUBJECT,
        subject_id=push.id,
        move="receive",
        actor_id=None,
        actor_title=PLATFORM_TITLE,
    )
    return True


async def follow(tx: AsyncSession, event: Event) -> None:
    """What the push means. A kind nobody acts on is only history; one erased meanwhile is nothing."""
    found = await tx.execute(select(WechatPush).where(col(WechatPush.id) == event.subject_id))
    push = found.scalar_one_or_none()
    if push is None:
        return
    handler = HANDLERS.get(push.kind)
    if handler is not None:
        await handler(tx, push)
    await tx.execute(update(WechatPush).where(col(WechatPush.id) == push.id).values(done_at=clock.now()))


async def _identity(tx: AsyncSession, push: WechatPush) -> WechatIdentity | None:
    found = await tx.execute(
        select(WechatIdentity).where(
            col(WechatIdentity.app) == push.content["app"], col(WechatIdentity.openid) == push.openid
        )
    )
    return found.scalar_one_or_none()


async def _answered(tx: AsyncSession, push: WechatPush) -> None:
    """The popup pays for a message; the settings only take away: switched on there, nothing is paid yet."""
    identity = await _identity(tx, push)
    if identity is None:
        return
    popup = push.kind == "subscribe_msg_popup_event"
    for template, accepted in push.content["choices"]:
        if popup:
            entry = ConsentEntry.accept if accepted else ConsentEntry.reject
            await ledger.note(tx, identity, template, entry, ConsentSource.popup, at=push.at)
        elif not accepted:
            await ledger.note(tx, identity, template, ConsentEntry.off, ConsentSource.settings, at=push.at)


async def _sent(tx: AsyncSession, push: WechatPush) -> None:
    for template, message_id, errcode in push.content["outcomes"]:
        await sending.reconcile(tx, push.openid or "", template, message_id, errcode)


async def _cancelled(tx: AsyncSession, push: WechatPush) -> None:
    """The WeChat account is gone: the same way as DELETE /v1/me, with a receipt."""
    identity = await _identity(tx, push)
    if identity is not None:
        await erasing.request(tx, identity.person_id, ErasureSource.platform)


async def _revoked(tx: AsyncSession, push: WechatPush) -> None:
    identity = await _identity(tx, push)
    if identity is None or REVOKED_PHONE not in push.content["scopes"]:
        return
    await _empty(tx, identity.person_id, "forget_phone", phone_sealed=None, phone_index=None)
    await consents.answer(tx, identity.person_id, Purpose.phone, PLATFORM_VERSION, granted=False)


async def _modified(tx: AsyncSession, push: WechatPush) -> None:
    """The platform found the profile risky and emptied its own: so do we."""
    identity = await _identity(tx, push)
    if identity is not None:
        for what in (names.NICKNAME, names.AVATAR):  # nor does one that still waits come after
            await moderation.unwatch(tx, subject_kind=what, subject_id=identity.person_id)
        await _empty(tx, identity.person_id, "clean_profile", nickname=NAMELESS, avatar=None)


async def _empty(tx: AsyncSession, person_id: PersonId, move: str, **columns: Any) -> None:
    await tx.execute(
        update(Person)
        .where(col(Person.id) == person_id)
        .values(**columns, version=col(Person.version) + 1, updated_at=clock.now())
    )
    record(
        tx, subject_kind="person", subject_id=person_id, move=move, actor_id=None, actor_title=PLATFORM_TITLE
    )


async def _media_checked(tx: AsyncSession, push: WechatPush) -> None:
    said = {name: push.content[name] for name in ("trace_id", "suggest", "label", "errcode")}
    await checking.hear(tx, **said)


HANDLERS: dict[str, Handler] = {
    "subscribe_msg_popup_event": _answered,
    "subscribe_msg_change_event": _answered,
    "subscribe_msg_sent_event": _sent,
    "user_authorization_cancellation": _cancelled,
    "user_authorization_revoke": _revoked,
    "user_info_modified": _modified,
    "wxa_media_check": _media_checked,
}
"""By the platform's name of the event."""
