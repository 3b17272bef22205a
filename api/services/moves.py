"""The one place where a state changes: decide by the table, write one conditional statement, record the event."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Generic, TypeVar
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import SQLModel

from api.kit import clock
from api.kit.events import record
from api.kit.lifecycle import Lifecycle
from api.kit.problems import WrongMoment
from api.services.access import stands

S = TypeVar("S", bound=StrEnum)
P = TypeVar("P", bound=StrEnum)
F = TypeVar("F")


@dataclass
class Subject(Generic[S, P, F]):
    """Something with a life-cycle as one actor found it: what it is, what the actor is to it, what guards look at."""

    life: Lifecycle[S, P, F]
    table: type[SQLModel]
    id: UUID
    state: S
    version: int
    standings: frozenset[P]
    facts: F
    actor_id: UUID | None
    actor_title: str
    look_again: Callable[[], Awaitable[list[str]]]
    """The moves open to the same actor after somebody else was faster."""
    row: Any = field(default=None, repr=False)

    def moves(self) -> list[str]:
        return self.life.open(self.state, self.standings, self.facts)

    def require(self, name: str) -> None:
        """Refuse as `move` would, before anything is looked up for it: who may not, learns nothing."""
        self.life.decide(name, self.state, self.standings, self.facts)

    async def move(
        self,
        tx: AsyncSession,
        name: str,
        *,
        text: str | None = None,
        data: dict[str, Any] | None = None,
        told: str | None = None,
        words: dict[str, Any] | None = None,
        **columns: Any,
    ) -> None:
        """Make the move, set `columns` with it and write its event, or raise why not.

        The row must still be in the state and version the guards looked at: of two at once, one wins and the
        other gets WrongMoment with the moves that are open now. What people wrote goes into `told` and `words`,
        never into `text` and `data` (see kit/events.record).
        """
        way = self.life.decide(name, self.state, self.standings, self.facts)
        target = way.arrives(self.state, self.facts)
        if self.actor_id is not None:
            await stands(tx, self.actor_id)
        row: Any = self.table
        changed = await tx.execute(
            update(self.table)
            .where(row.id == self.id, row.state == self.state, row.version == self.version)
            .values(state=target, version=self.version + 1, updated_at=clock.now(), **columns)
            .returning(row.id)
        )
        if changed.first() is None:
            raise WrongMoment("别人刚刚处理了这件事，请按最新状态操作", moves=await self.look_again())
        record(
            tx,
            subject_kind=self.life.subject,
            subject_id=self.id,
            move=name,
            from_state=self.state.value,
            to_state=target.value,
            actor_id=self.actor_id,
            actor_title=self.actor_title,
            text=text,
            data=data,
            told=told,
            words=words,
        )
        self.state, self.version = target, self.version + 1
