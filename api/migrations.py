"""The migrations that travel with the program."""

from alembic.config import Config
from alembic.script import ScriptDirectory

from alembic import command
from api.revisions import SCRIPTS


def _config(url: str | None = None, owner: str | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    if url is not None:
        config.attributes["url"] = url
        config.attributes["owner"] = owner
    return config


def head() -> str:
    """The revision this program works with."""
    revision = ScriptDirectory.from_config(_config()).get_current_head()
    assert revision is not None
    return revision


def upgrade(url: str, revision: str = "head", *, owner: str | None = None) -> None:
    """Bring the database at `url` (postgresql://…, as the program's role) to `revision`.

    `owner`: the same database as the role that owns its schema, which then does the work and gives the program's
    role its rights; without it the program's role owns all. Runs its own event loop: call it from a thread.
    """
    command.upgrade(_config(url, owner), revision)


def downgrade(url: str, revision: str, *, owner: str | None = None) -> None:
    """Back to `revision`."""
    command.downgrade(_config(url, owner), revision)


def check(url: str) -> None:
    """Raise when models and migrations differ."""
    command.check(_config(url))
