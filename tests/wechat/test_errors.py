"""The table of the contract: which errcode is which error, and what a person reads."""

import pytest

from api.wechat import errors
from api.wechat.errors import error_of
from api.wechat.problems import translate

TABLE: list[tuple[tuple[int, ...], type[errors.WeChatError]]] = [
    ((-1, 61080), errors.Busy),
    ((40001, 40014, 42001), errors.TokenRejected),
    ((40029, 40163, 87007, 87009), errors.LoginAgain),
    ((40226,), errors.UserBlocked),
    ((45011, 44991, 61081), errors.MinuteLimited),
    ((45009,), errors.QuotaSpent),
    ((40013, 40125, 40164, 40243, 41002, 41004, 48001, 89500, 89599), errors.AccountFault),
    ((40003, 40037, 40066, 40097, 41030, 47001, 47003), errors.InputRejected),
    ((61010,), errors.NotVisited),
    ((45168,), errors.SensitiveWords),
    ((43101,), errors.NoCredit),
    ((43108,), errors.SendInFlight),
    ((1, 99999, 87014, 40100, 89600, -1008), errors.Refused),
]


@pytest.mark.parametrize(("codes", "expected"), TABLE)
def test_an_errcode_is_the_error_of_the_table(
    codes: tuple[int, ...], expected: type[errors.WeChatError]
) -> None:
    assert {type(error_of("try", code)) for code in codes} == {expected}


def test_a_rejected_token_in_a_call_without_one_is_a_rejected_secret() -> None:
    assert type(error_of("stable_token", 40001, bears_token=False)) is errors.CredentialFault


def test_an_error_tells_the_call_the_code_and_the_rid_and_nothing_the_platform_repeats() -> None:
    error = error_of(
        "send_message", 47003, "argument invalid! data.thing1.value invalid secret-abc rid: 66a1-b2-c3"
    )
    assert str(error) == "send_message · InputRejected · errcode 47003 · field thing1 · rid 66a1-b2-c3"
    assert (error.field, error.rid) == ("thing1", "66a1-b2-c3")


@pytest.mark.parametrize("errmsg", [None, 5, "", "ok", "rid:"])
def test_an_errmsg_without_a_rid_has_none(errmsg: object) -> None:
    assert errors.rid_of(errmsg) is None


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (errors.LoginAgain("code_to_session", 40029), 401, "wechat_code_invalid"),
        (errors.CodeLost("code_to_session"), 401, "wechat_code_invalid"),
        (errors.LoginAgain("phone_number", 40029), 422, "wechat_phone_code_invalid"),
        (errors.CodeLost("phone_number"), 422, "wechat_phone_code_invalid"),
        (errors.UserBlocked("code_to_session", 40226), 403, "wechat_user_blocked"),
        (errors.Busy("check_text", -1), 503, "wechat_unavailable"),
        (errors.NotSent("check_text"), 503, "wechat_unavailable"),
        (errors.Ambiguous("check_text"), 503, "wechat_unavailable"),
        (errors.MinuteLimited("check_text", 45011), 503, "wechat_unavailable"),
        (errors.BreakerOpen("stable_token", retry_after=17), 503, "wechat_unavailable"),
        (errors.AccountFault("stable_token", 40125), 503, "wechat_unavailable"),
        (errors.InputRejected("send_message", 47003), 500, "internal"),
        (errors.Refused("send_message", 1), 500, "internal"),
    ],
)
def test_a_person_reads_a_problem_in_chinese(error: errors.WeChatError, status: int, code: str) -> None:
    problem = translate(error)
    assert (problem.status, problem.code) == (status, code)
    assert problem.retry_after == (error.retry_after or problem.retry_after)
    assert (status == 503) == (problem.retry_after is not None)
    assert any("\u4e00" <= character <= "\u9fff" for character in problem.detail)
