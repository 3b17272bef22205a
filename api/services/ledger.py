"""订阅账本: how many messages of a template a person has agreed to, worked out from the answers one by one.

One lock a person and template orders whatever changes that balance, so that two who look at the last consent
at once do not both see it free; the unique index on `consent_id` backs it (docs/adr/0015).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.kit.problems import NotAllowed
from api.models import SubscriptionConsent, WechatIdentity
from api.models.people import PersonId
from api.rules.notices import SAME_TAP, ConsentEntry, ConsentSource

_ONE_AT_A_TIME = text("select pg_advisory_xact_lock(hashtextextended(:of, 2))")
_FREE = """
  from wechat_identities i
  join subscription_consents c on c.identity_id = i.id and c.template = :template
  where i.person_id = :person and c.entry = 'accept' and c.pairs_with is null
    and not exists (select from subscription_messages m where m.consent_id = c.id and m.spent)
    and not exists (
      select from subscription_consents v
      where v.identity_id = c.identity_id and v.template = c.template and v.id > c.id
        and v.entry in ('off', 'refused'))
"""
_OLDEST = text(f"select c.id, i.openid {_FREE} order by i.id desc, c.id limit 1")
_COUNT = text(f"select count(*) {_FREE}")
_TWIN = text(
    """select c.id from subscription_consents c
       where c.identity_id = :identity and c.template = :template and c.entry = 'accept'
         and c.source = :other and c.pairs_with is null and c.at between :since and :until
         and not exists (select from subscription_consents p where p.pairs_with = c.id)
       order by c.id limit 1"""
)
_TWINS = {ConsentSource.app: ConsentSource.popup, ConsentSource.popup: ConsentSource.app}


@dataclass(frozen=True, slots=True)
class Credit:
    """An acceptance nothing was sent for yet, and whose phone it was given on."""

    consent_id: UUID
    openid: str


async def _lock(tx: AsyncSession, person_id: UUID, template: str) -> None:
    await tx.execute(_ONE_AT_A_TIME, {"of": f"{person_id}/{template}"})


async def free_credit(tx: AsyncSession, person_id: PersonId, template: str) -> Credit | None:
    """The oldest consent to spend, reserved until the transaction ends; None where there is none.

    The lock is taken by a statement of its own: the look must see what the one before has committed.
    """
    if await balance(tx, person_id, template) == 0:
        return None
    await _lock(tx, person_id, template)
    row = (await tx.execute(_OLDEST, {"person": person_id, "template": template})).first()
    return Credit(row[0], row[1]) if row else None


async def balance(tx: AsyncSession, person_id: PersonId, template: str) -> int:
    """How many more messages of `template` the person has agreed to."""
    return int((await tx.execute(_COUNT, {"person": person_id, "template": template})).scalar_one())


async def note(
    tx: AsyncSession,
    identity: WechatIdentity,
    template: str,
    entry: ConsentEntry,
    source: ConsentSource,
    *,
    at: datetime | None = None,
) -> None:
    """Write one answer. A tap that the phone and the platform both report pays for one message."""
    await _lock(tx, identity.person_id, template)
    moment = at or clock.now()
    twin: Any = None
    if entry is ConsentEntry.accept and source in _TWINS:
        found = await tx.execute(
            _TWIN,
            {
                "identity": identity.id,
                "template": template,
                "other": _TWINS[source].value,
                "since": moment - SAME_TAP,
                "until": moment + SAME_TAP,
            },
        )
        twin = found.scalar_one_or_none()
    tx.add(
        SubscriptionConsent(
            identity_id=identity.id,
            template=template,
            entry=entry,
            source=source,
            pairs_with=twin,
            at=moment,
        )
    )
    await tx.flush()


async def void(tx: AsyncSession, consent_id: UUID, template: str) -> None:
    """The platform knows of no consent: none written so far pays for a message."""
    found = await tx.execute(
        select(WechatIdentity)
        .join(SubscriptionConsent, col(SubscriptionConsent.identity_id) == col(WechatIdentity.id))
        .where(col(SubscriptionConsent.id) == bindparam("consent")),
        {"consent": consent_id},
    )
    await note(tx, found.scalar_one(), template, ConsentEntry.refused, ConsentSource.platform)


async def identity_of(tx: AsyncSession, person_id: PersonId, app: str) -> WechatIdentity:
    """Who the person is to the mini-program `app`. Raises NotAllowed for somebody who never used it."""
    found = await tx.execute(
        select(WechatIdentity)
        .where(col(WechatIdentity.person_id) == person_id, col(WechatIdentity.app) == app)
        .order_by(col(WechatIdentity.id).desc())
        .limit(1)
    )
    identity = found.scalar_one_or_none()
    if identity is None:
        raise NotAllowed("该账号没有绑定微信，收不到订阅消息")
    return identity
