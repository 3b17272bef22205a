"""Idempotency keys, in PostgreSQL beside what they protect: same key and body, same answer, one effect.

The key is inserted in the transaction of the change. The primary key is the guard that two effects can
never pass; the advisory lock only turns waiting into an honest 409 while the first is still running.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, LargeBinary, Text, Uuid, delete, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, SQLModel, col

from api.kit import clock
from api.kit.columns import moment
from api.kit.problems import Problem

KEPT = timedelta(hours=24)


class KeyReused(Problem):
    status, code, title = 422, "idempotency_key_reused", "同一幂等键不能用于不同的请求"
    advice = "为每个新的操作生成新的 Idempotency-Key。"


class KeyMalformed(Problem):
    status, code, title = 422, "idempotency_key_malformed", "幂等键应为 1–64 个可见字符"


class StillRunning(Problem):
    status, code, title = 409, "idempotency_in_progress", "相同的请求正在处理中，请稍后再试"


class IdempotencyKey(SQLModel, table=True):
    """幂等键: who used which key for which request."""

    __tablename__ = "idempotency_keys"

    person_id: UUID = Field(sa_type=Uuid, primary_key=True)
    key: str = Field(sa_type=Text, primary_key=True)
    fingerprint: bytes = Field(sa_type=LargeBinary, nullable=False)
    created_at: datetime = moment(index=True)


class IdempotencyAnswer(SQLModel, table=True):
    """幂等应答: what was answered; written in the same transaction as the key.

    A table of its own, so that a single statement can insert the key, do the work and store an answer that
    contains what only the work could know.
    """

    __tablename__ = "idempotency_answers"
    __table_args__ = (
        ForeignKeyConstraint(
            ["person_id", "key"], ["idempotency_keys.person_id", "idempotency_keys.key"], ondelete="CASCADE"
        ),
    )

    person_id: UUID = Field(sa_type=Uuid, primary_key=True)
    key: str = Field(sa_type=Text, primary_key=True)
    status: int = Field(nullable=False)
    body: bytes = Field(sa_type=LargeBinary, nullable=False)


@dataclass(frozen=True, slots=True)
class Pending:
    """A key whose request is being carried out in this transaction."""

    person_id: UUID
    key: str
    fingerprint: bytes


class Replayed(Exception):
    """Not a failure: the answer is already known."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(status)
        self.status = status
        self.body = body


def check_key(key: str) -> str:
    """Raises KeyMalformed unless 1–64 visible ASCII characters."""
    if not 1 <= len(key) <= 64 or not all("!" <= c <= "~" for c in key):
        raise KeyMalformed
    return key


def fingerprint(method: str, path: str, body: bytes) -> bytes:
    """What makes two requests the same."""
    return sha256(b"\0".join((method.encode(), path.encode(), body))).digest()


_BEGIN = text(
    """select pg_try_advisory_xact_lock(hashtextextended(:person || :key, 0)) as free,
              k.fingerprint, a.status, a.body
       from (select 1) one
       left join idempotency_keys k on k.person_id = cast(:person as uuid) and k.key = :key
       left join idempotency_answers a on a.person_id = k.person_id and a.key = k.key"""
)


async def begin(tx: AsyncSession, pending: Pending) -> None:
    """Go on with the request, or raise Replayed, KeyReused or StillRunning."""
    row = (await tx.execute(_BEGIN, {"person": str(pending.person_id), "key": pending.key})).one()
    replay(pending, row.fingerprint, row.status, row.body)
    if not row.free:
        raise StillRunning(retry_after=1)


def replay(pending: Pending, stored: bytes | None, status: int | None, body: bytes | None) -> None:
    """Raise Replayed or KeyReused for a key already used; return for a new one."""
    if stored is None:
        return
    if bytes(stored) != pending.fingerprint:
        raise KeyReused
    if status is None or body is None:
        raise StillRunning(retry_after=1)
    raise Replayed(status, bytes(body))


async def keep(tx: AsyncSession, pending: Pending, status: int, body: bytes) -> None:
    """Store the answer with the change. Raises StillRunning for a twin whose first has just committed:
    its effects are undone, and asking again gets it the answer."""
    kept = await tx.execute(
        insert(IdempotencyKey)
        .values(
            person_id=pending.person_id,
            key=pending.key,
            fingerprint=pending.fingerprint,
            created_at=clock.now(),
        )
        .on_conflict_do_nothing()
        .returning(col(IdempotencyKey.key))
    )
    if kept.first() is None:
        raise StillRunning(retry_after=1)
    tx.add(IdempotencyAnswer(person_id=pending.person_id, key=pending.key, status=status, body=body))
    await tx.flush()


async def forget_old(tx: AsyncSession) -> None:
    """Delete what was kept longer than a day."""
    await tx.execute(delete(IdempotencyKey).where(col(IdempotencyKey.created_at) < clock.now() - KEPT))
