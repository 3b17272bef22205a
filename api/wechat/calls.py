"""Every call of the platform we make, as data: where it is, what may be repeated, how often it is allowed."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Call:
    """One endpoint. Limits are the platform's published ones for an appid; None where it publishes none."""

    name: str
    method: Literal["GET", "POST"]
    path: str
    idempotent: bool
    """Doing it twice is doing it once: only then a busy platform is asked again."""
    bears_token: bool = True
    spends_code: bool = False
    """Uses up a one-shot code: an answer that never came means the code is gone."""
    limit_is_personal: bool = False
    """45011 is about one person's frequency, so it must not pause everybody else."""
    per_minute: int | None = None
    per_day: int | None = None


STABLE_TOKEN = Call(
    "stable_token", "POST", "/cgi-bin/stable_token", idempotent=True, bears_token=False, per_minute=10_000
)
FORCED_TOKEN = Call(
    "forced_token", "POST", "/cgi-bin/stable_token", idempotent=False, bears_token=False, per_day=20
)
CODE_TO_SESSION = Call(
    "code_to_session",
    "GET",
    "/sns/jscode2session",
    idempotent=False,
    bears_token=False,
    spends_code=True,
    limit_is_personal=True,
)
PHONE_NUMBER = Call(
    "phone_number", "POST", "/wxa/business/getuserphonenumber", idempotent=False, spends_code=True
)
CHECK_TEXT = Call(
    "check_text", "POST", "/wxa/msg_sec_check", idempotent=True, per_minute=4_000, per_day=2_000_000
)
CHECK_MEDIA = Call(
    "check_media", "POST", "/wxa/media_check_async", idempotent=False, per_minute=2_000, per_day=200_000
)
SEND_MESSAGE = Call(
    "send_message", "POST", "/cgi-bin/message/subscribe/send", idempotent=False, per_day=10_000_000
)
PROGRAM_CODE = Call("program_code", "POST", "/wxa/getwxacodeunlimit", idempotent=True, per_minute=5_000)
RISK_RANK = Call("risk_rank", "POST", "/wxa/getuserriskrank", idempotent=True)
CHECK_SESSION = Call("check_session", "GET", "/wxa/checksession", idempotent=True)
RESET_SESSION = Call("reset_session", "GET", "/wxa/resetusersessionkey", idempotent=False)
