"""The risk rank is a signal that can be switched off: then nothing is asked, and no address is kept for it."""

from sqlalchemy import text

from api.settings import Settings
from api.worker import _add_content
from tests.town import Town
from tests.wechat_fixture import Simulator


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
