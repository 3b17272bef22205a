"""Every call against the simulator over real HTTP: what it gives back, what it refuses."""

from datetime import timedelta

import pytest

from api.kit import cache, clock
from api.wechat import errors
from api.wechat.client import TEXT_LIMIT, WeChat
from api.wechat.results import MediaKind, Scene, Suggest
from tests.wechat_fixture import Simulator

TEMPLATE = "tmpl-answered-0123456789"
VALUES = {"thing1": "您的来信已答复", "date2": "2026年3月1日 09:00"}


async def test_a_login_code_becomes_a_session(wechat: WeChat, wechat_simulator: Simulator) -> None:
    session = await wechat.code_to_session(wechat_simulator.login_code("张三"))
    assert session.openid == wechat_simulator.openid("张三")
    assert session.unionid is None
    assert session.session_key not in repr(session)


async def test_a_bound_account_brings_its_unionid(wechat: WeChat, wechat_simulator: Simulator) -> None:
    wechat_simulator.visitor("张三", unionid="ocMvos6NjeKLIBqg5Mr9QjxrP1FA")
    session = await wechat.code_to_session(wechat_simulator.login_code("张三"))
    assert session.unionid == "ocMvos6NjeKLIBqg5Mr9QjxrP1FA"


async def test_a_developer_can_type_a_code(wechat: WeChat, wechat_simulator: Simulator) -> None:
    first = await wechat.code_to_session("dev:张三:1")
    second = await wechat.code_to_session("dev:张三:2")
    assert first.openid == second.openid == wechat_simulator.openid("张三")
    with pytest.raises(errors.LoginAgain):
        await wechat.code_to_session("dev:张三:1")
    phone = await wechat.phone_number("phone:张三:13900001234:1", first.openid)
    assert phone.number == "13900001234"


async def test_a_used_code_asks_the_person_to_log_in_again(
    wechat: WeChat, wechat_simulator: Simulator
) -> None:
    code = wechat_simulator.login_code("张三")
    await wechat.code_to_session(code)
    with pytest.raises(errors.LoginAgain) as refused:
        await wechat.code_to_session(code)
    assert refused.value.errcode == 40163
    assert refused.value.rid
    assert wechat_simulator.calls("/sns/jscode2session") == [0, 40163]


async def test_an_expired_code_asks_the_person_to_log_in_again(
    wechat: WeChat, wechat_simulator: Simulator
) -> None:
    code = wechat_simulator.login_code("张三")
    wechat_simulator.order("clock", seconds=301)
    with pytest.raises(errors.LoginAgain) as refused:
        await wechat.code_to_session(code)
    assert refused.value.errcode == 40029


@pytest.mark.parametrize("code", ["", " ", "a b", "a\nb", "x" * 129])
async def test_what_cannot_be_a_code_is_never_sent(
    wechat: WeChat, wechat_simulator: Simulator, code: str
) -> None:
    with pytest.raises(errors.LoginAgain):
        await wechat.code_to_session(code)
    assert wechat_simulator.calls() == []


async def test_a_blocked_person_is_told_apart(wechat: WeChat, wechat_simulator: Simulator) -> None:
    wechat_simulator.visitor("李四", blocked=True)
    with pytest.raises(errors.UserBlocked):
        await wechat.code_to_session(wechat_simulator.login_code("李四"))


async def test_a_phone_code_becomes_a_number(wechat: WeChat, wechat_simulator: Simulator) -> None:
    phone = await wechat.phone_number(wechat_simulator.phone_code("张三"), wechat_simulator.openid("张三"))
    assert (phone.number, phone.country_code) == ("13900001234", "86")
    assert phone.number not in repr(phone)
    assert abs(phone.given_at - clock.now()) < timedelta(seconds=5)


async def test_a_phone_code_of_somebody_else_is_refused(wechat: WeChat, wechat_simulator: Simulator) -> None:
    wechat_simulator.visitor("李四")
    with pytest.raises(errors.LoginAgain):
        await wechat.phone_number(wechat_simulator.phone_code("张三"), wechat_simulator.openid("李四"))


@pytest.mark.parametrize(
    ("text", "suggest", "label"),
    [
        ("路灯坏了，请来修", Suggest.passed, 100),
        ("广告推广请加我", Suggest.review, 10001),
        ("一起赌博 广告推广", Suggest.risky, 20006),
    ],
)
async def test_the_verdict_on_a_text_is_in_suggest(
    wechat: WeChat, wechat_simulator: Simulator, text: str, suggest: Suggest, label: int
) -> None:
    verdict = await wechat.check_text(text, openid=wechat_simulator.visitor("张三"), scene=Scene.forum)
    assert (verdict.suggest, verdict.label) == (suggest, label)
    assert len(verdict.trace_id) == 32


async def test_a_text_of_the_limit_is_checked_and_a_longer_one_is_not_sent(
    wechat: WeChat, wechat_simulator: Simulator
) -> None:
    openid = wechat_simulator.visitor("张三")
    assert (await wechat.check_text("好" * TEXT_LIMIT, openid=openid, scene=Scene.comment)).label == 100
    before = wechat_simulator.calls()
    for text in ("", "好" * (TEXT_LIMIT + 1)):
        with pytest.raises(errors.InputRejected):
            await wechat.check_text(text, openid=openid, scene=Scene.comment)
    assert wechat_simulator.calls() == before


async def test_whoever_has_not_been_here_for_two_hours_cannot_be_checked(
    wechat: WeChat, wechat_simulator: Simulator
) -> None:
    openid = wechat_simulator.visitor("张三")
    wechat_simulator.order("clock", seconds=2 * 3600 + 1)
    with pytest.raises(errors.NotVisited):
        await wechat.check_text("您好", openid=openid, scene=Scene.comment)


async def test_a_media_check_answers_with_the_trace_of_its_push(
    wechat: WeChat, wechat_simulator: Simulator
) -> None:
    openid = wechat_simulator.visitor("张三")
    for kind in MediaKind:
        trace = await wechat.check_media(
            "https://a.example/p.jpg", openid=openid, scene=Scene.forum, kind=kind
        )
        assert len(trace) == 32


async def test_a_message_reaches_whoever_agreed_once(wechat: WeChat, wechat_simulator: Simulator) -> None:
    openid = wechat_simulator.visitor("张三")
    wechat_simulator.consent(openid, TEMPLATE)
    message_id = await wechat.send_message(openid, TEMPLATE, VALUES, page="pages/case/show?id=1")
    with pytest.raises(errors.NoCredit):
        await wechat.send_message(openid, TEMPLATE, VALUES)
    [message] = wechat_simulator.messages()
    assert (message["openid"], message["values"], message["msgid"]) == (openid, VALUES, message_id)
    assert message["page"] == "pages/case/show?id=1"


async def test_a_value_that_does_not_fit_its_field_is_not_sent(
    wechat: WeChat, wechat_simulator: Simulator
) -> None:
    openid = wechat_simulator.visitor("张三")
    with pytest.raises(errors.InputRejected) as refused:
        await wechat.send_message(openid, TEMPLATE, {"thing1": "好" * 21})
    assert refused.value.field == "thing1"
    assert wechat_simulator.calls() == []


async def test_the_platform_names_the_field_it_misses(wechat: WeChat, wechat_simulator: Simulator) -> None:
    openid = wechat_simulator.visitor("张三")
    wechat_simulator.consent(openid, TEMPLATE)
    wechat_simulator.behave(templates={TEMPLATE: ["thing1", "phrase3"]})
    with pytest.raises(errors.InputRejected) as refused:
        await wechat.send_message(openid, TEMPLATE, {"thing1": "好"})
    assert (refused.value.errcode, refused.value.field) == (47003, "phrase3")


@pytest.mark.parametrize(
    ("behaviour", "values", "page", "expected", "errcode"),
    [
        ({"templates": {}}, VALUES, "", errors.InputRejected, 40037),
        ({"pages": ["pages/home"]}, VALUES, "pages/gone", errors.InputRejected, 41030),
        ({}, {"thing1": "含敏感词的内容"}, "", errors.SensitiveWords, 45168),
    ],
)
async def test_a_message_is_refused_for_what_is_wrong_with_it(
    wechat: WeChat,
    wechat_simulator: Simulator,
    behaviour: dict[str, object],
    values: dict[str, str],
    page: str,
    expected: type[errors.WeChatError],
    errcode: int,
) -> None:
    openid = wechat_simulator.visitor("张三")
    wechat_simulator.consent(openid, TEMPLATE)
    wechat_simulator.behave(**behaviour)
    with pytest.raises(expected) as refused:
        await wechat.send_message(openid, TEMPLATE, values, page=page)
    assert refused.value.errcode == errcode
    assert wechat_simulator.calls("/cgi-bin/message/subscribe/send") == [errcode]


async def test_a_mini_program_code_is_a_picture(wechat: WeChat, wechat_simulator: Simulator) -> None:
    one = await wechat.program_code("c=1", page="pages/community")
    other = await wechat.program_code("c=2", page="pages/community")
    assert one.media_type == "image/png"
    assert one.content.startswith(b"\x89PNG")
    assert one.content != other.content


@pytest.mark.parametrize("scene", ["", "a" * 33, "100%", "社区"])
async def test_a_scene_the_platform_would_refuse_is_not_sent(
    wechat: WeChat, wechat_simulator: Simulator, scene: str
) -> None:
    with pytest.raises(errors.InputRejected):
        await wechat.program_code(scene)
    assert wechat_simulator.calls() == []


async def test_a_code_for_a_page_that_does_not_exist_is_an_error_not_a_picture(
    wechat: WeChat, wechat_simulator: Simulator
) -> None:
    wechat_simulator.behave(pages=["pages/home"])
    with pytest.raises(errors.InputRejected) as refused:
        await wechat.program_code("c=1", page="pages/gone")
    assert refused.value.errcode == 41030


async def test_the_risk_rank_comes_without_a_phone_number(
    wechat: WeChat, wechat_simulator: Simulator
) -> None:
    rank = await wechat.risk_rank(wechat_simulator.visitor("张三", risk_rank=3), "127.0.0.1")
    assert rank.rank == 3
    assert rank.record_id is not None


async def test_a_session_key_is_checked_and_replaced(wechat: WeChat, wechat_simulator: Simulator) -> None:
    session = await wechat.code_to_session(wechat_simulator.login_code("张三"))
    assert await wechat.check_session(session.openid, session.session_key)
    renewed = await wechat.reset_session(session.openid, session.session_key)
    assert renewed.session_key != session.session_key
    assert not await wechat.check_session(session.openid, session.session_key)
    assert await wechat.check_session(session.openid, renewed.session_key)


async def test_chinese_travels_unescaped(wechat: WeChat, wechat_simulator: Simulator) -> None:
    """The simulator refuses \\u escapes, as 2,500 characters of them would be 15,000."""
    openid = wechat_simulator.visitor("张三")
    await wechat.check_text("井盖松动 🕳", openid=openid, scene=Scene.comment)
    assert wechat_simulator.calls("/wxa/msg_sec_check") == [0]


@pytest.mark.parametrize(
    "text", ["路径 C:\\users 与 \\u4f60", "响铃\x07与\x1b", '换行\n制表\t引号"', "半个\ud83d字"]
)
async def test_whatever_a_person_typed_reaches_the_platform_without_escapes(
    wechat: WeChat, wechat_simulator: Simulator, text: str
) -> None:
    await wechat.check_text(text, openid=wechat_simulator.visitor("张三"), scene=Scene.comment)
    assert wechat_simulator.calls("/wxa/msg_sec_check") == [0]


async def test_one_token_serves_every_call(
    wechat: WeChat, wechat_simulator: Simulator, redis: cache.Redis
) -> None:
    openid = wechat_simulator.visitor("张三")
    await wechat.risk_rank(openid, "127.0.0.1")
    async with WeChat(wechat_simulator.config, redis) as other:
        await other.risk_rank(openid, "127.0.0.1")
    assert wechat_simulator.calls("/cgi-bin/stable_token") == [0]
