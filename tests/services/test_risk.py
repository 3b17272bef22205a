"""用户风险等级 is a signal: asked now and then, and one that can be switched off, whereupon nothing is kept for it."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import UUID

from sqlalchemy import select, text
from sqlmodel import col

from api.kit import clock
from api.models import Person, RiskRating
from api.models.people import PersonId
from api.services.content import moderation, risk
from api.settings import Settings
from api.worker import _add_content
from tests.town import Town
from tests.wechat_fixture import Simulator

Pump = Callable[[], Awaitable[None]]


class Named:
    """Loops by name, none of them run."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def add(self, name: str, *_: object, **__: object) -> None:
        self.names.append(name)


def loops_of(town: Town, settings: Settings) -> list[str]:
    state, found = town.app.state, Named()
    _add_content(found, settings, state.db, state.wechat, state.pictures)  # type: ignore[arg-type]
    return found.names


async def test_switched_off_it_is_not_asked_for_and_nothing_is_written_down_at_login(
    town: Town, settings: Settings, wechat_simulator: Simulator
) -> None:
    async def rated(name: str, on: bool) -> int:
        town.app.state.settings = settings.model_copy(update={"wechat_risk_rank": on})
        answer = await town.client.post("/v1/sessions", json={"code": wechat_simulator.login_code(name)})
        async with town.app.state.db.reading() as tx:
            found = await tx.execute(
                text("select count(*) from risk_ratings where person_id = :who"),
                {"who": answer.json()["person"]["id"]},
            )
            return int(found.scalar_one())

    assert (await rated("新人甲", on=True), await rated("新人乙", on=False)) == (1, 0)
    on, off = (settings.model_copy(update={"wechat_risk_rank": value}) for value in (True, False))
    assert ("risk" in loops_of(town, on), "risk" in loops_of(town, off)) == (True, False)


async def _nobody_is_rated(town: Town) -> None:
    """The town's own people logged in as well."""
    async with town.app.state.db.transaction() as tx:
        await tx.execute(text("delete from risk_ratings"))


async def _rating(town: Town, person: UUID) -> RiskRating | None:
    async with town.app.state.db.reading() as tx:
        found = await tx.execute(select(RiskRating).where(col(RiskRating.person_id) == person))
        return found.scalar_one_or_none()


async def test_a_newcomers_risk_is_asked_once_and_again_when_he_writes_after_a_day(
    town: Town, pump: Pump, wechat_simulator: Simulator
) -> None:
    await _nobody_is_rated(town)
    wechat_simulator.visitor("新人", risk_rank=3)
    code = wechat_simulator.login_code("新人")
    entered = (await town.client.post("/v1/sessions", json={"code": code})).json()
    who = UUID(entered["person"]["id"])
    asked: list[str] = []

    async def rate(openid: str, client_ip: str) -> int:
        asked.append(client_ip)
        return (await town.app.state.wechat.risk_rank(openid, client_ip)).rank  # type: ignore[no-any-return]

    rater = risk.Rater(town.app.state.db, rate)
    while await rater.run_one():
        pass
    rated = await _rating(town, who)
    assert rated is not None
    assert (rated.rank, rated.next_at, len(asked)) == (3, None, 1)
    clock.move(timedelta(hours=25))
    async with town.app.state.db.transaction() as tx:
        await moderation.watch(
            tx, subject_kind="nickname", subject_id=who, author_id=who, texts=["新人"], path="32/"
        )
    await pump()
    while await rater.run_one():
        pass
    assert len(asked) == 2


async def test_a_rank_nobody_gives_is_not_asked_for_ever(town: Town) -> None:
    await _nobody_is_rated(town)
    async with town.app.state.db.transaction() as tx:
        person = Person(nickname="居民")
        tx.add(person)
        await tx.flush()
        await risk.note_login(tx, PersonId(person.id), "o-nobody", "127.0.0.1")
    asked = 0

    async def refuses(openid: str, client_ip: str) -> int:
        nonlocal asked
        asked += 1
        raise ConnectionError

    rater = risk.Rater(town.app.state.db, refuses)
    for _ in range(10):
        while await rater.run_one():
            pass
        clock.move(timedelta(hours=1))
    rated = await _rating(town, person.id)
    assert rated is not None
    assert (asked, rated.rank, rated.next_at) == (risk.MOST_ATTEMPTS, None, None)
