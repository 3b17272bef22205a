"""The platform's memory: people, codes, tokens, credits, what was called and what was sent."""

import base64
import hashlib
import secrets
import time
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import ConfigDict

from api.wechat.config import WeChatConfig
from api.wechat.simulator.faults import FaultName, Faults

CODE_LIFE = 300
VISIT_LIFE = 2 * 3600
TOKEN_LIFE = 7200
ROTATES_BEFORE = 300

CodeKind = Literal["login", "phone"]


class Refusal(Exception):
    """An errcode the platform answers."""

    def __init__(self, errcode: int, errmsg: str) -> None:
        self.errcode = errcode
        self.errmsg = errmsg
        super().__init__(errmsg)


@dataclass(slots=True)
class Person:
    openid: str
    session_key: str = field(
        default_factory=lambda: base64.b64encode(secrets.token_bytes(16)).decode(), repr=False
    )
    unionid: str | None = None
    blocked: bool = False
    risk_rank: int = 0
    visited_at: float | None = None
    credits: dict[str, int] = field(default_factory=dict)
    """template_id → messages the person has agreed to."""


@dataclass(slots=True)
class Code:
    """A one-shot code of wx.login or of the phone number button."""

    kind: CodeKind
    openid: str
    minted_at: float
    phone: str = field(default="", repr=False)
    used: bool = False


@dataclass(slots=True)
class AccessToken:
    value: str = field(repr=False)
    ends_at: float
    killed: bool = False


@dataclass(slots=True)
class Behaviour:
    """Settings of the stand-in that are no faults."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    callback: str | None = None
    """Where pushes go; none are sent without it."""
    push_format: Literal["json", "xml"] = "json"
    push_plain: bool = False
    pushes: Literal["now", "hold", "never"] = "now"
    media_version: Literal[1, 2] = 2
    credits_needed: bool = True
    """43101 without a credit."""
    templates: dict[str, list[str]] | None = None
    """template_id → keys (`thing1`); any template is known when None."""
    pages: list[str] | None = None
    """Pages that exist; any when None."""
    send_seconds: float = 0.0
    """How long a message is on its way; another to the same person meanwhile is 43108."""
    per_minute: dict[str, int] = field(default_factory=dict)
    """path → calls allowed in a minute."""
    verdicts: dict[str, tuple[str, int]] = field(
        default_factory=lambda: {
            "广告推广": ("review", 10001),
            "待审": ("review", 21000),
            "review": ("review", 21000),
            "色情": ("risky", 20002),
            "赌博": ("risky", 20006),
            "诈骗": ("risky", 20008),
            "risky": ("risky", 20002),
        }
    )
    """What a text or a picture's address must contain → suggest, label; the worst counts."""
    sensitive: list[str] = field(default_factory=lambda: ["敏感词"])
    """Words that make a message 45168."""


class Platform:
    """One account (`config`) on a platform with a clock of its own that `/_control/clock` moves."""

    def __init__(self, config: WeChatConfig, callback: str | None = None) -> None:
        self.config = config
        self._callback = callback
        self.minted: set[str] = set()
        """Every secret ever handed out here, so that a test can look for them where they must not be."""
        self.reset()

    def reset(self) -> None:
        """A fresh platform that has seen nobody; tokens handed out before are unknown to it."""
        self.behaviour = Behaviour(callback=self._callback)
        self.faults = Faults()
        self.people: dict[str, Person] = {}
        self.codes: dict[str, Code] = {}
        self.tokens: dict[str, AccessToken] = {}
        self.current: AccessToken | None = None
        self.calls: list[dict[str, Any]] = []
        self.messages: list[dict[str, Any]] = []
        self.outbox: list[dict[str, Any]] = []
        self.in_flight: set[str] = set()
        self.forced: list[float] = []
        self.minutes: dict[tuple[str, int], int] = {}
        self._shift = 0.0

    def now(self) -> float:
        """Seconds on this platform's own clock."""
        return time.monotonic() + self._shift

    def wait(self, seconds: float) -> None:
        """Let `seconds` pass at once."""
        self._shift += seconds

    def openid_of(self, name: str) -> str:
        """The openid of the demo person `name`: always the same for one appid."""
        digest = hashlib.sha256(f"{self.config.appid}:{name}".encode()).digest()
        return "o" + base64.urlsafe_b64encode(digest).decode()[:27]

    def person(self, openid: str) -> Person:
        """The person, met for the first time if need be."""
        if openid not in self.people:
            self.people[openid] = Person(openid)
            self.minted.add(self.people[openid].session_key)
        return self.people[openid]

    def visit(self, openid: str) -> Person:
        person = self.person(openid)
        person.visited_at = self.now()
        return person

    def mint(self, kind: CodeKind, openid: str, phone: str = "") -> str:
        """A code as wx.login or the phone number button gives it to the phone."""
        self.person(openid)
        code = "0" + secrets.token_urlsafe(24)[:31]
        self.codes[code] = Code(kind, openid, self.now(), phone)
        self.minted |= {code, phone} - {""}
        return code

    def redeem(self, kind: CodeKind, code: str, path: str) -> Code:
        """Use a code up. 40029 unknown or expired, 40163 used."""
        if code not in self.codes:
            self._meet(code)
        found = self.codes.get(code)
        if found is None or found.kind != kind:
            raise Refusal(40029, "invalid code")
        if found.used:
            raise Refusal(40163, "code been used")
        found.used = True
        if self.now() - found.minted_at > CODE_LIFE or self.faults.strikes(FaultName.code_expired, path):
            raise Refusal(40029, "invalid code")
        return found

    def _meet(self, code: str) -> None:
        """Codes a developer can type: `dev:<name>[:<nonce>]`, `phone:<name>:<number>[:<nonce>]`."""
        match code.split(":"):
            case ["dev", name] | ["dev", name, _] if name:
                self.codes[code] = Code("login", self.openid_of(name), self.now())
            case ["phone", name, number] | ["phone", name, number, _] if name and number.isdecimal():
                self.codes[code] = Code("phone", self.openid_of(name), self.now(), number)
                self.minted.add(number)
            case _:
                return
        self.minted.add(code)

    def stable_token(self, *, force: bool, path: str) -> tuple[str, int]:
        """The current token and its seconds left; a new one when forced, dead, or five minutes from its end."""
        now = self.now()
        if force:
            self.forced = [moment for moment in self.forced if now - moment < 86400]
            if len(self.forced) >= 20:
                raise Refusal(45009, "reach max api daily quota limit")
            if self.forced and now - self.forced[-1] < 30:
                raise Refusal(45011, "api minute-quota reach limit")
            self.forced.append(now)
            if self.current:
                self.current.killed = True
        known = self.current
        stuck = self.faults.strikes(FaultName.stuck_token, path)
        due = known is None or (known.killed and not stuck) or known.ends_at - now <= ROTATES_BEFORE
        if due or self.faults.strikes(FaultName.early_rotation, path):
            if known and not due:
                known.ends_at = now + ROTATES_BEFORE
            known = self.rotate()
        assert known is not None
        short = self.faults.strikes(FaultName.short_expiry, path)
        return known.value, 300 if short else int(known.ends_at - now)

    def rotate(self) -> AccessToken:
        """Make a new token the current one; the old one lives to its end."""
        token = AccessToken(f"{secrets.randbelow(100)}_{secrets.token_urlsafe(96)}", self.now() + TOKEN_LIFE)
        self.tokens[token.value] = self.current = token
        self.minted.add(token.value)
        return token

    def check_token(self, value: str | None) -> None:
        if not value:
            raise Refusal(41001, "access_token missing")
        token = self.tokens.get(value)
        if token is None or token.killed:
            raise Refusal(40001, "invalid credential, access_token is invalid or not latest")
        if token.ends_at <= self.now():
            raise Refusal(42001, "access_token expired")

    def count(self, path: str) -> None:
        """45011 above the calls `behaviour.per_minute` allows."""
        key = (path, int(self.now() // 60))
        self.minutes[key] = self.minutes.get(key, 0) + 1
        if self.minutes[key] > self.behaviour.per_minute.get(path, self.minutes[key]):
            raise Refusal(45011, "api minute-quota reach limit")

    def verdict(self, content: str) -> tuple[str, int]:
        """(suggest, label) for what `content` contains."""
        found = [verdict for needle, verdict in self.behaviour.verdicts.items() if needle in content]
        return min(
            found, key=lambda verdict: ["risky", "review", "pass"].index(verdict[0]), default=("pass", 100)
        )
