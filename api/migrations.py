"""The migrations that travel with the program."""

from pathlib import Path

from alembic.config import Config
from alembic.script import ScriptDirectory

from alembic import command

_HERE = Path(__file__).parent
_SCRIPTS = next(p for p in (_HERE / "_alembic", _HERE.parent / "alembic") if (p / "env.py").exists())


def _config(url: str | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    if url is not None:
        config.attributes["url"] = url
    return config


def head() -> str:
    """The revision this program works with."""
    revision = ScriptDirectory.from_config(_config()).get_current_head()
    assert revision is not None
    return revision


def revisions() -> list[str]:
    """All revisions this program knows, oldest first."""
    scripts = ScriptDirectory.from_config(_config())
    return [script.revision for script in scripts.walk_revisions()][::-1]


def upgrade(url: str, revision: str = "head") -> None:
    """Bring the database at `url` (postgresql://…) to `revision`. Runs its own event loop: call it from a thread."""
    command.upgrade(_config(url), revision)


def downgrade(url: str, revision: str) -> None:
    """Back to `revision`."""
    command.downgrade(_config(url), revision)


def check(url: str) -> None:
    """Raise when models and migrations differ."""
    command.check(_config(url))
