"""Handing in a wish or help request, one's own or for somebody without an account (代录)."""

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import literal_column, select, update
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit.events import record
from api.kit.problems import NotAllowed, NotFound, Problem
from api.kit.secrets import Vault
from api.models import Home, Need, Person, Place, Residency
from api.models.people import PersonId
from api.models.places import HomeId, PlaceId
from api.rules.channels import check_channel
from api.rules.content import ContentState
from api.rules.need_words import KIND_TITLES, OPEN, NeedCategory, NeedClock, NeedKind, Urgency
from api.rules.needs import OPEN_WISHES
from api.rules.people import ResidencyState
from api.rules.places import PREFIX_LENGTHS, Level
from api.rules.roles import Permission, capacity
from api.services.access import Viewer, require
from api.services.content import moderation
from api.services.needs import clocks
from api.services.needs.finding import find
from api.services.needs.reading import NAME
from api.services.people.accounts import active
from api.services.people.belonging import PHONE
from api.services.places.finding import find_place
from api.services.uploads.attaching import attach


class WishesEnough(Problem):
    status, code, title = 409, "wishes_enough", "一户同时最多有两个未完成的微心愿"
    advice = "先确认或撤回已有的，再提新的。"


class RisksMissing(Problem):
    status, code, title = 422, "risks_missing", "志愿求助须说明可能的风险"
    advice = "《志愿服务条例》第十三条：如实说明服务的内容和可能发生的风险。"


@dataclass(frozen=True, slots=True)
class OnBehalf:
    """For whom a worker records."""

    name: str
    phone: str
    consent: str


@dataclass(frozen=True, slots=True)
class NewNeed:
    """What is handed in; exactly one of place and home."""

    title: str
    text: str
    category: NeedCategory
    place_id: UUID | None
    home_id: UUID | None
    urgency: Urgency
    skills: list[str]
    qualifications: list[str]
    min_age: int | None
    insured: bool
    seats: int
    due_on: date | None
    risks: str | None
    on_behalf_of: OnBehalf | None
    uploads: list[UUID]


async def submit(tx: AsyncSession, vault: Vault, viewer: Viewer, kind: NeedKind, new: NewNeed) -> UUID:
    """Hand in. Raises WrongChannel, RisksMissing, NotFound, WrongLevel, NotAllowed, WishesEnough."""
    await active(tx, viewer)
    if kind is NeedKind.help and not new.risks:
        raise RisksMissing
    check_channel(new.title, new.text)
    place = await _place(tx, new)
    community = await _community(tx, place)
    if new.on_behalf_of is not None:
        roles = await require(tx, viewer, Permission.need_record, place.path)
        author, title = await _by_phone(tx, vault, new.on_behalf_of.phone), capacity(roles)
        household = await _household_of(tx, vault, new, author, community.id)
    else:
        author, title = viewer.person_id, "居民"
        household = await _own_household(tx, viewer, new, community.id)
    recorded = new.on_behalf_of
    need = Need(
        kind=kind,
        **{f: getattr(new, f) for f in _PLAIN},
        free_seats=list(range(1, new.seats + 1)),
        place_id=PlaceId(place.id),
        path=place.path,
        community_id=PlaceId(community.id),
        home_id=HomeId(new.home_id) if new.home_id is not None else None,
        household=household,
        author_id=PersonId(author) if author is not None else None,
        recorder_id=viewer.person_id if recorded is not None else None,
        behalf_name_sealed=vault.seal(NAME, recorded.name) if recorded is not None else None,
        behalf_phone_sealed=vault.seal(PHONE, recorded.phone) if recorded is not None else None,
        consent=recorded.consent if recorded is not None else None,
    )
    await _insert(tx, need)
    record(
        tx,
        subject_kind="need",
        subject_id=need.id,
        move="submit",
        to_state=need.state,
        actor_id=viewer.person_id,
        actor_title=title,
        text=f"提交{KIND_TITLES[kind]}" if recorded is None else f"代居民提交{KIND_TITLES[kind]}",
    )
    await tx.flush()
    await attach(tx, viewer.person_id, new.uploads, subject_kind="need", subject_id=need.id)
    await _watch(tx, need.id, author, place.path, new.title, new.text, new.risks)
    await clocks.start(tx, need.id, NeedClock.screening)
    return need.id


async def _watch(tx: AsyncSession, need_id: UUID, author: UUID | None, path: str, *texts: str | None) -> None:
    await moderation.watch(
        tx, subject_kind="need", subject_id=need_id, author_id=author, texts=texts, path=path
    )


_PLAIN = (
    "title", "text", "category", "urgency", "skills", "qualifications", "min_age", "insured", "seats", "due_on", "risks",
)  # fmt: skip


async def _insert(tx: AsyncSession, need: Need) -> None:
    """A wish takes one of its household's numbered places: the unique index refuses the third, nobody counts."""
    values: dict[str, Any] = need.model_dump()
    if need.kind is NeedKind.help:
        await tx.execute(insert(Need).values(values))
        return
    for number in range(1, OPEN_WISHES + 1):
        written: Any = await tx.execute(
            insert(Need)
            .values({**values, "place_in_household": number})
            .on_conflict_do_nothing(
                index_elements=["household", "place_in_household"],
                index_where=sql("state in (" + ", ".join(f"'{s.value}'" for s in OPEN) + ")"),
            )
            .returning(literal_column("1"))
        )
        if written.first() is not None:
            return
    raise WishesEnough


async def _place(tx: AsyncSession, new: NewNeed) -> Place:
    place_id = new.place_id
    if new.home_id is not None:
        found = await tx.execute(select(col(Home.building_id)).where(col(Home.id) == new.home_id))
        place_id = found.scalar_one_or_none()
    if place_id is None:
        raise NotFound("没有这套房屋")
    return await find_place(tx, place_id, Level.village, Level.grid, Level.building)


async def _community(tx: AsyncSession, place: Place) -> Place:
    path = place.path[: PREFIX_LENGTHS[-1]]
    return (await tx.execute(select(Place).where(col(Place.path) == path))).scalar_one()


async def _homes(tx: AsyncSession, person_id: UUID, community_id: UUID) -> list[UUID]:
    """Where somebody lives in the community, the earliest first."""
    found = await tx.execute(
        select(col(Residency.home_id))
        .where(
            col(Residency.person_id) == person_id,
            col(Residency.community_id) == community_id,
            col(Residency.state) == ResidencyState.verified,
        )
        .order_by(col(Residency.id))
    )
    return list(found.scalars())


async def _own_household(tx: AsyncSession, viewer: Viewer, new: NewNeed, community_id: UUID) -> UUID:
    """The author's home, by which wishes are counted. Raises NotAllowed, NotFound for a home not his."""
    homes = await _homes(tx, viewer.person_id, community_id)
    if not homes:
        raise NotAllowed("请先登记居住关系，由社区核实后再提出需求")
    if new.home_id is not None and new.home_id not in homes:
        raise NotFound("没有这套房屋，或您未登记居住在此")
    return new.home_id or homes[0]


async def _by_phone(tx: AsyncSession, vault: Vault, phone: str) -> UUID | None:
    found = await tx.execute(
        select(col(Person.id)).where(col(Person.phone_index) == vault.index(PHONE, phone))
    )
    return found.scalar_one_or_none()


async def _household_of(
    tx: AsyncSession, vault: Vault, new: NewNeed, author: UUID | None, community_id: UUID
) -> UUID:
    """The home named; else the person's; else the number stands for the household."""
    if new.home_id is not None:
        return new.home_id
    if author is not None:
        return next(iter(await _homes(tx, author, community_id)), author)
    assert new.on_behalf_of is not None
    return UUID(bytes=vault.index(PHONE, new.on_behalf_of.phone)[:16])


async def submit_again(
    tx: AsyncSession, actor: Viewer, need_id: UUID, *, title: str | None, text: str | None
) -> None:
    """修改后再提交: what changed is screened anew."""
    need = await find(tx, actor, need_id)
    need.require("submit")
    changes: dict[str, Any] = {k: v for k, v in {"title": title, "text": text}.items() if v is not None}
    check_channel(*changes.values())
    await need.move(tx, "submit", text="修改后再提交", content=ContentState.pending)
    if changes:
        await tx.execute(update(Need).where(col(Need.id) == need_id).values(**changes))
        row = {**need.row, **changes}
        await _watch(tx, need_id, row["author_id"], row["path"], row["title"], row["text"], row["risks"])
    await clocks.start(tx, need_id, NeedClock.screening)
