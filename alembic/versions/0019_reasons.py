"""内容审核: why an activity was called off, a seat given up, somebody removed: judged before others read it."""

import sqlalchemy as sa

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

TABLES = ("activities", "seats", "team_members")
"""What stands there was never judged: it stays with who wrote it and with staff."""


def upgrade() -> None:
    for table in TABLES:
        op.add_column(table, sa.Column("reason_passed_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    for table in TABLES:
        op.drop_column(table, "reason_passed_at")
