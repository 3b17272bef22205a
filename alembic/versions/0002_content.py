"""Content: checks of what residents write and photograph, uploads, the platform's verdicts, risk ratings."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

STATES = "content in ('pending', 'pass', 'review', 'risky')"
BACKFILL = (
    "update cases set content = 'pass' where passed_at is not null",
    """update case_messages m set content = 'pass' from cases c
       where c.id = m.case_id and m.author_id is distinct from c.reporter_id""",
)
"""What was shown stays shown, what staff wrote was never in doubt; all else waits for its check."""


def upgrade() -> None:
    op.create_table(
        "media_verdicts",
        sa.Column("trace_id", sa.Text(), nullable=False),
        sa.Column("suggest", sa.Text(), nullable=False),
        sa.Column("label", sa.Integer(), nullable=False),
        sa.Column("errcode", sa.Integer(), nullable=False),
        sa.Column("heard_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("trace_id", name=op.f("pk_media_verdicts")),
    )
    op.create_index("ix_media_verdicts_heard", "media_verdicts", ["heard_at"], unique=False)
    op.create_table(
        "risk_ratings",
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("openid", sa.Text(), nullable=False),
        sa.Column("client_ip", sa.Text(), nullable=False),
        sa.Column("rank", sa.SmallInteger(), nullable=True),
        sa.Column("rated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("rank between 0 and 4", name=op.f("ck_risk_ratings_rank_range")),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name=op.f("fk_risk_ratings_person_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("person_id", name=op.f("pk_risk_ratings")),
    )
    op.create_index(
        "ix_risk_ratings_due",
        "risk_ratings",
        ["next_at"],
        unique=False,
        postgresql_where=sa.text("next_at is not null"),
    )
    op.create_table(
        "uploads",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "writing",
                "stored",
                "doomed",
                name="uploadstate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column(
            "content",
            sa.Enum(
                "pending",
                "pass",
                "review",
                "risky",
                name="contentstate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=True),
        sa.Column("height", sa.Integer(), nullable=True),
        sa.Column(
            "purpose",
            sa.Enum(
                "evidence",
                "before",
                "after",
                "avatar",
                name="uploadpurpose",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=True,
        ),
        sa.Column("subject_kind", sa.Text(), nullable=True),
        sa.Column("subject_id", sa.Uuid(), nullable=True),
        sa.Column("attached_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "subject_id is null or state <> 'writing'", name=op.f("ck_uploads_attached_stored")
        ),
        sa.CheckConstraint("(subject_id is null) = (purpose is null)", name=op.f("ck_uploads_attached_for")),
        sa.CheckConstraint(
            "(subject_kind is null) = (subject_id is null)", name=op.f("ck_uploads_attached_whole")
        ),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["people.id"], name=op.f("fk_uploads_owner_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_uploads")),
    )
    op.create_index(
        "ix_uploads_loose",
        "uploads",
        ["created_at"],
        unique=False,
        postgresql_where=sa.text("subject_id is null"),
    )
    op.create_index("ix_uploads_owner", "uploads", ["owner_id"], unique=False)
    op.create_index(
        "ix_uploads_subject",
        "uploads",
        ["subject_id", "id"],
        unique=False,
        postgresql_where=sa.text("subject_id is not null"),
    )
    op.create_table(
        "content_checks",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("subject_kind", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column(
            "what",
            sa.Enum(
                "text", "picture", name="checkkind", native_enum=False, create_constraint=True, length=32
            ),
            nullable=False,
        ),
        sa.Column(
            "scene",
            sa.Enum(
                "profile",
                "comment",
                "forum",
                name="checkscene",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("author_id", sa.Uuid(), nullable=True),
        sa.Column("openid", sa.Text(), nullable=True),
        sa.Column("path", sa.Text(collation="C"), nullable=True),
        sa.Column("texts", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("upload_id", sa.Uuid(), nullable=True),
        sa.Column(
            "state",
            sa.Enum(
                "pending",
                "review",
                "sampled",
                "passed",
                "refused",
                "superseded",
                name="checkstate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("suggest", sa.Text(), nullable=True),
        sa.Column("label", sa.Integer(), nullable=True),
        sa.Column("trace_id", sa.Text(), nullable=True),
        sa.Column("attempts", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["author_id"], ["people.id"], name=op.f("fk_content_checks_author_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["decided_by"], ["people.id"], name=op.f("fk_content_checks_decided_by"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["upload_id"], ["uploads.id"], name=op.f("fk_content_checks_upload_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_content_checks")),
    )
    op.create_index("ix_content_checks_author", "content_checks", ["author_id"], unique=False)
    op.create_index(
        "ix_content_checks_due",
        "content_checks",
        ["next_at", "id"],
        unique=False,
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_index(
        "ix_content_checks_review",
        "content_checks",
        ["id"],
        unique=False,
        postgresql_where=sa.text("state in ('review', 'sampled')"),
    )
    op.create_index(
        "ix_content_checks_trace",
        "content_checks",
        ["trace_id"],
        unique=False,
        postgresql_where=sa.text("trace_id is not null"),
    )
    op.create_index(
        "uq_content_checks_live",
        "content_checks",
        ["subject_kind", "subject_id"],
        unique=True,
        postgresql_where=sa.text("state in ('pending', 'review', 'sampled')"),
    )
    for table in ("cases", "case_messages"):
        # A program one version back writes no such column: then the default hides what it writes.
        op.add_column(
            table,
            sa.Column("content", sa.String(length=32), server_default=sa.text("'pending'"), nullable=False),
        )
    for statement in BACKFILL:
        op.execute(statement)
    for table in ("cases", "case_messages"):
        # Named by the table's own rule: ck_<table>_contentstate.
        op.execute(f"alter table {table} add constraint ck_{table}_contentstate check ({STATES}) not valid")
        op.execute(f"alter table {table} validate constraint ck_{table}_contentstate")
    op.execute(
        "alter table cases add constraint ck_cases_shown_passed"
        " check (passed_at is null or content = 'pass') not valid"
    )
    op.execute("alter table cases validate constraint ck_cases_shown_passed")


def downgrade() -> None:
    op.execute("alter table cases drop constraint ck_cases_shown_passed")
    op.drop_column("cases", "content")
    op.drop_column("case_messages", "content")
    op.drop_index(
        "uq_content_checks_live",
        table_name="content_checks",
        postgresql_where=sa.text("state in ('pending', 'review', 'sampled')"),
    )
    op.drop_index(
        "ix_content_checks_trace",
        table_name="content_checks",
        postgresql_where=sa.text("trace_id is not null"),
    )
    op.drop_index(
        "ix_content_checks_review",
        table_name="content_checks",
        postgresql_where=sa.text("state in ('review', 'sampled')"),
    )
    op.drop_index(
        "ix_content_checks_due", table_name="content_checks", postgresql_where=sa.text("state = 'pending'")
    )
    op.drop_index("ix_content_checks_author", table_name="content_checks")
    op.drop_table("content_checks")
    op.drop_index(
        "ix_uploads_subject", table_name="uploads", postgresql_where=sa.text("subject_id is not null")
    )
    op.drop_index("ix_uploads_owner", table_name="uploads")
    op.drop_index("ix_uploads_loose", table_name="uploads", postgresql_where=sa.text("subject_id is null"))
    op.drop_table("uploads")
    op.drop_index(
        "ix_risk_ratings_due", table_name="risk_ratings", postgresql_where=sa.text("next_at is not null")
    )
    op.drop_table("risk_ratings")
    op.drop_index("ix_media_verdicts_heard", table_name="media_verdicts")
    op.drop_table("media_verdicts")
