"""The code of a check-in: of one activity, one half minute, and in one spelling."""

from datetime import UTC, datetime
from hashlib import sha256
from uuid import UUID

import pytest

from api.rules.checkins import STEP, CheckinCodeRefused, check_code, code_at

ACTIVITY, OTHER = UUID(int=1), UUID(int=2)
AT = datetime(2026, 11, 28, 1, 0, 5, tzinfo=UTC)
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def sign(text: str) -> bytes:
    return sha256(text.encode()).digest()


def accepted(code: str, activity: UUID = ACTIVITY, at: datetime = AT) -> bool:
    try:
        check_code(sign, activity, code, at)
    except CheckinCodeRefused:
        return False
    return True


def test_a_code_lives_as_long_as_the_next_one_is_shown_and_is_of_one_activity() -> None:
    code, until = code_at(sign, ACTIVITY, AT)
    assert until == AT.replace(second=30)
    assert [accepted(code, at=AT + n * STEP) for n in (-1, 0, 1, 2)] == [False, True, True, False]
    assert not accepted(code, OTHER)


@pytest.mark.parametrize("activity", [UUID(int=n) for n in range(4)])
def test_no_letter_of_a_code_can_be_another(activity: UUID) -> None:
    code, _ = code_at(sign, activity, AT)
    others = [code[:n] + letter + code[n + 1 :] for n in range(len(code)) for letter in LETTERS]
    assert {other for other in others if accepted(other, activity)} == {code}
    assert not any(
        accepted(odd, activity) for odd in (f"{code}=", f"{code} ", f"*{code}", code[:-1], "", "é")
    )
