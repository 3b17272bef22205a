"""The first administrator, made before anybody can sign in."""

import pytest

from api.kit.problems import Problem
from api.rules.roles import Role
from api.services import setup
from tests.town import Actor, Town, sign_in

PASSWORD = "正确的口令 horse battery"


async def test_a_fresh_administrator_signs_in_with_the_secret_that_was_shown(town: Town) -> None:
    db, vault = town.app.state.db, town.app.state.vault
    async with db.transaction() as tx:
        made = await setup.create_administrator(
            tx,
            vault,
            username="zhou.min",
            password=PASSWORD,
            nickname="周敏",
            role=Role.town_supervisor,
            place_code="320102002000",
        )
    assert made.totp_uri.startswith("otpauth://totp/")
    who = await sign_in(
        Actor(
            "周敏",
            made.person_id,
            town.client,
            prefix="/admin/v1",
            username="zhou.min",
            totp=made.totp_secret,
        )
    )
    assert [g["title"] for g in (await who.get("/me")).json()["grants"]] == ["街道督办"]
    assert (await who.get("/queue")).status_code == 403

    async with db.transaction() as tx:
        await setup.grant_to_username(tx, username="zhou.min", role=Role.auditor, place_code="320102000000")
    assert (await who.get("/queue")).status_code == 200
    with pytest.raises(Problem, match="已有这个角色"):
        async with db.transaction() as tx:
            await setup.grant_to_username(
                tx, username="zhou.min", role=Role.auditor, place_code="320102000000"
            )


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"username": "Zhou Min"}, "bad_username"),
        ({"password": "short"}, "weak_password"),
        ({"role": Role.property_staff}, "no_console_role"),
        ({"place_code": "990000000000"}, "not_found"),
        ({"username": "taken"}, "username_taken"),
    ],
)
async def test_what_cannot_be_an_administrator_leaves_nothing_behind(
    town: Town, changes: dict[str, object], code: str
) -> None:
    db, vault = town.app.state.db, town.app.state.vault
    right: dict[str, object] = {
        "username": "zhou.min",
        "password": PASSWORD,
        "nickname": "周敏",
        "role": Role.operator,
        "place_code": "320102000000",
    }
    async with db.transaction() as tx:
        await setup.create_administrator(tx, vault, **{**right, "username": "taken"})  # type: ignore[arg-type]
    before = len((await town.operator.get("/people?limit=100")).json()["items"])
    with pytest.raises(Problem) as refused:
        async with db.transaction() as tx:
            await setup.create_administrator(tx, vault, **{**right, **changes})  # type: ignore[arg-type]
    assert refused.value.code == code
    assert len((await town.operator.get("/people?limit=100")).json()["items"]) == before
