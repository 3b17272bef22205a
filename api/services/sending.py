"""订阅消息: one consent spent on one message, sent at most once.

Three steps, since no transaction may wait for the platform: take a message (committed as `sending`), send it,
settle what became of it. Who dies between leaves a row in `sending`; it may have arrived, so after a while it
is `unknown` and never sent again: the notice in the inbox is what surely reached the person.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.kit.backoff import backoff
from api.kit.db import Database
from api.kit.faults import as_problem
from api.kit.metrics import SENT
from api.kit.mishaps import told, trail
from api.models import Notice, SubscriptionMessage
from api.models.notices import SendState
from api.rules.notices import TEMPLATES, Template, quiet_end
from api.services import ledger, preferences

log = logging.getLogger("linli.sending")

LOST_AFTER = timedelta(minutes=5)
"""A message in `sending` for so long has lost its worker: a call takes seconds."""
STALE_AFTER = timedelta(hours=24)
"""A message that could not be sent for so long is news no more."""
FIRST_WAIT, LONGEST_WAIT = 5.0, 600.0
"""Seconds until a message the platform did not take is tried again; doubling."""
_SETTLE_FOR = 30.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an attempt: `pending` means that nothing was sent and it may be tried again."""

    state: SendState
    error: str | None = None
    wait: float | None = None
    """Seconds the platform asked to wait."""
    spent: bool = True
    """Of a failure: whether the consent is gone all the same."""
    platform_id: str | None = None
    """The platform's MsgID."""
    refused: bool = False
    """The platform knows of no consent: the ledger is told so."""


Deliver = Callable[[SubscriptionMessage], Awaitable[Outcome]]
"""Sends one message to the platform. What it raises leaves the message `unknown`."""


async def queue_message(
    tx: AsyncSession,
    notice: Notice,
    *,
    template: str,
    page: str,
    fields: dict[str, Any],
    urgent: bool = False,
) -> SubscriptionMessage | None:
    """Spend one of the person's consents to `template` on this notice; None where there is none to spend, or
    the person wants no such messages. In quiet hours it waits for their end, unless `urgent`.

    In the transaction of whatever the notice tells: never a message without a consent, never two for one.
    ValueError for fields that are not the template's.
    """
    if set(fields) != set(TEMPLATES[Template(template)].fields):
        raise ValueError(f"the fields of {template} are {sorted(TEMPLATES[Template(template)].fields)}")
    wish = await preferences.of(tx, notice.person_id)
    if not wish.messages or template in wish.muted:
        return None
    credit = await ledger.free_credit(tx, notice.person_id, template)
    if credit is None:
        return None
    now = clock.now()
    later = None if urgent else quiet_end(now, wish.quiet_from, wish.quiet_until)
    message = SubscriptionMessage(
        notice_id=notice.id,
        person_id=notice.person_id,
        openid=credit.openid,
        consent_id=credit.consent_id,
        template=template,
        page=page,
        fields=fields,
        next_at=later or now,
    )
    tx.add(message)
    await tx.flush()
    return message


_TAKE = text(
    """with due as (
         select m.id from subscription_messages m
         where m.state = 'pending' and m.next_at <= :now
           and not exists (
             select from subscription_messages other
             where other.openid = m.openid
               and (other.state = 'sending'
                    or other.state = 'pending' and (other.next_at, other.id) < (m.next_at, m.id)))
         order by m.next_at, m.id limit 1
         for update skip locked)
       update subscription_messages m set state = 'sending', attempts = attempts + 1, next_at = :now
       from due where m.id = due.id
       returning m.id"""
)


async def take(tx: AsyncSession) -> SubscriptionMessage | None:
    """The message that is due longest, now `sending`; never a second one of the same person.

    IntegrityError when another worker took one of the same person at the same moment.
    """
    taken = (await tx.execute(_TAKE, {"now": clock.now()})).scalar_one_or_none()
    if taken is None:
        return None
    found = await tx.execute(select(SubscriptionMessage).where(col(SubscriptionMessage.id) == taken))
    return found.scalar_one()


async def settle(tx: AsyncSession, message: SubscriptionMessage, outcome: Outcome) -> None:
    """Write down what became of this attempt, even where it had been given up as lost meanwhile."""
    now = clock.now()
    columns: dict[str, Any] = {"state": outcome.state, "error": outcome.error, "spent": outcome.spent}
    if outcome.state is SendState.sent:
        columns |= {"sent_at": now, "platform_id": outcome.platform_id}
    elif outcome.state is SendState.pending:
        wait = backoff(message.attempts, first=FIRST_WAIT, longest=LONGEST_WAIT)
        columns["next_at"] = now + timedelta(seconds=max(wait, outcome.wait or 0.0))
    settled = await tx.execute(
        update(SubscriptionMessage)
        .where(
            col(SubscriptionMessage.id) == message.id,
            col(SubscriptionMessage.attempts) == message.attempts,
            col(SubscriptionMessage.state).in_((SendState.sending, SendState.unknown)),
        )
        .values(**columns)
        .returning(col(SubscriptionMessage.id))
    )
    if settled.first() is not None and outcome.refused and message.consent_id is not None:
        await ledger.void(tx, message.consent_id, message.template)


async def give_up_lost(tx: AsyncSession) -> None:
    """Messages whose worker died while sending: whether they arrived, nobody knows."""
    lost = await tx.execute(
        update(SubscriptionMessage)
        .where(text("state = 'sending'"), col(SubscriptionMessage.next_at) < clock.now() - LOST_AFTER)
        .values(state=SendState.unknown, error="the worker was lost while sending")
        .returning(col(SubscriptionMessage.id))
    )
    for message_id in lost.scalars():
        SENT.labels(SendState.unknown).inc()
        log.warning("a message was lost", extra={"message_id": str(message_id)})


async def reconcile(tx: AsyncSession, openid: str, template: str, platform_id: str, errcode: int) -> None:
    """What the platform says became of a message: by its MsgID, else the one under way to this person, else the
    oldest that nobody knew about. Its consent is gone in any case."""
    columns: dict[str, Any] = {"state": SendState.sent, "error": None, "platform_id": platform_id}
    if errcode != 0:
        columns |= {"state": SendState.failed, "error": f"push errcode {errcode}"}
    found = await tx.execute(
        _RECONCILED, {"openid": openid, "template": template, "platform_id": platform_id}
    )
    message_id = found.scalar_one_or_none()
    if message_id is None:
        return
    moment = func.coalesce(col(SubscriptionMessage.sent_at), clock.now())
    await tx.execute(
        update(SubscriptionMessage)
        .where(col(SubscriptionMessage.id) == message_id)
        .values(**columns, sent_at=moment if errcode == 0 else col(SubscriptionMessage.sent_at))
    )


_RECONCILED = text(
    """select id from subscription_messages
       where platform_id = :platform_id
          or (openid = :openid and template = :template and platform_id is null
              and state in ('sending', 'unknown')
              and not exists (select from subscription_messages where platform_id = :platform_id))
       order by platform_id = :platform_id desc nulls last, state = 'sending' desc, id
       limit 1 for update"""
)


class Sender:
    """Sends what is due through `deliver`; any number of processes and tasks at once."""

    def __init__(self, db: Database, deliver: Deliver) -> None:
        self._db = db
        self._deliver = deliver

    async def run_one(self) -> bool:
        """Take, send and settle one message. False when none is due. Raises only before anything was sent."""
        try:
            async with self._db.transaction() as tx:
                message = await take(tx)
        except IntegrityError:
            return True  # another worker is sending to this person: look again
        if message is None:
            return False
        outcome = await self._attempt(message)
        await self._settle(message, outcome)
        SENT.labels(outcome.state).inc()
        if outcome.state is not SendState.sent:
            log.warning(
                "a message is %s",
                outcome.state,
                extra={"message_id": str(message.id), "attempt": message.attempts, "error": outcome.error},
            )
        return True

    async def _attempt(self, message: SubscriptionMessage) -> Outcome:
        if clock.now() - message.created_at > STALE_AFTER:
            return Outcome(SendState.failed, "stale", spent=False)
        try:
            return await self._deliver(message)
        except Exception as error:
            log.error("sending failed", extra={"error": told(error), "trail": trail(error)})
            return Outcome(SendState.unknown, told(error))

    async def _settle(self, message: SubscriptionMessage, outcome: Outcome) -> None:
        """However long PostgreSQL takes to restart, within reason: the outcome cannot be learned again."""
        until = time.monotonic() + _SETTLE_FOR
        failures = 0
        while True:
            try:
                async with self._db.transaction() as tx:
                    return await settle(tx, message, outcome)
            except Exception as error:
                failures += 1
                if as_problem(error) is None or time.monotonic() > until:
                    raise
            await asyncio.sleep(backoff(failures, first=0.1, longest=2.0))
