"""Who logs in: WeChat identities become people, console credentials are checked with a second factor."""

from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import NewType

import pyotp
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from sqlalchemy import and_, case, literal, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.kit.events import record
from api.kit.ids import new_id
from api.kit.problems import NotAllowed, Problem
from api.kit.secrets import Vault
from api.models import Credential, Grant, Person, WechatIdentity
from api.models.people import PersonId
from api.rules.people import UNNAMED, PersonState
from api.rules.roles import CONSOLE_ROLES
from api.services.access import live

TOTP = "totp"
REFUSED_LOGIN = "login"
"""Kind of subject of a login that nobody is known to have tried."""
STEP_S = 30
ATTEMPTS = 5
LOCKED_FOR = timedelta(minutes=15)

Hashed = NewType("Hashed", str)
_hasher = PasswordHasher()  # argon2id, the library's current parameters (RFC 9106, low-memory)


class BadCredentials(Problem):
    status, code, title = 401, "bad_credentials", "用户名、密码或动态口令不正确"
    advice = "连续 5 次不正确会锁定 15 分钟。"


class Locked(Problem):
    status, code, title = 429, "login_locked", "登录失败次数过多，账号暂时锁定"

    @classmethod
    def for_seconds(cls, left: int) -> "Locked":
        """With what is left of the lock."""
        return cls(f"账号已锁定，请 {left // 60 + 1} 分钟后再试", retry_after=left)


class PersonBlocked(Problem):
    status, code, title = 403, "person_blocked", "该账号已停用，请联系社区"


@dataclass(frozen=True, slots=True)
class Entered:
    person: Person
    is_new: bool


async def enter(tx: AsyncSession, *, app: str, openid: str, unionid: str | None) -> Entered:
    """The person behind a WeChat identity, made on the first visit. Raises PersonBlocked.

    Two first visits at once wait for each other and make one person; the unique pair of app and openid backs it.
    """
    known = await _known(tx, app, openid)
    if known is None:
        await tx.execute(_ONE_AT_A_TIME, {"identity": f"{app}/{openid}"})
        known = await _known(tx, app, openid)
    if known is not None:
        if known.state is not PersonState.active:
            raise PersonBlocked
        return Entered(known, False)
    person = Person(nickname=UNNAMED)
    tx.add(person)
    await tx.flush()
    tx.add(WechatIdentity(app=app, openid=openid, unionid=unionid, person_id=person.id))
    record(
        tx,
        subject_kind="person",
        subject_id=person.id,
        move="register",
        actor_id=person.id,
        actor_title="居民",
    )
    return Entered(person, True)


_ONE_AT_A_TIME = text("select pg_advisory_xact_lock(hashtextextended(:identity, 1))")


async def _known(tx: AsyncSession, app: str, openid: str) -> Person | None:
    found = await tx.execute(
        select(Person)
        .join(WechatIdentity, col(WechatIdentity.person_id) == col(Person.id))
        .where(col(WechatIdentity.app) == app, col(WechatIdentity.openid) == openid)
    )
    return found.scalar_one_or_none()


@cache
def _nobodys() -> str:
    """What an unknown user's password is compared with, so that it takes as long; made when first needed."""
    return _hasher.hash("nobody has this password")


def hash_password(password: str) -> Hashed:
    """argon2id, with its parameters in the text."""
    return Hashed(_hasher.hash(password))


def verify_password(hashed: str | None, password: str) -> bool:
    """Whether it matches; takes as long for an unknown user as for a known one. CPU-bound: run in a thread."""
    try:
        return _hasher.verify(hashed or _nobodys(), password) and hashed is not None
    except (VerifyMismatchError, InvalidHashError):
        return False


@dataclass(frozen=True, slots=True)
class Candidate:
    """What is on record for a username, read before the password is checked outside any transaction."""

    person_id: PersonId
    password_hash: str
    totp_secret: str


async def attempt(tx: AsyncSession, vault: Vault, username: str) -> Candidate | None:
    """Take one of the five attempts of `username`, before anything is compared; None for nobody.

    One conditional statement: of a hundred guesses at once five are compared. Raises Locked.
    """
    now = clock.now()
    tried = col(Credential.failures) + 1
    locked = col(Credential.locked_until)
    taken = await tx.execute(
        update(Credential)
        .where(col(Credential.username) == username, or_(locked.is_(None), locked <= now))
        .values(
            failures=case((locked.is_not(None), 1), else_=tried),
            locked_until=case(
                (and_(locked.is_(None), tried >= ATTEMPTS), literal(now + LOCKED_FOR)), else_=None
            ),
        )
        .returning(col(Credential.person_id), col(Credential.password_hash), col(Credential.totp_sealed))
    )
    row = taken.first()
    if row is not None:
        return Candidate(row[0], row[1], vault.open(TOTP, row[2]))
    until = (
        await tx.execute(select(locked).where(col(Credential.username) == username))
    ).scalar_one_or_none()
    if until is None:
        return None
    left = max(int((until - now).total_seconds()), 0) + 1
    raise Locked.for_seconds(left)


def matching_step(secret: str, code: str) -> int | None:
    """The time step whose one-time code this is, the one before and after allowed; None for no match."""
    totp = pyotp.TOTP(secret)
    this = int(clock.wall()) // STEP_S
    for step in (this, this - 1, this + 1):
        if pyotp.utils.strings_equal(totp.at(step * STEP_S), code):
            return step
    return None


def refused_by_platform(tx: AsyncSession, rid: str | None) -> None:
    """Leave a trace of somebody whom the platform calls a high risk (40226) and does not let in.

    Nobody is known: the platform tells no openid, and the code stands nowhere. `rid`: its own name of the call.
    """
    record(
        tx,
        subject_kind=REFUSED_LOGIN,
        subject_id=new_id(),
        move="refuse",
        actor_id=None,
        actor_title="微信平台",
        text="微信判定为高风险用户，未准登录",
        data={"rid": rid} if rid else {},
    )


def fail(tx: AsyncSession, person_id: PersonId) -> None:
    """Leave a trace of the failed attempt; it was counted when it was taken."""
    record(
        tx,
        subject_kind="person",
        subject_id=person_id,
        move="login_failed",
        actor_id=person_id,
        actor_title="控制台",
    )


async def succeed(tx: AsyncSession, person_id: PersonId, step: int) -> Person:
    """Use up the one-time code and let the person in.

    Raises BadCredentials for a code used before, also by a twin at the same instant, PersonBlocked, and
    NotAllowed for somebody without a role that works in the console.
    """
    used = await tx.execute(
        update(Credential)
        .where(col(Credential.person_id) == person_id, col(Credential.totp_step) < step)
        .values(totp_step=step, failures=0, locked_until=None)
        .returning(col(Credential.person_id))
    )
    if used.first() is None:
        raise BadCredentials("动态口令已使用过，请等待下一个口令")
    person = (await tx.execute(select(Person).where(col(Person.id) == person_id))).scalar_one()
    await welcome(tx, person_id, console=True)
    record(
        tx,
        subject_kind="person",
        subject_id=person_id,
        move="login",
        actor_id=person_id,
        actor_title="控制台",
    )
    return person


async def welcome(tx: AsyncSession, person_id: PersonId, *, console: bool) -> None:
    """Raises PersonBlocked, and NotAllowed for somebody without a role that works in the console.

    Asked once more after a session was opened: who was blocked, or lost the role, in between finds it closed.
    """
    state = await tx.execute(select(col(Person.state)).where(col(Person.id) == person_id))
    if state.scalar_one() is not PersonState.active:
        raise PersonBlocked
    if console and not await works_in_console(tx, person_id):
        raise NotAllowed("该账号没有可以使用控制台的角色")


async def works_in_console(tx: AsyncSession, person_id: PersonId) -> bool:
    """Whether the person holds a role now that works in the console."""
    held = await tx.execute(
        select(1)
        .select_from(Grant)
        .where(
            col(Grant.person_id) == person_id, col(Grant.role).in_(CONSOLE_ROLES), live(literal(clock.now()))
        )
        .limit(1)
    )
    return held.first() is not None
