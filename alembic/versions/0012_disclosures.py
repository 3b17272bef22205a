"""What is owed to the public by a date, and the questions asked on it; printed papers."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def _word(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=32)


def upgrade() -> None:
    op.create_table(
        "disclosures",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("place_id", sa.Uuid(), nullable=False),
        sa.Column("path", sa.Text(collation="C"), nullable=False),
        sa.Column("kind", _word("disclosurekind", "party", "affairs", "finance"), nullable=False),
        sa.Column("pace", _word("disclosurepace", "quarterly", "monthly", "at_once"), nullable=False),
        sa.Column("period", sa.Text(), nullable=True),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column(
            "state",
            _word("disclosurestate", "planned", "drafted", "reviewed", "published", "questioned", "archived"),
            nullable=False,
        ),
        sa.Column("level", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("drafted_by", sa.Uuid(), nullable=True),
        sa.Column("reviewed_by", sa.Uuid(), nullable=True),
        sa.Column("opinion", sa.Text(), nullable=True),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(period is null) = (pace = 'at_once')", name=op.f("ck_disclosures_period_of_pace")
        ),
        sa.CheckConstraint(
            "state not in ('reviewed', 'published', 'questioned', 'archived')"
            " or (body is not null and reviewed_by is not null and reviewed_by <> drafted_by)",
            name=op.f("ck_disclosures_seen_by_two"),
        ),
        sa.ForeignKeyConstraint(
            ["place_id"], ["places.id"], name=op.f("fk_disclosures_place_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["drafted_by"], ["people.id"], name=op.f("fk_disclosures_drafted_by"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["reviewed_by"], ["people.id"], name=op.f("fk_disclosures_reviewed_by"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_disclosures")),
    )
    op.create_index("ix_disclosures_path", "disclosures", ["path", "id"])
    op.create_index(
        "uq_disclosures_period",
        "disclosures",
        ["place_id", "kind", "period"],
        unique=True,
        postgresql_where=sa.text("period is not null"),
    )
    op.create_table(
        "disclosure_questions",
        sa.Column("disclosure_id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["disclosure_id"],
            ["disclosures.id"],
            name=op.f("fk_disclosure_questions_disclosure_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["case_id"], ["cases.id"], name=op.f("fk_disclosure_questions_case_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("disclosure_id", "case_id", name=op.f("pk_disclosure_questions")),
    )
    op.create_table(
        "papers",
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("subject_kind", sa.Text(), nullable=False),
        sa.Column("state", _word("paperstate", "pending", "ready"), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=True),
        sa.Column("missing", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ready_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(state = 'ready') = (content is not null)", name=op.f("ck_papers_ready_has_content")
        ),
        sa.PrimaryKeyConstraint("subject_id", name=op.f("pk_papers")),
    )
    op.create_index(
        "ix_papers_pending",
        "papers",
        ["created_at"],
        postgresql_where=sa.text("state = 'pending'"),
    )


def downgrade() -> None:
    op.drop_table("papers")
    op.drop_table("disclosure_questions")
    op.drop_table("disclosures")
