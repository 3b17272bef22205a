"""Accounts: that a person's own is in use, who am I, and how I am called."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit.problems import NotAllowed
from api.models import Person
from api.rules.people import PersonState
from api.rules.roles import capacity
from api.services.access import Viewer, reach_of


async def active(tx: AsyncSession, viewer: Viewer) -> Person:
    """The viewer's own row. Raises NotAllowed for a blocked account whose session has not ended yet."""
    person = (await tx.execute(select(Person).where(col(Person.id) == viewer.person_id))).scalar_one()
    if person.state is not PersonState.active:
        raise NotAllowed("该账号已停用，请联系社区")
    return person


async def title_of(tx: AsyncSession, viewer: Viewer) -> str:
    """In which capacity the viewer acts where no single place says so."""
    return capacity(frozenset(r.role for r in await reach_of(tx, viewer)))
