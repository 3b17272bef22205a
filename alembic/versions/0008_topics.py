"""Topics, stages, statements and stances, objections, progress; the supervision committee's role."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


ROLES = (
    "grid_worker",
    "community_worker",
    "deputy",
    "secretary",
    "property_staff",
    "town_supervisor",
    "operator",
    "auditor",
)


def _allow(*roles: str) -> None:
    """Which roles a grant may name; validated apart, so that nobody waits for the scan."""
    words = ", ".join(f"'{role}'" for role in roles)
    op.execute("alter table grants drop constraint ck_grants_role")
    op.execute(f"alter table grants add constraint ck_grants_role check (role in ({words})) not valid")
    op.execute("alter table grants validate constraint ck_grants_role")


def upgrade() -> None:
    _allow(*ROLES, "oversight_member")
    op.create_table(
        "opinion_jobs",
        sa.Column("topic_id", sa.Uuid(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("topic_id", "due_at", name=op.f("pk_opinion_jobs")),
    )
    op.create_table(
        "stances",
        sa.Column("statement_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("topic_id", sa.Uuid(), nullable=False),
        sa.Column("stance", sa.SmallInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("stance between -1 and 1", name=op.f("ck_stances_stance_range")),
        sa.PrimaryKeyConstraint("statement_id", "person_id", name=op.f("pk_stances")),
        postgresql_with={"fillfactor": 90},
    )
    op.create_index("ix_stances_topic", "stances", ["topic_id"], unique=False)
    op.create_table(
        "topics",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "template",
            sa.Enum(
                "consultation",
                "four_two_one",
                "owners",
                "building",
                "covenant",
                "review",
                name="topictemplate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "running",
                "returned",
                "completed",
                "ended",
                "merged",
                "withdrawn",
                name="topicstate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("position", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("level", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("place_id", sa.Uuid(), nullable=False),
        sa.Column("path", sa.Text(collation="C"), nullable=False),
        sa.Column("author_id", sa.Uuid(), nullable=False),
        sa.Column("by_resident", sa.Boolean(), server_default=sa.text("false"), nullable=False),
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
        sa.Column("merged_into_id", sa.Uuid(), nullable=True),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(state = 'merged') = (merged_into_id is not null)", name=op.f("ck_topics_merged_points")
        ),
        sa.CheckConstraint("merged_into_id <> id", name=op.f("ck_topics_merged_elsewhere")),
        sa.ForeignKeyConstraint(
            ["author_id"], ["people.id"], name=op.f("fk_topics_author_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["merged_into_id"], ["topics.id"], name=op.f("fk_topics_merged_into_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["place_id"], ["places.id"], name=op.f("fk_topics_place_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_topics")),
    )
    op.create_index("ix_topics_author", "topics", ["author_id", "id"], unique=False)
    op.create_index("ix_topics_path", "topics", ["path", "id"], unique=False)
    op.create_table(
        "opinion_maps",
        sa.Column("topic_id", sa.Uuid(), nullable=False),
        sa.Column("data", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column("svg", sa.Text(), nullable=False),
        sa.Column("drawn_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["topic_id"], ["topics.id"], name=op.f("fk_opinion_maps_topic_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("topic_id", name=op.f("pk_opinion_maps")),
    )
    op.create_table(
        "statements",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("topic_id", sa.Uuid(), nullable=False),
        sa.Column("author_id", sa.Uuid(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
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
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["author_id"], ["people.id"], name=op.f("fk_statements_author_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["topic_id"], ["topics.id"], name=op.f("fk_statements_topic_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_statements")),
    )
    op.create_index("ix_statements_author", "statements", ["author_id"], unique=False)
    op.create_index("ix_statements_topic", "statements", ["topic_id", "id"], unique=False)
    op.create_table(
        "topic_guests",
        sa.Column("topic_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "expert",
                "stakeholder",
                name="guestkind",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("invited_by", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["invited_by"], ["people.id"], name=op.f("fk_topic_guests_invited_by"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name=op.f("fk_topic_guests_person_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["topic_id"], ["topics.id"], name=op.f("fk_topic_guests_topic_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("topic_id", "person_id", name=op.f("pk_topic_guests")),
    )
    op.create_index("ix_topic_guests_person", "topic_guests", ["person_id"], unique=False)
    op.create_table(
        "topic_places",
        sa.Column("topic_id", sa.Uuid(), nullable=False),
        sa.Column("place_id", sa.Uuid(), nullable=False),
        sa.Column("path", sa.Text(collation="C"), nullable=False),
        sa.ForeignKeyConstraint(
            ["place_id"], ["places.id"], name=op.f("fk_topic_places_place_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["topic_id"], ["topics.id"], name=op.f("fk_topic_places_topic_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("topic_id", "place_id", name=op.f("pk_topic_places")),
    )
    op.create_index("ix_topic_places_path", "topic_places", ["path", "topic_id"], unique=False)
    op.create_table(
        "topic_stages",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("topic_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.SmallInteger(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "screening",
                "consultation",
                "vote",
                "publicity",
                "execution",
                "evaluation",
                "record",
                name="stagekind",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column(
            "body",
            sa.Enum(
                "party",
                "committees",
                "community",
                "party_members",
                "representatives",
                "owners",
                "households",
                "supervisors",
                "residents",
                name="topicbody",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column(
            "consultation",
            sa.Enum(
                "talk",
                "hearing",
                "appraisal",
                name="consultationkind",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=True,
        ),
        sa.Column("optional", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("voters", sa.Text(), nullable=False),
        sa.Column("limits", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column("round", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "outcome",
            sa.Enum(
                "passed",
                "failed",
                "skipped",
                "sent_back",
                name="stageoutcome",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=True,
        ),
        sa.Column("result", sa.Text(), nullable=True),
        sa.Column("poll_id", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(
            ["topic_id"], ["topics.id"], name=op.f("fk_topic_stages_topic_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_topic_stages")),
        sa.UniqueConstraint("topic_id", "position", name=op.f("uq_topic_stages_topic_id_position")),
    )
    op.create_table(
        "milestones",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("topic_id", sa.Uuid(), nullable=False),
        sa.Column("stage_id", sa.Uuid(), nullable=False),
        sa.Column("round", sa.SmallInteger(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["stage_id"], ["topic_stages.id"], name=op.f("fk_milestones_stage_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["topic_id"], ["topics.id"], name=op.f("fk_milestones_topic_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_milestones")),
    )
    op.create_index("ix_milestones_topic", "milestones", ["topic_id", "id"], unique=False)
    op.create_table(
        "objections",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("topic_id", sa.Uuid(), nullable=False),
        sa.Column("stage_id", sa.Uuid(), nullable=False),
        sa.Column("round", sa.SmallInteger(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
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
        sa.Column(
            "state",
            sa.Enum(
                "raised",
                "answered",
                "upheld",
                "withdrawn",
                name="objectionstate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "state not in ('answered', 'upheld') or answer is not null",
            name=op.f("ck_objections_answered_says"),
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name=op.f("fk_objections_person_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["stage_id"], ["topic_stages.id"], name=op.f("fk_objections_stage_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["topic_id"], ["topics.id"], name=op.f("fk_objections_topic_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_objections")),
    )
    op.create_index("ix_objections_topic", "objections", ["topic_id", "id"], unique=False)
    op.create_index(
        "uq_objections_live",
        "objections",
        ["stage_id", "round", "person_id"],
        unique=True,
        postgresql_where=sa.text("state in ('raised', 'upheld')"),
    )
    op.create_table(
        "topic_meetings",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("topic_id", sa.Uuid(), nullable=False),
        sa.Column("stage_id", sa.Uuid(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "talk",
                "hearing",
                "appraisal",
                name="consultationkind",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("venue", sa.Text(), nullable=False),
        sa.Column("held_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("minutes", sa.Text(), nullable=True),
        sa.Column("conclusion", sa.Text(), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("recorded_by", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(minutes is null) = (recorded_at is null)", name=op.f("ck_topic_meetings_minutes_dated")
        ),
        sa.ForeignKeyConstraint(
            ["recorded_by"], ["people.id"], name=op.f("fk_topic_meetings_recorded_by"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["stage_id"], ["topic_stages.id"], name=op.f("fk_topic_meetings_stage_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["topic_id"], ["topics.id"], name=op.f("fk_topic_meetings_topic_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_topic_meetings")),
    )
    op.create_index("ix_topic_meetings_topic", "topic_meetings", ["topic_id", "id"], unique=False)
    op.create_table(
        "topic_ratings",
        sa.Column("stage_id", sa.Uuid(), nullable=False),
        sa.Column("round", sa.SmallInteger(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("stars", sa.SmallInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("stars between 1 and 5", name=op.f("ck_topic_ratings_stars_range")),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name=op.f("fk_topic_ratings_person_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["stage_id"], ["topic_stages.id"], name=op.f("fk_topic_ratings_stage_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("stage_id", "round", "person_id", name=op.f("pk_topic_ratings")),
    )
    op.create_table(
        "progress",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("topic_id", sa.Uuid(), nullable=False),
        sa.Column("stage_id", sa.Uuid(), nullable=False),
        sa.Column("milestone_id", sa.Uuid(), nullable=True),
        sa.Column("author_id", sa.Uuid(), nullable=False),
        sa.Column("author_title", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["author_id"], ["people.id"], name=op.f("fk_progress_author_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["milestone_id"], ["milestones.id"], name=op.f("fk_progress_milestone_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["stage_id"], ["topic_stages.id"], name=op.f("fk_progress_stage_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["topic_id"], ["topics.id"], name=op.f("fk_progress_topic_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_progress")),
    )
    op.create_index("ix_progress_topic", "progress", ["topic_id", "id"], unique=False)
    op.create_table(
        "topic_attendances",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("meeting_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("capacity", sa.Text(), nullable=False),
        sa.Column("expert", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.ForeignKeyConstraint(
            ["meeting_id"],
            ["topic_meetings.id"],
            name=op.f("fk_topic_attendances_meeting_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name=op.f("fk_topic_attendances_person_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_topic_attendances")),
    )
    op.create_index(
        op.f("ix_topic_attendances_meeting_id"), "topic_attendances", ["meeting_id"], unique=False
    )


def downgrade() -> None:
    op.execute("delete from grants where role = 'oversight_member'")
    _allow(*ROLES)
    op.drop_index(op.f("ix_topic_attendances_meeting_id"), table_name="topic_attendances")
    op.drop_table("topic_attendances")
    op.drop_index("ix_progress_topic", table_name="progress")
    op.drop_table("progress")
    op.drop_table("topic_ratings")
    op.drop_index("ix_topic_meetings_topic", table_name="topic_meetings")
    op.drop_table("topic_meetings")
    op.drop_index(
        "uq_objections_live",
        table_name="objections",
        postgresql_where=sa.text("state in ('raised', 'upheld')"),
    )
    op.drop_index("ix_objections_topic", table_name="objections")
    op.drop_table("objections")
    op.drop_index("ix_milestones_topic", table_name="milestones")
    op.drop_table("milestones")
    op.drop_table("topic_stages")
    op.drop_index("ix_topic_places_path", table_name="topic_places")
    op.drop_table("topic_places")
    op.drop_index("ix_topic_guests_person", table_name="topic_guests")
    op.drop_table("topic_guests")
    op.drop_index("ix_statements_topic", table_name="statements")
    op.drop_index("ix_statements_author", table_name="statements")
    op.drop_table("statements")
    op.drop_table("opinion_maps")
    op.drop_index("ix_topics_path", table_name="topics")
    op.drop_index("ix_topics_author", table_name="topics")
    op.drop_table("topics")
    op.drop_index("ix_stances_topic", table_name="stances")
    op.drop_table("stances")
    op.drop_table("opinion_jobs")
