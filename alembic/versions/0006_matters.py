"""Cases found by words, people by parts of their names, events by actor and move."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

BIGRAMS = """create or replace function bigrams(words text) returns text[]
  language sql immutable strict parallel safe as $$
  select coalesce(array_agg(distinct substr(lower(words), i, 2)), '{}')
  from generate_series(1, length(words) - 1) i $$"""
"""Every pair of neighbouring characters: names are short and change in many places, so the index makes its own."""

CONCURRENTLY = (
    ("ix_people_bigrams", "people", [sa.text("bigrams(nickname)")], "gin", None),
    ("ix_officials_bigrams", "officials", [sa.text("bigrams(name)")], "gin", None),
    ("ix_events_actor", "events", ["actor_id", "id"], "btree", None),
    ("ix_cases_merged", "cases", ["merged_into_id"], "btree", "merged_into_id is not null"),
    ("ix_deadlines_cohort", "deadlines", ["due_at"], "btree", "kind = 'finish' and cycle = 1"),
    ("ix_events_move", "events", ["move", "id"], "btree", None),
)
"""On tables that are written to all the time: built without stopping their writers."""


def upgrade() -> None:
    op.execute(BIGRAMS)
    op.create_table(
        "case_words",
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("words", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(
            ["case_id"], ["cases.id"], name=op.f("fk_case_words_case_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("case_id", name=op.f("pk_case_words")),
        if_not_exists=True,
    )
    op.create_index(
        "ix_case_words_words", "case_words", ["words"], postgresql_using="gin", if_not_exists=True
    )
    op.create_table(
        "case_supports",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["case_id"], ["cases.id"], name=op.f("fk_case_supports_case_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name=op.f("fk_case_supports_person_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_case_supports")),
        sa.UniqueConstraint("case_id", "person_id", name=op.f("uq_case_supports_case_id_person_id")),
        if_not_exists=True,
    )
    op.create_index("ix_case_supports_person", "case_supports", ["person_id"], if_not_exists=True)
    op.add_column(
        "cases", sa.Column("merged_at", sa.DateTime(timezone=True), nullable=True), if_not_exists=True
    )
    op.create_table(
        "case_exclusions",
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column(
            "reason",
            sa.Enum(
                "beyond_duty",
                "force_majeure",
                "malicious",
                name="exclusionreason",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("proposed_by", sa.Uuid(), nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_by", sa.Uuid(), nullable=True),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "confirmed_by is null or confirmed_by <> proposed_by",
            name=op.f("ck_case_exclusions_two_persons"),
        ),
        sa.CheckConstraint(
            "(confirmed_by is null) = (confirmed_at is null)", name=op.f("ck_case_exclusions_confirmed_whole")
        ),
        sa.ForeignKeyConstraint(
            ["case_id"], ["cases.id"], name=op.f("fk_case_exclusions_case_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["confirmed_by"], ["people.id"], name=op.f("fk_case_exclusions_confirmed_by"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["proposed_by"], ["people.id"], name=op.f("fk_case_exclusions_proposed_by"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("case_id", name=op.f("pk_case_exclusions")),
        if_not_exists=True,
    )
    # What came before is committed here: whatever stops the rest, running the migration again completes it.
    with op.get_context().autocommit_block():
        for name, table, columns, using, where in CONCURRENTLY:
            op.drop_index(name, table_name=table, postgresql_concurrently=True, if_exists=True)
            op.create_index(
                name,
                table,
                columns,
                postgresql_using=using,
                postgresql_where=sa.text(where) if where else None,
                postgresql_concurrently=True,
            )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        for name, table, *_ in CONCURRENTLY:
            op.drop_index(name, table_name=table, postgresql_concurrently=True, if_exists=True)
    op.drop_column("cases", "merged_at")
    op.drop_table("case_exclusions")
    op.drop_table("case_supports")
    op.drop_table("case_words")
    op.execute("drop function bigrams(text)")
