"""`linli doctor`: one fault at a time, each named with its cure; nothing to say about a sound deployment."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import pytest
from typer.testing import CliRunner

from api import revisions
from api.cli import app as program
from api.commands import doctor
from api.commands.doctor import Finding, examine
from api.kit import clock
from api.kit.cache import Redis
from api.kit.db import Database
from api.kit.engines import EmbeddedEngines
from api.kit.events import record
from api.services import jobs

SUMMER = datetime(2026, 6, 1, 2, tzinfo=UTC)
"""Far from the end of the known calendar."""
SOUND_PRODUCTION = {
    "LINLI_MODE": "production",
    "LINLI_MASTER_KEY": "k" * 32,
    "LINLI_WECHAT_SECRET": "s" * 32,
    "LINLI_WECHAT_PUSH_TOKEN": "t" * 16,
    "LINLI_WECHAT_PUSH_AES_KEY": "B" * 43,
    "LINLI_WECHAT_BASE": "https://api.weixin.qq.com",
    "LINLI_PUBLIC_URL": "https://linli.example.gov.cn",
}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No .env and no data of anybody's is looked at."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LINLI_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("REDIS_URL", raising=False)


@pytest.fixture
async def sound(
    db: Database, redis: Redis, engines: EmbeddedEngines, monkeypatch: pytest.MonkeyPatch
) -> Database:
    """A deployment with nothing wrong: engines up, migrated, a worker alive, far from the calendar's end."""
    monkeypatch.setenv("DATABASE_URL", db.url)
    monkeypatch.setenv("REDIS_URL", engines.addresses.redis_url)
    clock.set_to(SUMMER)
    async with db.transaction() as tx:
        await jobs.beat(tx)
    return db


async def faults() -> dict[str, Finding]:
    """What doctor finds wrong, by name; every fault must come with a cure."""
    found = [finding for finding in await examine() if not finding.ok]
    assert all(finding.cure for finding in found), found
    return {finding.what: finding for finding in found}


async def test_nothing_is_said_of_a_sound_deployment(sound: Database) -> None:
    found = await examine()
    assert [finding.what for finding in found if not finding.ok] == []
    assert {f.what for f in found} >= {
        "设置",
        "Redis",
        "PostgreSQL",
        "数据库迁移",
        "数据库账号",
        "后台进程",
        "工作日历",
    }
    assert [finding.cure for finding in found if finding.ok and finding.cure] == []


async def test_embedded_engines_that_do_not_run(tmp_path: Path) -> None:
    found = await faults()
    assert set(found) == {"内置 PostgreSQL", "内置 Valkey"}
    assert "linli serve" in found["内置 PostgreSQL"].cure


async def test_one_embedded_engine_alone_does_not_hide_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with EmbeddedEngines(tmp_path / "data", postgres=False, small=True):
        assert set(await faults()) == {"内置 PostgreSQL"}


async def test_a_password_file_of_somebody_else(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "passwords.json").write_text("not json")
    assert set(await faults()) == {"内置引擎"}


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("postgresql://nobody@127.0.0.1:1/none", "连不上"),
        ("mysql://linli@127.0.0.1/linli", "地址有误"),
        ("postgresql://linli@127.0.0.1:notaport/linli", "地址有误"),
    ],
)
async def test_a_database_that_cannot_be_reached(
    sound: Database, monkeypatch: pytest.MonkeyPatch, url: str, word: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", url)
    found = await faults()
    assert set(found) == {"PostgreSQL"}
    assert word in found["PostgreSQL"].detail
    assert "DATABASE_URL" in found["PostgreSQL"].cure


async def test_a_wrong_password_of_the_database(
    sound: Database, engines: EmbeddedEngines, monkeypatch: pytest.MonkeyPatch
) -> None:
    head, _, tail = sound.url.partition("@")
    wrong = f"{head.rpartition(':')[0]}:wrong@{tail}"
    monkeypatch.setenv("DATABASE_URL", wrong)
    assert set(await faults()) == {"PostgreSQL"}
    assert "wrong" not in str(await examine())


@pytest.mark.parametrize("url", ["redis://127.0.0.1:1/0", "unix:///nowhere/valkey.sock", "http://127.0.0.1"])
async def test_a_redis_that_cannot_be_reached(
    sound: Database, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("REDIS_URL", url)
    found = await faults()
    assert set(found) == {"Redis"}
    assert "REDIS_URL" in found["Redis"].cure


async def test_a_redis_that_throws_sessions_away(sound: Database, redis: Redis) -> None:
    await redis.config_set("maxmemory-policy", "allkeys-lru")
    try:
        found = await faults()
    finally:
        await redis.config_set("maxmemory-policy", "noeviction")
    assert set(found) == {"Redis"}
    assert "noeviction" in found["Redis"].cure


async def test_a_redis_that_does_not_tell_its_policy_is_no_fault(
    sound: Database, redis: Redis, engines: EmbeddedEngines, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"guest{uuid4().hex[:8]}"
    await redis.execute_command("ACL", "SETUSER", name, "on", ">guest", "~*", "+@all", "-config")
    try:
        own = engines.addresses.redis_url
        monkeypatch.setenv("REDIS_URL", f"unix://{name}:guest@{own.partition('@')[2]}")
        assert await faults() == {}
    finally:
        await redis.execute_command("ACL", "DELUSER", name)


Breaking = Callable[[Database], Awaitable[None]]


async def _never_worked(db: Database) -> None:
    await _sql(db, "delete from jobs")


async def _stopped_working(db: Database) -> None:
    await _sql(db, "update jobs set last_at = now() - interval '2 minutes'")


async def _gave_up(db: Database) -> None:
    await _told(db)
    await _sql(db, "update deliveries set dead = true")


async def _fell_behind(db: Database) -> None:
    await _told(db)
    clock.move(timedelta(minutes=2))


async def _calendar_ends(db: Database) -> None:
    clock.set_to(datetime(2026, 12, 1, tzinfo=UTC))


async def _calendar_is_over(db: Database) -> None:
    clock.set_to(datetime(2027, 2, 1, tzinfo=UTC))


async def _sql(db: Database, statement: str) -> None:
    connection = await asyncpg.connect(db.url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def _told(db: Database) -> None:
    async with db.transaction() as tx:
        record(
            tx, subject_kind="person", subject_id=uuid4(), move="register", actor_id=None, actor_title="系统"
        )


@pytest.mark.parametrize(
    ("break_it", "what", "cure"),
    [
        (_never_worked, "后台进程", "linli worker"),
        (_stopped_working, "后台进程", "linli worker"),
        (_gave_up, "失败的投递", "重投"),
        (_fell_behind, "待办投递", "linli worker"),
        (_calendar_ends, "工作日历", "放假安排"),
        (_calendar_is_over, "工作日历", "放假安排"),
    ],
)
async def test_each_broken_state_is_named_with_its_cure(
    sound: Database, break_it: Breaking, what: str, cure: str
) -> None:
    await break_it(sound)
    found = await faults()
    assert set(found) == {what}
    assert cure in found[what].cure


@pytest.mark.parametrize(
    ("statement", "what", "cure"),
    [
        ("drop table alembic_version", "数据库迁移", "linli migrate"),
        ("grant update on events to linli", "数据库账号", "linli migrate"),
        ("revoke delete on deliveries from linli", "数据库账号", "linli migrate"),
    ],
)
async def test_what_only_the_owner_can_break_is_named_with_its_cure(
    sound: Database, as_owner: Callable[[str], Awaitable[None]], statement: str, what: str, cure: str
) -> None:
    await as_owner(statement)
    found = await faults()
    assert set(found) == {what}
    assert cure in found[what].cure


async def test_one_role_for_everything_works_and_is_said_honestly(
    sound: Database, owner_url: str, engines: EmbeddedEngines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", owner_url)
    [said] = [finding for finding in await examine() if finding.cure]
    assert (said.what, said.ok) == ("数据库账号", True)
    assert "触发器" in said.detail
    database = urlsplit(owner_url).path
    monkeypatch.setenv("DATABASE_URL", urlsplit(engines.addresses.admin_url)._replace(path=database).geturl())
    found = await faults()
    assert set(found) == {"数据库账号"}
    assert "超级用户" in found["数据库账号"].detail


async def test_an_older_schema_is_a_fault_and_a_newer_one_is_not(
    sound: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = revisions.known()
    monkeypatch.setattr(revisions, "known", lambda: [*ours, "9999"])
    found = await faults()
    assert set(found) == {"数据库迁移"}
    assert "linli migrate" in found["数据库迁移"].cure
    monkeypatch.setattr(revisions, "known", lambda: ["0000"])
    assert await faults() == {}


async def test_a_full_disk_under_embedded_engines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "LEAST_DISK", 1 << 60)
    assert "磁盘" in await faults()


@pytest.mark.parametrize(
    ("variable", "value", "word"),
    [
        ("LINLI_MASTER_KEY", "", "LINLI_MASTER_KEY"),
        ("LINLI_WECHAT_SECRET", "", "LINLI_WECHAT_SECRET"),
        ("LINLI_WECHAT_BASE", "http://127.0.0.1:8001", "模拟器"),
        ("LINLI_PUBLIC_URL", "http://linli.example.gov.cn", "https"),
        ("LINLI_DEBUG", "true", "LINLI_DEBUG"),
        ("LINLI_WECHAT_PUSH_PLAIN", "true", "安全模式"),
        ("LINLI_CLOCK_FILE", "clock", "LINLI_CLOCK_FILE"),
        ("DATABASE_URL", "", "DATABASE_URL"),
    ],
)
async def test_what_production_refuses_is_named(
    sound: Database, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, word: str
) -> None:
    for name, fine in SOUND_PRODUCTION.items():
        monkeypatch.setenv(name, fine)
    assert await faults() == {}
    if value:
        monkeypatch.setenv(variable, value)
    else:
        monkeypatch.delenv(variable)
    found = await faults()
    assert set(found) == {"设置"}
    assert word in found["设置"].detail


@pytest.mark.parametrize(
    ("variable", "value"),
    [("LINLI_PORT", "secret-1"), ("LINLI_MODE", "secret-2"), ("LINLI_WECHAT_TEMPLATES", "{secret-3")],
)
async def test_a_setting_that_cannot_be_read_is_named_without_its_value(
    sound: Database, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    found = await faults()
    assert set(found) == {"设置"}
    assert variable in found["设置"].detail
    assert "secret" not in found["设置"].detail


def test_the_command_ends_with_status_one_and_prints_the_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    done = CliRunner().invoke(program, ["doctor"])
    assert done.exit_code == 1
    assert "运行 linli serve" in done.output


def test_the_command_ends_with_status_zero_when_all_is_well(
    sound: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = CliRunner().invoke(program, ["doctor"])
    assert done.exit_code == 0, done.output
