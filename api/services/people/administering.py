"""What staff do to somebody's account: see the whole number for a reason, block it, let it in again."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from api.kit.events import record
from api.kit.problems import NotAllowed, NotFound
from api.kit.secrets import Vault
from api.models import Person
from api.rules.people import PEOPLE, PersonMove, PersonStanding, PersonState
from api.rules.roles import PERMISSION_TITLES, Permission
from api.services.access import Viewer
from api.services.moves import Subject
from api.services.people.accounts import title_of
from api.services.people.belonging import PHONE
from api.services.people.reading import find_person, permissions_over, standings

PersonSubject = Subject[PersonState, PersonStanding, None]


class NoPhone(NotFound):
    code, title = "no_phone", "这个人没有登记手机号"


async def unmask(tx: AsyncSession, vault: Vault, viewer: Viewer, person_id: UUID, reason: str) -> str:
    """The whole number, and an event that says who saw it and why.

    Raises NotFound, NotAllowed, NoPhone.
    """
    person, _ = await find_person(tx, viewer, person_id)
    if Permission.person_unmask not in await permissions_over(tx, viewer, person_id):
        raise NotAllowed(f"您没有此处的权限：{PERMISSION_TITLES[Permission.person_unmask]}")
    if person.phone_sealed is None:
        raise NoPhone
    record(
        tx,
        subject_kind="person",
        subject_id=person_id,
        move="unmask",
        actor_id=viewer.person_id,
        actor_title=await title_of(tx, viewer),
        words={"reason": reason},
    )
    return vault.open(PHONE, person.phone_sealed)


async def find(tx: AsyncSession, viewer: Viewer, person_id: UUID) -> PersonSubject:
    """The account as `viewer` reaches it. Raises NotFound, NotAllowed."""
    person, _ = await find_person(tx, viewer, person_id)

    async def look_again() -> list[str]:
        return (await find(tx, viewer, person_id)).moves()

    return PersonSubject(
        PEOPLE,
        Person,
        person_id,
        person.state,
        person.version,
        await standings(tx, viewer, person_id),
        None,
        viewer.person_id,
        await title_of(tx, viewer),
        look_again,
        person,
    )


async def move(tx: AsyncSession, viewer: Viewer, person_id: UUID, name: PersonMove, reason: str) -> None:
    """停用、恢复. Whoever calls this ends the sessions of a blocked person after the commit."""
    account = await find(tx, viewer, person_id)
    await account.move(tx, name, words={"reason": reason})
