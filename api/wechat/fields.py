"""Values of subscription messages (订阅消息), checked and shortened by the type in the key: `thing1`, `date2`.

The platform refuses a whole message for one bad value (47003) and has used up nothing; so values are made to
fit here. Source: the limits table of the platform's sendMessage page.
"""

import re
import unicodedata
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import NamedTuple

_KEY = re.compile(r"([a-z_]+?)_?(\d+)")
_HAN = r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_CLOCK = r"(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d)?"
_DAY = r"\d{4}(?:年(?:0?[1-9]|1[0-2])月(?:0?[1-9]|[12]\d|3[01])日|([-/.])(?:0?[1-9]|1[0-2])\1(?:0?[1-9]|[12]\d|3[01]))"
_DAY_AGAIN = _DAY.replace("\\1", "\\2")
_TIME = re.compile(rf"(?:{_DAY} ?)?{_CLOCK}(?: ?~ ?(?:{_DAY_AGAIN} ?)?{_CLOCK})?")
_DATE = re.compile(rf"{_DAY}(?: {_CLOCK})?(?: ?~ ?{_DAY_AGAIN}(?: {_CLOCK})?)?")
_CURRENCY = r"[¥￥$€£₩₽฿]"


@dataclass(frozen=True, slots=True)
class _Kind:
    reason: str
    """What a value of this type must be, in Chinese."""
    allowed: Callable[[str], bool]
    limit: int
    stray: re.Pattern[str] | None = None
    """Characters `clip` may leave out; None where a shortened value would be a wrong one."""


def _matching(pattern: str) -> Callable[[str], bool]:
    return lambda value: re.fullmatch(pattern, value) is not None


def _is_name(value: str) -> bool:
    """Ten characters with a 汉字 among them, else twenty."""
    return len(value) <= (10 if re.search(f"[{_HAN}]", value) else 20)


_KINDS: dict[str, _Kind] = {
    "thing": _Kind("20 个以内字符", lambda value: True, 20, re.compile(r"(?!)")),
    "number": _Kind("32 位以内数字，可带小数", _matching(r"-?\d+(?:\.\d+)?"), 32),
    "letter": _Kind("32 位以内字母", _matching(r"[A-Za-z]+"), 32, re.compile(r"[^A-Za-z]")),
    "symbol": _Kind(
        "5 位以内符号", _matching(rf"[^0-9A-Za-z\s{_HAN}]+"), 5, re.compile(rf"[0-9A-Za-z\s{_HAN}]")
    ),
    "character_string": _Kind(
        "32 位以内数字、字母或符号",
        _matching(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?"),
        32,
        re.compile(r"[^\x20-\x7e]"),
    ),
    "time": _Kind(
        "24 小时制时间，如 15:01 或 2019年10月1日 15:01", lambda v: _TIME.fullmatch(v) is not None, 64
    ),
    "date": _Kind(
        "年月日，如 2019年10月1日 或 2019年10月1日 15:01", lambda v: _DATE.fullmatch(v) is not None, 64
    ),
    "amount": _Kind(
        "1 个币种符号加 10 位以内数字，可带小数，可以“元”结尾",
        _matching(rf"{_CURRENCY}?\d{{1,10}}(?:\.\d+)?元?"),
        24,
    ),
    "phone_number": _Kind("17 位以内数字、符号", _matching(r"[-+()#*\d ]+"), 17),
    "car_number": _Kind(
        "8 位以内，首末位可为汉字，其余为字母或数字",
        _matching(rf"[{_HAN}A-Za-z0-9][A-Za-z0-9]*[{_HAN}A-Za-z0-9]?"),
        8,
    ),
    "name": _Kind("10 个以内汉字或 20 个以内字母、符号", _matching(r"\D+"), 20, re.compile(r"\d")),
    "phrase": _Kind("5 个以内汉字", _matching(f"[{_HAN}]+"), 5, re.compile(f"[^{_HAN}]")),
    "enum": _Kind("模板给出的枚举值之一", lambda value: True, 32),
}


class Fault(NamedTuple):
    """A value the platform would refuse."""

    key: str
    reason: str


def kind_of(key: str) -> str | None:
    """`thing` of `thing1`; None for a key of no known type."""
    found = _KEY.fullmatch(key)
    return found.group(1) if found and found.group(1) in _KINDS else None


def fault(key: str, value: str, choices: Collection[str] = ()) -> str | None:
    """Why the platform would refuse `value` under `key`, in Chinese; None when it is fine.

    `choices`: the values of an enum field, where the template is known.
    """
    kind = _KINDS.get(kind_of(key) or "")
    if kind is None:
        return "未知的字段类型"
    if not value.strip():
        return "不能为空"
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in value):
        return "不能含有换行等控制字符"
    fits = (
        units(value) <= kind.limit and kind.allowed(value) and (kind is not _KINDS["name"] or _is_name(value))
    )
    if not fits or (kind is _KINDS["enum"] and choices and value not in choices):
        return f"应为{kind.reason}"
    return None


def first_fault(values: Mapping[str, str]) -> Fault | None:
    """The first value of a message the platform would refuse."""
    for key, value in values.items():
        if (reason := fault(key, value)) is not None:
            return Fault(key, reason)
    return None


def clip(key: str, text: str) -> str:
    """`text` made to fit `key`: one line, stray characters left out, shortened with `…` where the type has it.

    Types that cannot be shortened without becoming wrong (number, time, amount …) come back as they are;
    `fault` says whether the result is acceptable.
    """
    kind = _KINDS.get(kind_of(key) or "")
    if kind is None or kind.stray is None:
        return text.strip()
    kept = "".join(
        " " if unicodedata.category(character) in ("Cc", "Zl", "Zp") else character for character in text
    )
    line = " ".join(kind.stray.sub("", kept).split())
    limit = 10 if kind is _KINDS["name"] and re.search(f"[{_HAN}]", line) else kind.limit
    if units(line) <= limit:
        return line
    mark = "…" if kind is _KINDS["thing"] else ""
    while units(line) > limit - len(mark):
        line = line[:-1]
    return line.rstrip() + mark


def units(text: str) -> int:
    """Length as the platform may count it: UTF-16 units, so that a rare character or an emoji counts two."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
