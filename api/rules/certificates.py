"""志愿服务记录证明: its life-cycle, its number, and what of an identity it shows.

What it states follows 民发〔2015〕149号, part two: 身份信息 (name, document, volunteer number), 服务信息 (hours,
content), 出具主体 (issuer with 负责人、经办人 and contact), and 证明编号、出具日期. The order of work (申请、受理、
出具、公示 of seven days) is part three's.
"""

import secrets
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from api.kit.lifecycle import Lifecycle, Move
from api.kit.problems import Problem

PUBLICITY: timedelta = timedelta(days=7)
"""公示 of an issued certificate among the members of the issuer."""
LINES_SHOWN = 60
"""Activities named one by one; a certificate of more says the rest in one line."""


class IdKind(StrEnum):
    """证件类型：居民身份证、护照、港澳台居民证件、其他"""

    resident_id = "resident_id"
    passport = "passport"
    travel_permit = "travel_permit"
    other = "other"


ID_TITLES: dict[IdKind, str] = {
    IdKind.resident_id: "居民身份证",
    IdKind.passport: "护照",
    IdKind.travel_permit: "港澳台居民证件",
    IdKind.other: "其他证件",
}


class CertificateState(StrEnum):
    """证明状态：待核发、已出具、未通过、已撤销、已撤回"""

    requested = "requested"
    issued = "issued"
    refused = "refused"
    revoked = "revoked"
    withdrawn = "withdrawn"


class CertificateMove(StrEnum):
    """证明上的操作：出具、不予出具、撤销、撤回申请"""

    issue = "issue"
    refuse = "refuse"
    revoke = "revoke"
    withdraw = "withdraw"


class CertificateStanding(StrEnum):
    """What somebody is to a certificate: 本人、出具单位负责人（非本人）、系统"""

    self = "self"
    issuer = "issuer"
    system = "system"


CERTIFICATE_TITLES: dict[CertificateState, str] = {
    CertificateState.requested: "待核发",
    CertificateState.issued: "已出具",
    CertificateState.refused: "未通过",
    CertificateState.revoked: "已撤销",
    CertificateState.withdrawn: "已撤回",
}
CERTIFICATE_STANDING_TITLES: dict[CertificateStanding, str] = {
    CertificateStanding.self: "本人",
    CertificateStanding.issuer: "出具单位负责人（非本人）",
    CertificateStanding.system: "系统",
}


class NothingToCertify(Problem):
    status, code, title = 409, "nothing_to_certify", "这段时间在这个社区没有可以证明的服务时长"
    advice = "谁组织谁记录、谁记录谁证明：请向组织活动的社区申请。"


class HoursChanged(Problem):
    status, code, title = 409, "hours_changed", "申请之后时长有冲正，已没有可以证明的服务时长"


class NotPrinted(Problem):
    status, code, title = 409, "not_printed", "证明正在生成，请稍后再试"


class OwnCertificate(Problem):
    status, code, title = 403, "own_certificate", "不能给自己出具证明"


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """What the guards look at."""

    own: bool = False
    """The actor's own certificate."""


_S, _BY, _M = CertificateState, CertificateStanding, CertificateMove
_ISSUER = frozenset({_BY.issuer})


def _not_own(facts: CertificateFacts) -> Problem | None:
    return OwnCertificate() if facts.own else None


CERTIFICATES: Lifecycle[CertificateState, CertificateStanding, CertificateFacts] = Lifecycle(
    "certificate",
    "志愿服务记录证明",
    _S.requested,
    [
        Move(_M.issue, "出具", (_S.requested,), _S.issued, frozenset({_BY.issuer, _BY.system}), _not_own,
             "核对证件后出具，公示 7 天；同一单位核对过同一身份的，再次申请即由系统出具"),
        Move(_M.refuse, "不予出具", (_S.requested,), _S.refused, _ISSUER, _not_own, "写明原因"),
        Move(_M.withdraw, "撤回申请", (_S.requested,), _S.withdrawn, frozenset({_BY.self})),
        Move(_M.revoke, "撤销", (_S.issued,), _S.revoked, _ISSUER, _not_own,
             "写明原因；扫码查验即显示已撤销"),
    ],
)  # fmt: skip

_ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Without letters and digits that are taken for one another on paper."""
_LETTERS = 12


def new_number(community: str, year: int) -> str:
    """`320102002001-2026-` and twelve letters: 58 random bits, so that no number is guessed from another."""
    return f"{community}-{year}-" + "".join(secrets.choice(_ALPHABET) for _ in range(_LETTERS))


def masked_name(name: str) -> str:
    """张*, 欧*修: the first character, of three and more the last as well."""
    return name[:1] + "*" * max(1, len(name) - 2) + (name[-1:] if len(name) > 2 else "")


def masked_id(number: str) -> str:
    """3201************1X: the first four and the last two; of short ones the last two alone."""
    if len(number) >= 12:
        return f"{number[:4]}{'*' * (len(number) - 6)}{number[-2:]}"
    return f"{'*' * (len(number) - 2)}{number[-2:]}"


_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def is_resident_id(number: str) -> bool:
    """Whether the check character of a 居民身份证 number is right (GB 11643-1999)."""
    if len(number) != 18 or not number[:17].isascii() or not number[:17].isdigit():
        return False
    total = sum(int(digit) * weight for digit, weight in zip(number, _WEIGHTS, strict=False))
    return number[17] == "10X98765432"[total % 11]


def hours_of(minutes: int) -> str:
    """Hours to one decimal, never more than was served: 95 → 1.5."""
    tenths = minutes // 6
    return f"{tenths // 10}.{tenths % 10}"
