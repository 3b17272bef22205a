"""志愿服务记录证明: asked for, issued after a look at the document, printed in Chinese, checked by anybody, revoked."""

import subprocess
import sys
from datetime import date, datetime, timedelta
from typing import Any

from fastapi import FastAPI
from sqlalchemy import text

from api.kit import clock
from api.services.certificates.printing import Printer
from tests import neighbours as needs
from tests.activities import START, Pump, attended, published, sign_up, volunteer
from tests.kit.test_printing import characters
from tests.moments import MONDAY
from tests.neighbours import scalar
from tests.town import Actor, Town

ID = "11010519491231002X"


async def asked(town: Town, who: Actor, code: int = 201, **changes: Any) -> dict[str, Any]:
    body = {
        "place_id": str(town.here.place),
        "since": "2026-01-01",
        "until": "2026-12-31",
        "name": "欧阳䶮𠮷",
        "id_number": ID,
        **changes,
    }
    answer = await who.post("/me/certificates", body)
    assert answer.status_code == code, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def decided(who: Actor, certificate: str, move: str, code: int = 200, **body: Any) -> dict[str, Any]:
    answer = await who.post(f"/certificates/{certificate}/moves/{move}", body)
    assert answer.status_code == code, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def printed(app: FastAPI) -> None:
    state: Any = app.state
    printer = Printer(state.db, state.vault, "https://linli.example/")
    while await printer.run_one():
        pass


async def served(town: Town, pump: Pump, name: str = "小陈") -> Actor:
    """Somebody with two hours of the community here."""
    clock.set_to(MONDAY)
    chen = await volunteer(town, name)
    activity = await published(town)
    await sign_up(chen, activity)
    await attended(town, pump, chen, activity)
    return chen


async def test_a_certificate_is_issued_printed_checked_and_revoked(
    town: Town, pump: Pump, app: FastAPI
) -> None:
    here, chen = town.here, await served(town, pump)
    elsewhere = await asked(town, chen, 409, place_id=str(town.there.place))
    assert elsewhere["code"] == "nothing_to_certify"
    assert (await asked(town, chen, 422, id_number="110105194912310021"))["code"] == "malformed"
    made = await asked(town, chen)
    assert (made["state"], made["hours"], made["id_masked"]) == ("requested", "2.0", "1101************2X")
    assert (await asked(town, chen, 409))["code"] == "already_requested"
    number, anybody = made["number"], town.client
    assert (await anybody.get(f"/v1/certificates/{number}")).status_code == 404
    assert (await decided(chen, made["id"], "issue", 403))["code"] == "not_allowed"
    assert (await here.worker.get(f"/certificates?place={here.place}")).json()["items"] == []

    await pump()
    assert "服务证明待出具" in [n["title"] for n in (await here.secretary.get("/notices")).json()["items"]]
    issued = await decided(here.secretary, made["id"], "issue")
    assert (issued["state"], issued["name"], issued["printed"]) == ("issued", "欧阳䶮𠮷", False)
    pdf = f"/certificates/{made['id']}/pdf"
    assert (await chen.get(pdf)).json()["code"] == "not_printed"
    await printed(app)
    await pump()
    paper = await chen.get(pdf)
    assert paper.headers["content-type"] == "application/pdf"
    # The eight things of 民发〔2015〕149号: name, document, volunteer number, time, content, issuer, contact, number.
    for words in (
        "欧阳䶮𠮷",
        "居民身份证",
        "志愿者编号",
        "服务时长",
        "清洁家园",
        "梅园新村社区",
        "负责人",
        "编号",
    ):
        assert set(words) <= characters(paper.content), words
    assert (await town.stranger.get(pdf)).status_code == 404
    [told] = [n for n in (await chen.get("/notices")).json()["items"] if n["title"] == "服务证明已出具"]
    assert number in told["text"]

    checked = await anybody.get(f"/v1/certificates/{number}")
    assert (checked.status_code, checked.json()["valid"], checked.json()["name"]) == (200, True, "欧**𠮷")
    assert (checked.json()["issuer"], checked.json()["minutes"]) == ("梅园新村社区", 120)
    assert "阳䶮" not in checked.text
    page = await anybody.get(f"/v1/certificates/{number}", headers={"accept": "text/html,*/*"})
    assert ("证明有效" in page.text, "阳䶮" in page.text) == (True, False)
    [public] = (await here.resident.get(f"/certificate-publicity?place={here.place}")).json()["items"]
    assert (public["name"], public["hours"]) == ("欧**𠮷", "2.0")
    assert (await town.stranger.get(f"/certificate-publicity?place={here.place}")).json()["items"] == []

    assert (await decided(here.worker, made["id"], "revoke", 404, reason="冒用证件"))["code"] == "not_found"
    revoked = await decided(here.secretary, made["id"], "revoke", reason="冒用他人证件")
    assert revoked["state"] == "revoked"
    after = (await anybody.get(f"/v1/certificates/{number}")).json()
    assert (after["valid"], after["reason"]) == (False, "冒用他人证件")
    assert (await chen.get(pdf)).json()["code"] == "not_printed"
    assert ID not in await scalar(town, "select string_agg(row_to_json(c)::text, '') from certificates c")


async def test_a_known_identity_is_not_checked_twice_and_a_new_one_is(
    town: Town, pump: Pump, app: FastAPI
) -> None:
    chen = await served(town, pump)
    first = await asked(town, chen, name="张三😀")
    await decided(town.here.secretary, first["id"], "issue")
    again = await asked(town, chen, name="张三😀", until="2026-11-30")
    assert (again["state"], again["handler_name"] is not None) == ("issued", True)
    other = await asked(town, chen, name="李四")
    assert other["state"] == "requested"
    assert (await decided(chen, other["id"], "withdraw"))["state"] == "withdrawn"
    await printed(app)
    shown = (await chen.get("/me/certificates")).json()["items"]
    assert [c["missing"] for c in shown] == [[], ["😀"], ["😀"]]
    await decided(town.here.secretary, first["id"], "revoke", reason="重复")
    await decided(town.here.secretary, again["id"], "revoke", reason="重复")
    assert (await asked(town, chen, name="张三😀"))["state"] == "requested"


async def test_what_was_countered_is_not_certified_and_publicity_ends_after_seven_days(
    town: Town, pump: Pump
) -> None:
    here, chen = town.here, await served(town, pump)
    made = await asked(town, chen)
    [record] = (await chen.get("/me/service-records")).json()["items"]
    issued = await asked(town, await _twin(town, pump), name="王五")
    await decided(here.secretary, issued["id"], "issue")
    answer = await here.worker.post(f"/service-records/{record['id']}/counter", {"reason": "没有到场"})
    assert answer.status_code == 201
    assert (await decided(here.secretary, made["id"], "issue", 409))["code"] == "hours_changed"
    assert (await decided(here.secretary, made["id"], "refuse", reason="时长已冲正"))["state"] == "refused"
    feed = f"/certificate-publicity?place={here.place}"
    assert len((await here.resident.get(feed)).json()["items"]) == 1
    clock.move(timedelta(days=7, seconds=1))
    assert (await here.resident.get(feed)).json()["items"] == []


async def test_the_certificate_of_somebody_who_left_says_so_and_nothing_of_whose_it_was(
    town: Town, pump: Pump, app: FastAPI
) -> None:
    chen = await served(town, pump)
    made = await asked(town, chen)
    issued = await decided(town.here.secretary, made["id"], "issue")
    await printed(app)
    address = f"/v1/certificates/{made['number']}"
    before = (await town.client.get(address)).json()
    assert (before["valid"], before["name"], before["activities"]) == (True, "欧**𠮷", 1)
    due = datetime.fromisoformat((await chen.call("DELETE", "/me")).json()["due_at"])
    clock.set_to(due + timedelta(seconds=1))
    await pump()
    left = (await town.client.get(address)).json()
    assert {name: value for name, value in left.items() if value is not None} == {
        "number": made["number"], "valid": False, "state": "revoked", "issuer": "梅园新村社区",
        "issued_at": issued["issued_at"], "reason": "持证人已注销",
    }  # fmt: skip
    assert left.keys() == before.keys()
    page = (await town.client.get(address, headers={"accept": "text/html"})).text
    assert "证明已撤销" in page
    assert "持证人已注销" in page
    assert not [words for words in ("姓名", "欧", "证件", "居民身份证", "服务时", "None") if words in page]
    listed = (await town.here.secretary.get(f"/certificates?place={town.here.place}")).json()["items"]
    assert not [part for part in ("欧", "1101", "清洁家园") if part in str(listed)]


async def test_a_fulfilled_need_gives_points_and_no_hours(town: Town, pump: Pump) -> None:
    """docs/adr/0024: nobody but who did it has said how long it took."""
    clock.set_to(MONDAY)
    chen = await volunteer(town, "小陈")
    for ends in ("confirm", "lapse"):
        need = await needs.published(town, "/help-requests")
        await needs.move(chen, need, "claim")
        await needs.move(chen, need, "contact")
        await needs.move(chen, need, "finish", text="修好了", minutes=90)
        if ends == "confirm":
            await needs.move(town.here.resident, need, "confirm", stars=5)
    clock.move(timedelta(days=8))
    await pump()
    states = "select string_agg(state, ' ' order by state) from needs"
    assert await scalar(town, states) == "confirmed unconfirmed"
    assert await scalar(town, "select sum(minutes) from points_entries") == 180
    mine = (await chen.get("/me/service-records")).json()
    assert (mine["automatic_minutes"], mine["added_minutes"], mine["items"]) == (0, 0, [])
    assert (await asked(town, chen, 409))["code"] == "nothing_to_certify"


async def _twin(town: Town, pump: Pump) -> Actor:
    """Another with two hours, a week later."""
    later = START + timedelta(days=7)
    wang = await volunteer(town, "老王")
    activity = await published(town, starts=later)
    await sign_up(wang, activity)
    await attended(town, pump, wang, activity, later)
    assert clock.local(clock.now()).date() > date(2026, 12, 5)
    return wang


async def test_a_certificate_that_cannot_be_printed_holds_up_no_other(
    town: Town, pump: Pump, app: FastAPI
) -> None:
    chen = await served(town, pump)
    made = await asked(town, chen)
    await decided(town.here.secretary, made["id"], "issue")
    async with town.app.state.db.transaction() as tx:
        await tx.execute(
            text("update certificates set name_sealed = 'broken' where id = :id"), {"id": made["id"]}
        )
    good = await asked(town, await _twin(town, pump), name="王五")
    await decided(town.here.secretary, good["id"], "issue")
    await printed(app)
    assert (await scalar(town, "select count(*) from certificates where printed_at is not null")) == 1


def test_an_api_process_loads_no_typesetting() -> None:
    told = "import api.main, sys; sys.exit(any(m in sys.modules for m in ('typst', 'numpy', 'noto_cjk_sans_otc')))"
    assert subprocess.run([sys.executable, "-c", told], check=False).returncode == 0
