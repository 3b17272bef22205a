"""协同任务: what is still asked of a unit is found by the unit."""

import sqlalchemy as sa

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_case_tasks_open", "case_tasks", ["unit_id"], postgresql_where=sa.text("state = 'open'")
    )


def downgrade() -> None:
    op.drop_index("ix_case_tasks_open", table_name="case_tasks")
