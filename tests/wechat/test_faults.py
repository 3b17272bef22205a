"""Each way the platform can misbehave, and what becomes of it: typed error, retries, what the person reads."""

import asyncio
import time
from dataclasses import replace

import pytest

from api.kit import cache
from api.wechat import errors
from api.wechat.client import WeChat
from api.wechat.problems import translate
from api.wechat.results import Scene, Suggest
from tests.wechat_fixture import Simulator

LOGIN = "/sns/jscode2session"
PHONE = "/wxa/business/getuserphonenumber"
TEXT = "/wxa/msg_sec_check"
SEND = "/cgi-bin/message/subscribe/send"
DRAW = "/wxa/getwxacodeunlimit"
RANK = "/wxa/getuserriskrank"
TEMPLATE = "tmpl-0123456789"


async def check(wechat: WeChat, openid: str) -> Suggest:
    return (await wechat.check_text("路灯坏了", openid=openid, scene=Scene.forum)).suggest


async def send(wechat: WeChat, openid: str) -> None:
    await wechat.send_message(openid, TEMPLATE, {"thing1": "已答复"})


async def away_from_the_turn_of_the_minute(redis: cache.Redis) -> None:
    """What is tried within a minute must not straddle two."""
    seconds, microseconds = await redis.time()
    left = 60 - seconds % 60 - microseconds / 1_000_000
    if left < 3:
        await asyncio.sleep(left + 0.01)


@pytest.mark.parametrize("fault", ["lost_answer", "hung_answer", "cut_off", "gateway_page", "slow_drip"])
async def test_a_login_whose_answer_is_lost_is_never_repeated(
    wechat_simulator: Simulator, redis: cache.Redis, fault: str
) -> None:
    wechat_simulator.fault(fault, path=LOGIN, seconds=0.05)
    async with WeChat(replace(wechat_simulator.config, timeout=0.5), redis) as wechat:
        with pytest.raises(errors.CodeLost) as lost:
            await wechat.code_to_session(wechat_simulator.login_code("张三"))
    assert len(wechat_simulator.calls(LOGIN)) == 1
    problem = translate(lost.value)
    assert (problem.status, problem.code) == (401, "wechat_code_invalid")
    assert "请重新登录" in problem.detail


async def test_the_code_of_a_lost_answer_is_spent(wechat: WeChat, wechat_simulator: Simulator) -> None:
    code = wechat_simulator.login_code("张三")
    wechat_simulator.fault("lost_answer", path=LOGIN, times=1)
    with pytest.raises(errors.CodeLost):
        await wechat.code_to_session(code)
    with pytest.raises(errors.LoginAgain) as refused:
        await wechat.code_to_session(code)
    assert refused.value.errcode == 40163
    assert (await wechat.code_to_session(wechat_simulator.login_code("张三"))).openid


async def test_a_busy_platform_is_not_asked_twice_about_a_code(
    wechat: WeChat, wechat_simulator: Simulator
) -> None:
    wechat_simulator.fault("busy", path=LOGIN)
    with pytest.raises(errors.Busy) as busy:
        await wechat.code_to_session(wechat_simulator.login_code("张三"))
    assert wechat_simulator.calls(LOGIN) == [-1]
    problem = translate(busy.value)
    assert (problem.status, problem.code, problem.retry_after) == (503, "wechat_unavailable", 5)


async def test_an_expired_code_is_refused_as_such(wechat: WeChat, wechat_simulator: Simulator) -> None:
    wechat_simulator.fault("code_expired", path=LOGIN)
    with pytest.raises(errors.LoginAgain) as refused:
        await wechat.code_to_session(wechat_simulator.login_code("张三"))
    assert refused.value.errcode == 40029


async def test_a_login_without_an_openid_counts_as_lost(wechat: WeChat, wechat_simulator: Simulator) -> None:
    wechat_simulator.visitor("张三")
    wechat_simulator.platform.person(wechat_simulator.openid("张三")).session_key = ""
    with pytest.raises(errors.CodeLost):
        await wechat.code_to_session(wechat_simulator.login_code("张三"))


async def test_a_phone_answer_that_is_lost_asks_for_a_new_tap(
    wechat: WeChat, wechat_simulator: Simulator
) -> None:
    openid = wechat_simulator.visitor("张三")
    wechat_simulator.fault("lost_answer", path=PHONE)
    with pytest.raises(errors.CodeLost) as lost:
        await wechat.phone_number(wechat_simulator.phone_code("张三"), openid)
    assert len(wechat_simulator.calls(PHONE)) == 1
    problem = translate(lost.value)
    assert (problem.status, problem.code) == (422, "wechat_phone_code_invalid")


@pytest.mark.parametrize("fault", ["phone_mismatch", "foreign_watermark", "old_watermark"])
async def test_a_phone_number_that_may_not_be_this_persons_is_refused(
    wechat: WeChat, wechat_simulator: Simulator, fault: str
) -> None:
    openid = wechat_simulator.visitor("张三")
    wechat_simulator.fault(fault, path=PHONE)
    with pytest.raises(errors.LoginAgain) as refused:
        await wechat.phone_number(wechat_simulator.phone_code("张三"), openid)
    assert translate(refused.value).code == "wechat_phone_code_invalid"


@pytest.mark.parametrize(("busy", "made"), [(1, [-1, 0]), (2, [-1, -1, 0])])
async def test_a_busy_platform_is_asked_again_about_what_may_be_repeated(
    wechat: WeChat, wechat_simulator: Simulator, busy: int, made: list[int]
) -> None:
    openid = wechat_simulator.visitor("张三")
    wechat_simulator.fault("busy", path=TEXT, times=busy)
    assert await check(wechat, openid) is Suggest.passed
    assert wechat_simulator.calls(TEXT) == made


async def test_a_platform_busy_three_times_is_left_alone(wechat: WeChat, wechat_simulator: Simulator) -> None:
    openid = wechat_simulator.visitor("张三")
    wechat_simulator.fault("busy", path=TEXT)
    with pytest.raises(errors.Busy):
        await check(wechat, openid)
    assert wechat_simulator.calls(TEXT) == [-1, -1, -1]


async def test_a_busy_platform_is_not_asked_again_to_send(
    wechat: WeChat, wechat_simulator: Simulator
) -> None:
    openid = wechat_simulator.visitor("张三")
    wechat_simulator.fault("busy", path=SEND, times=1)
    with pytest.raises(errors.Busy):
        await send(wechat, openid)
    assert wechat_simulator.calls(SEND) == [-1]


@pytest.mark.parametrize("fault", ["lost_answer", "hung_answer"])
async def test_a_message_whose_answer_is_lost_may_have_gone_out_and_is_not_repeated(
    wechat_simulator: Simulator, redis: cache.Redis, fault: str
) -> None:
    openid = wechat_simulator.visitor("张三")
    wechat_simulator.consent(openid, TEMPLATE)
    wechat_simulator.fault(fault, path=SEND)
    async with WeChat(replace(wechat_simulator.config, timeout=0.5), redis) as wechat:
        with pytest.raises(errors.Ambiguous):
            await send(wechat, openid)
    assert len(wechat_simulator.messages()) == 1
    assert wechat_simulator.calls(SEND) == [0]


async def test_bytes_that_drip_do_not_hold_a_call_beyond_its_time(
    wechat_simulator: Simulator, redis: cache.Redis
) -> None:
    openid = wechat_simulator.visitor("张三")
    wechat_simulator.fault("slow_drip", path=RANK, seconds=0.1)
    async with WeChat(replace(wechat_simulator.config, timeout=1.0), redis) as wechat:
        await wechat.tokens.current()
        began = time.monotonic()
        with pytest.raises(errors.Ambiguous):
            await wechat.risk_rank(openid, "127.0.0.1")
    assert 0.9 < time.monotonic() - began < 2.5


async def test_a_platform_that_cannot_be_reached_was_never_sent_anything(
    wechat_simulator: Simulator, redis: cache.Redis
) -> None:
    async with WeChat(replace(wechat_simulator.config, base="http://127.0.0.1:9"), redis) as wechat:
        with pytest.raises(errors.NotSent) as unsent:
            await wechat.code_to_session(wechat_simulator.login_code("张三"))
    assert not isinstance(unsent.value, errors.Ambiguous)
    problem = translate(unsent.value)
    assert (problem.status, problem.code, problem.retry_after) == (503, "wechat_unavailable", 2)


@pytest.mark.parametrize("fault", ["cut_off", "gateway_page"])
async def test_an_answer_that_is_not_the_platforms_is_unreadable(
    wechat: WeChat, wechat_simulator: Simulator, fault: str
) -> None:
    openid = wechat_simulator.visitor("张三")
    wechat_simulator.fault(fault, path=TEXT)
    with pytest.raises(errors.Unreadable):
        await check(wechat, openid)


@pytest.mark.parametrize("fault", ["omit_errcode", "errcode_as_text", "label_as_text"])
async def test_drifting_types_and_missing_errcodes_are_understood(
    wechat: WeChat, wechat_simulator: Simulator, fault: str
) -> None:
    openid = wechat_simulator.visitor("张三")
    wechat_simulator.fault(fault)
    verdict = await wechat.check_text("一起赌博", openid=openid, scene=Scene.forum)
    assert (verdict.suggest, verdict.label) == (Suggest.risky, 20006)


async def test_an_errcode_in_quotes_is_still_a_refusal(wechat: WeChat, wechat_simulator: Simulator) -> None:
    wechat_simulator.fault("errcode_as_text", path=LOGIN)
    with pytest.raises(errors.LoginAgain):
        await wechat.code_to_session("0unknown")


async def test_a_picture_and_an_error_are_told_apart_whatever_their_labels_say(
    wechat: WeChat, wechat_simulator: Simulator
) -> None:
    wechat_simulator.fault("wrong_type", path=DRAW)
    assert (await wechat.program_code("c=1")).content.startswith(b"\x89PNG")
    wechat_simulator.behave(pages=[])
    with pytest.raises(errors.InputRejected) as refused:
        await wechat.program_code("c=1", page="pages/gone")
    assert refused.value.errcode == 41030


async def test_a_person_away_for_two_hours_is_told_apart(wechat: WeChat, wechat_simulator: Simulator) -> None:
    wechat_simulator.fault("not_visited", path=TEXT)
    with pytest.raises(errors.NotVisited):
        await check(wechat, wechat_simulator.visitor("张三"))


async def test_the_minutes_limit_pauses_the_call_for_every_process(
    wechat: WeChat, wechat_simulator: Simulator, redis: cache.Redis
) -> None:
    openid = wechat_simulator.visitor("张三")
    await away_from_the_turn_of_the_minute(redis)
    async with WeChat(wechat_simulator.config, redis) as other:
        assert await check(wechat, openid) is await check(other, openid) is Suggest.passed
        wechat_simulator.fault("minute_limit", path=TEXT, times=1)
        for client in (wechat, other, wechat):
            with pytest.raises(errors.MinuteLimited) as limited:
                await check(client, openid)
            assert 0 < (limited.value.retry_after or 0) <= 60
            assert translate(limited.value).retry_after == limited.value.retry_after
    assert wechat_simulator.calls(TEXT) == [0, 0, 45011]


async def test_one_persons_frequency_does_not_lock_everybody_out(
    wechat: WeChat, wechat_simulator: Simulator
) -> None:
    wechat_simulator.fault("minute_limit", path=LOGIN, times=1)
    with pytest.raises(errors.MinuteLimited):
        await wechat.code_to_session(wechat_simulator.login_code("张三"))
    assert (await wechat.code_to_session(wechat_simulator.login_code("李四"))).openid


async def test_a_spent_day_is_not_asked_about_again(wechat: WeChat, wechat_simulator: Simulator) -> None:
    openid = wechat_simulator.visitor("张三")
    wechat_simulator.fault("day_quota", path=TEXT, times=1)
    for _ in range(3):
        with pytest.raises(errors.QuotaSpent) as spent:
            await check(wechat, openid)
        assert 0 < (spent.value.retry_after or 0) <= 86400
    assert wechat_simulator.calls(TEXT) == [45009]


@pytest.mark.parametrize("errcode", [40013, 40125, 40164, 40243, 41002, 41004, 48001, 89501, 89503])
async def test_a_fault_of_our_account_is_told_to_the_operator(
    wechat: WeChat, wechat_simulator: Simulator, caplog: pytest.LogCaptureFixture, errcode: int
) -> None:
    wechat_simulator.fault("error", path=LOGIN, errcode=errcode, times=1)
    with pytest.raises(errors.AccountFault) as fault:
        await wechat.code_to_session(wechat_simulator.login_code("张三"))
    assert wechat_simulator.calls(LOGIN) == [errcode]
    assert translate(fault.value).code == "wechat_unavailable"
    [told] = [record for record in caplog.records if record.levelname == "ERROR"]
    assert str(errcode) in told.getMessage()
    assert str(fault.value.rid) in told.getMessage()


async def test_two_messages_to_one_person_at_once_are_one_too_many(
    wechat: WeChat, wechat_simulator: Simulator
) -> None:
    openid, other = wechat_simulator.visitor("张三"), wechat_simulator.visitor("李四")
    wechat_simulator.behave(send_seconds=0.3, credits_needed=False)
    await wechat.tokens.current()
    outcomes = await asyncio.gather(
        send(wechat, openid), send(wechat, openid), send(wechat, other), return_exceptions=True
    )
    assert sorted(type(outcome).__name__ for outcome in outcomes[:2]) == ["NoneType", "SendInFlight"]
    assert outcomes[2] is None


async def test_a_repeated_call_waits_a_moment_first(wechat: WeChat, wechat_simulator: Simulator) -> None:
    openid = wechat_simulator.visitor("张三")
    await wechat.tokens.current()
    wechat_simulator.fault("busy", path=TEXT, times=2)
    began = time.monotonic()
    await check(wechat, openid)
    assert time.monotonic() - began > 0.3  # 0.08–0.12 s and 0.24–0.36 s
