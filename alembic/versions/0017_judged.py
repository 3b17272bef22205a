"""内容审核: words of ratings and of what people say when they report to a community are judged."""

import sqlalchemy as sa

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

STATES = "content in ('pending', 'pass', 'review', 'risky')"
WORDS = ("case_ratings", "memberships")
BACKFILL = (
    "update case_ratings set content = 'pass' where text is null",
    "update memberships m set content = 'pass' where work_unit is null and availability is null"
    " and skills = '{}' and not exists (select from qualifications q where q.membership_id = m.id)",
)
"""Where nobody said anything, nothing waits. What stands there was shown to its author and to staff alone, and so
it stays: nobody is there to judge it."""


def upgrade() -> None:
    for table in WORDS:
        # A program one version back writes no such column: then the default hides what it writes.
        op.add_column(
            table,
            sa.Column("content", sa.String(length=32), server_default=sa.text("'pending'"), nullable=False),
        )
        op.execute(f"alter table {table} add constraint ck_{table}_contentstate check ({STATES}) not valid")
        op.execute(f"alter table {table} validate constraint ck_{table}_contentstate")
    op.add_column("needs", sa.Column("rating_passed_at", sa.DateTime(timezone=True), nullable=True))
    for statement in BACKFILL:
        op.execute(statement)


def downgrade() -> None:
    op.drop_column("needs", "rating_passed_at")
    for table in reversed(WORDS):
        op.drop_column(table, "content")
