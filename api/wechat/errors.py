"""What the platform can answer instead of success, by what we do about it (errcode → class).

An error carries the call's name, errcode and rid: never the URL, a token, secret, code or the errmsg,
which may repeat what was sent.
"""

import re


class WeChatError(Exception):
    """Any failure of a call. `rid` is the platform's request id, for its support."""

    def __init__(
        self,
        call: str,
        errcode: int | None = None,
        rid: str | None = None,
        *,
        retry_after: int | None = None,
        field: str | None = None,
    ) -> None:
        self.call = call
        self.errcode = errcode
        self.rid = rid
        self.retry_after = retry_after
        """Whole seconds after which another attempt makes sense; None when unknown."""
        self.field = field
        """The template field the platform named (47003), such as `thing1`."""
        parts = (
            call,
            type(self).__name__,
            f"errcode {errcode}" if errcode is not None else None,
            f"field {field}" if field else None,
            f"rid {rid}" if rid else None,
        )
        super().__init__(" · ".join(part for part in parts if part))


class NotSent(WeChatError):
    """The platform could not be reached: nothing arrived, the call may be made again."""


class Ambiguous(WeChatError):
    """Sent, but no answer came: it may have been done. One-shot calls are reconciled, never repeated."""


class Unreadable(Ambiguous):
    """An answer came that is not the platform's (a gateway's page, cut off, not JSON): may have been done."""


class Busy(WeChatError):
    """系统繁忙: the platform asks to come again in a moment."""


class TokenRejected(WeChatError):
    """The access_token is not, or no longer, valid."""


class LoginAgain(WeChatError):
    """The person's code or session is bad, used or expired: only the phone can get a new one."""


class CodeLost(LoginAgain):
    """A one-shot code was sent and the answer never came: the code counts as used."""


class UserBlocked(WeChatError):
    """高风险用户: the platform refuses to log this person in."""


class MinuteLimited(WeChatError):
    """The minute's allowance is used up; `retry_after` is the next minute."""


class AccountFault(WeChatError):
    """Secret, appid, IP list or permissions of our account are wrong: an operator must act."""


class QuotaSpent(AccountFault):
    """The day's allowance is used up; it returns at midnight in China."""


class CredentialFault(AccountFault):
    """The platform keeps handing out a token it rejects, or rejects our secret."""


class BreakerOpen(WeChatError):
    """No call was made: the last ones failed, and it is too early to try again."""


class InputRejected(WeChatError):
    """What we sent is wrong; sending it again changes nothing."""


class NotVisited(InputRejected):
    """The person has not opened the mini-program in the last two hours (61010)."""


class SensitiveWords(InputRejected):
    """The message contains words the platform does not deliver (45168)."""


class NoCredit(WeChatError):
    """The person has not (or no longer) agreed to a message of this template (43101)."""


class SendInFlight(WeChatError):
    """Another message to the same person is on its way (43108): one at a time."""


class Refused(WeChatError):
    """An errcode the contract does not name."""


_BY_CODE: dict[int, type[WeChatError]] = {
    **dict.fromkeys((-1, 61080), Busy),
    **dict.fromkeys((40001, 40014, 42001), TokenRejected),
    **dict.fromkeys((40029, 40163, 87007, 87009), LoginAgain),
    40226: UserBlocked,
    **dict.fromkeys((45011, 44991, 61081), MinuteLimited),
    45009: QuotaSpent,
    **dict.fromkeys((40013, 40125, 40164, 40243, 41002, 41004, 48001), AccountFault),
    61010: NotVisited,
    45168: SensitiveWords,
    43101: NoCredit,
    43108: SendInFlight,
    41030: InputRejected,
}
_RANGES: tuple[tuple[range, type[WeChatError]], ...] = (
    (range(89500, 89600), AccountFault),
    (range(40000, 40100), InputRejected),
    (range(47000, 47010), InputRejected),
)
_RID = re.compile(r"rid:\s*([0-9A-Za-z-]{1,64})")
_FIELD = re.compile(r"\bdata\.([a-z_]+\d+)\b")


def rid_of(errmsg: object) -> str | None:
    """The request id at the end of `errmsg`, if it has one."""
    found = _RID.search(errmsg) if isinstance(errmsg, str) else None
    return found.group(1) if found else None


def error_of(call: str, errcode: int, errmsg: object = "", *, bears_token: bool = True) -> WeChatError:
    """The typed error for `errcode`.

    A call that bears no access_token cannot have it refused: there 40001 speaks of our secret.
    """
    kind = _BY_CODE.get(errcode)
    if kind is None:
        kind = next((found for codes, found in _RANGES if errcode in codes), Refused)
    if kind is TokenRejected and not bears_token:
        kind = CredentialFault
    named = _FIELD.search(errmsg) if isinstance(errmsg, str) and errcode == 47003 else None
    return kind(call, errcode, rid_of(errmsg), field=named.group(1) if named else None)
