"""The ways in which the simulator can misbehave, switched on over `POST /_control/faults`."""

from dataclasses import dataclass
from enum import StrEnum


class FaultName(StrEnum):
    """What goes wrong. Members without a path in the switch apply to every call."""

    busy = "busy"
    """errcode −1."""
    error = "error"
    """The errcode given in the switch."""
    minute_limit = "minute_limit"
    """45011."""
    day_quota = "day_quota"
    """45009."""
    omit_errcode = "omit_errcode"
    """Success without errcode and errmsg."""
    errcode_as_text = "errcode_as_text"
    label_as_text = "label_as_text"
    short_expiry = "short_expiry"
    """expires_in is 300, always."""
    early_rotation = "early_rotation"
    """Each stable_token hands out a new token; the old one lives on for five minutes."""
    stuck_token = "stuck_token"  # noqa: S105
    """A killed token is handed out again and again."""
    code_expired = "code_expired"
    lost_answer = "lost_answer"
    """The call is done, then the connection is cut."""
    hung_answer = "hung_answer"
    """The call is done, then nothing comes."""
    slow_drip = "slow_drip"
    """The answer comes one byte each `seconds`."""
    not_visited = "not_visited"
    """61010."""
    phone_mismatch = "phone_mismatch"
    """The phone code belongs to another person."""
    foreign_watermark = "foreign_watermark"
    old_watermark = "old_watermark"
    gateway_page = "gateway_page"
    """502 with a page of HTML."""
    cut_off = "cut_off"
    """Half of the JSON."""
    wrong_type = "wrong_type"
    """A picture labelled application/json, JSON labelled image/jpeg."""


@dataclass(slots=True)
class Fault:
    """One switch: how often it still strikes (None: until cleared), where, and with what."""

    name: FaultName
    path: str | None = None
    times: int | None = None
    errcode: int = 0
    seconds: float = 0.2


class Faults:
    """The switches that are on."""

    def __init__(self) -> None:
        self._on: list[Fault] = []

    def switch(self, fault: Fault) -> None:
        self._on.append(fault)

    def clear(self) -> None:
        self._on.clear()

    def strikes(self, name: FaultName, path: str) -> Fault | None:
        """The fault, used once, when `name` is on for `path`."""
        for fault in self._on:
            if fault.name is name and fault.path in (None, path) and fault.times != 0:
                if fault.times is not None:
                    fault.times -= 1
                return fault
        return None
