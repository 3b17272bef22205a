"""表决: how the votes came in, kept at the close; whose rolls a person is on, found by the person."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("polls", sa.Column("voted", sa.Integer(), nullable=True))
    op.add_column("polls", sa.Column("turnout", postgresql.JSONB(astext_type=sa.Text()), nullable=True))
    op.create_index("ix_casters_person", "casters", ["person_id", "poll_id"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_casters_person", table_name="casters")
    op.drop_column("polls", "turnout")
    op.drop_column("polls", "voted")
