"""The first administrators and grants, as the command line makes them: by the system, before anybody can sign in."""

import re
from dataclasses import dataclass
from datetime import datetime

import pyotp
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit.events import record
from api.kit.problems import NotFound, Problem
from api.kit.secrets import Vault
from api.models import Credential, Person, Place
from api.models.people import PersonId
from api.rules.roles import CONSOLE_ROLES, Role
from api.services.login import TOTP, hash_password
from api.services.people.grants import give

ISSUER = "邻里"
SYSTEM = "系统"
SHORTEST_PASSWORD = 12
_USERNAME = re.compile(r"[a-z][a-z0-9._-]{2,31}")


class UsernameTaken(Problem):
    status, code, title = 409, "username_taken", "用户名已被使用"


class BadUsername(Problem):
    status, code, title = (
        422,
        "bad_username",
        "用户名须以小写字母开头，3–32 位小写字母、数字、点、横线或下划线",
    )


class WeakPassword(Problem):
    status, code, title = 422, "weak_password", f"密码至少需要 {SHORTEST_PASSWORD} 个字符"


class NoConsoleRole(Problem):
    status, code, title = 422, "no_console_role", "这个角色不使用控制台"


@dataclass(frozen=True, slots=True)
class Administrator:
    """A new console login. The secret is shown once and stored sealed."""

    person_id: PersonId
    username: str
    totp_secret: str

    @property
    def totp_uri(self) -> str:
        """otpauth://…, what an authenticator app reads from a QR code."""
        return str(pyotp.TOTP(self.totp_secret).provisioning_uri(name=self.username, issuer_name=ISSUER))


async def create_administrator(
    tx: AsyncSession,
    vault: Vault,
    *,
    username: str,
    password: str,
    nickname: str,
    role: Role,
    place_code: str,
) -> Administrator:
    """A person with a console login, a fresh second factor and one role at the place with `place_code`.

    Raises BadUsername, WeakPassword, NoConsoleRole, UsernameTaken, NotFound. Hashing takes a moment of CPU.
    """
    if not _USERNAME.fullmatch(username):
        raise BadUsername
    if len(password) < SHORTEST_PASSWORD:
        raise WeakPassword
    if role not in CONSOLE_ROLES:
        raise NoConsoleRole
    place = await _place(tx, place_code)
    person = Person(nickname=nickname)
    tx.add(person)
    await tx.flush()
    secret = pyotp.random_base32()
    login = Credential(
        person_id=person.id,
        username=username,
        password_hash=hash_password(password),
        totp_sealed=vault.seal(TOTP, secret),
    )
    written = await tx.execute(
        insert(Credential)
        .values(login.model_dump())
        .on_conflict_do_nothing(index_elements=["username"])
        .returning(col(Credential.person_id))
    )
    if written.first() is None:
        raise UsernameTaken(f"用户名 {username} 已被使用")
    record(
        tx,
        subject_kind="person",
        subject_id=person.id,
        move="create_administrator",
        actor_id=None,
        actor_title=SYSTEM,
        words={"username": username},
    )
    await give(tx, person.id, role, place, until=None, by=None, title=SYSTEM)
    return Administrator(person.id, username, secret)


async def grant_to_username(
    tx: AsyncSession, *, username: str, role: Role, place_code: str, until: datetime | None = None
) -> None:
    """One more role for somebody with a console login. Raises NotFound, AlreadyGranted."""
    place = await _place(tx, place_code)
    found = await tx.execute(
        select(Person)
        .join(Credential, col(Credential.person_id) == col(Person.id))
        .where(col(Credential.username) == username)
        .with_for_update(of=Person)
    )
    person = found.scalar_one_or_none()
    if person is None:
        raise NotFound(f"没有用户 {username}")
    await give(tx, person.id, role, place, until=until, by=None, title=SYSTEM)


async def _place(tx: AsyncSession, code: str) -> Place:
    found = await tx.execute(select(Place).where(col(Place.code) == code))
    place = found.scalar_one_or_none()
    if place is None:
        raise NotFound(f"没有代码为 {code} 的地域，请先导入区划")
    return place
