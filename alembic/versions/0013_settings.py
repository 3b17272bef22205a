"""Lists of cases by state read one range: an index of all that are not closed takes the place of that of live ones."""

import sqlalchemy as sa

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_LIVE = (
    "state in ('submitted', 'dispatched', 'in_progress', 'waiting_resident', 'suspended', 'handled',"
    " 'awaiting_rating')"
)


def upgrade() -> None:
    op.create_index(
        "ix_cases_state",
        "cases",
        ["state", "path", "id"],
        unique=False,
        postgresql_where=sa.text("state <> 'closed'"),
    )
    op.drop_index("ix_cases_live", table_name="cases")


def downgrade() -> None:
    op.create_index(
        "ix_cases_live", "cases", ["state", "path", "id"], unique=False, postgresql_where=sa.text(_LIVE)
    )
    op.drop_index("ix_cases_state", table_name="cases")
