"""What the program says it knows is what the migration machinery finds."""

from alembic.config import Config
from alembic.script import ScriptDirectory

from api import migrations, revisions


def test_the_revisions_read_from_files_are_alembics_own() -> None:
    config = Config()
    config.set_main_option("script_location", str(revisions.SCRIPTS))
    scripts = ScriptDirectory.from_config(config)
    assert revisions.known() == [script.revision for script in scripts.walk_revisions()][::-1]
    assert revisions.known()[-1] == migrations.head()
