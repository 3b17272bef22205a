"""需求: wishes and help requests, claims and offers, teams and qualifications, points and what they are exchanged for."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TRIGGERS = (
    """create trigger points_entries_append_only before update or delete on points_entries
  for each row execute function forbid_change()""",
    """create trigger points_entries_no_truncate before truncate on points_entries
  for each statement execute function forbid_change()""",
)
"""The ledger is taken back by counter-entries alone."""


def upgrade() -> None:
    op.create_table(
        "points_pairs",
        sa.Column("low", sa.Uuid(), nullable=False),
        sa.Column("high", sa.Uuid(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("earned", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("low", "high", "month", name=op.f("pk_points_pairs")),
    )
    op.create_table(
        "claimants",
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("live", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("limited_until", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("live >= 0", name=op.f("ck_claimants_live_counts")),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name=op.f("fk_claimants_person_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("person_id", name=op.f("pk_claimants")),
    )
    op.create_table(
        "points_accounts",
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("balance", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("named", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("balance >= 0", name=op.f("ck_points_accounts_never_below_nothing")),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name=op.f("fk_points_accounts_person_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("person_id", name=op.f("pk_points_accounts")),
    )
    op.create_table(
        "points_days",
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("earned", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name=op.f("fk_points_days_person_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("person_id", "day", name=op.f("pk_points_days")),
    )
    op.create_table(
        "points_entries",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "service",
                "bonus",
                "redeem",
                "counter",
                "counter_bonus",
                "refund",
                name="entrykind",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("amount", sa.Integer(), nullable=False),
        sa.Column("source_kind", sa.Text(), nullable=False),
        sa.Column("source_id", sa.Uuid(), nullable=False),
        sa.Column("counters_id", sa.Uuid(), nullable=True),
        sa.Column("place_id", sa.Uuid(), nullable=True),
        sa.Column("minutes", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["counters_id"],
            ["points_entries.id"],
            name=op.f("fk_points_entries_counters_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name=op.f("fk_points_entries_person_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["place_id"], ["places.id"], name=op.f("fk_points_entries_place_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_points_entries")),
        sa.UniqueConstraint("source_id", "kind", name=op.f("uq_points_entries_source_id_kind")),
    )
    op.create_index("ix_points_entries_person", "points_entries", ["person_id", "id"], unique=False)
    op.create_index(
        "ix_points_entries_place",
        "points_entries",
        ["place_id", "day"],
        unique=False,
        postgresql_where=sa.text("place_id is not null"),
    )
    op.create_table(
        "rewards",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("place_id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("cost", sa.Integer(), nullable=False),
        sa.Column("stock", sa.Integer(), nullable=False),
        sa.Column("active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("made_by", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("cost > 0", name=op.f("ck_rewards_costs_something")),
        sa.CheckConstraint("stock >= 0", name=op.f("ck_rewards_stock_counts")),
        sa.ForeignKeyConstraint(
            ["made_by"], ["people.id"], name=op.f("fk_rewards_made_by"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["place_id"], ["places.id"], name=op.f("fk_rewards_place_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rewards")),
    )
    op.create_index("ix_rewards_place", "rewards", ["place_id", "id"], unique=False)
    op.create_table(
        "teams",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("place_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("introduction", sa.Text(), nullable=True),
        sa.Column("leader_id", sa.Uuid(), nullable=True),
        sa.Column("active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["leader_id"], ["people.id"], name=op.f("fk_teams_leader_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["place_id"], ["places.id"], name=op.f("fk_teams_place_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_teams")),
        sa.UniqueConstraint("place_id", "name", name=op.f("uq_teams_place_id_name")),
    )
    op.create_table(
        "needs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum("wish", "help", name="needkind", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column(
            "category",
            sa.Enum(
                "goods",
                "company",
                "repair",
                "travel",
                "errand",
                "learning",
                "health",
                "other",
                name="needcategory",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column(
            "urgency",
            sa.Enum(
                "normal",
                "soon",
                "urgent",
                name="urgency",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("skills", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("qualifications", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("min_age", sa.SmallInteger(), nullable=True),
        sa.Column("insured", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("risks", sa.Text(), nullable=True),
        sa.Column("due_on", sa.Date(), nullable=True),
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
                "submitted",
                "returned",
                "declined",
                "merged",
                "published",
                "offered",
                "claimed",
                "contacted",
                "done",
                "confirmed",
                "unconfirmed",
                "closed",
                "in_house",
                "withdrawn",
                name="needstate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("seats", sa.SmallInteger(), server_default=sa.text("1"), nullable=False),
        sa.Column("free_seats", sa.ARRAY(sa.SmallInteger()), nullable=False),
        sa.Column("last_seat", sa.SmallInteger(), nullable=True),
        sa.Column("round", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("place_id", sa.Uuid(), nullable=False),
        sa.Column("path", sa.Text(collation="C"), nullable=False),
        sa.Column("community_id", sa.Uuid(), nullable=False),
        sa.Column("home_id", sa.Uuid(), nullable=True),
        sa.Column("household", sa.Uuid(), nullable=False),
        sa.Column("place_in_household", sa.SmallInteger(), nullable=True),
        sa.Column("author_id", sa.Uuid(), nullable=True),
        sa.Column("recorder_id", sa.Uuid(), nullable=True),
        sa.Column("behalf_name_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("behalf_phone_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("consent", sa.Text(), nullable=True),
        sa.Column("merged_into_id", sa.Uuid(), nullable=True),
        sa.Column("transfers", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("extension_to", sa.Date(), nullable=True),
        sa.Column("extended", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("disputed", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("rating", sa.SmallInteger(), nullable=True),
        sa.Column("rating_text", sa.Text(), nullable=True),
        sa.Column("confirmed_by_call", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("escalated", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(kind = 'wish') = (place_in_household is not null)", name=op.f("ck_needs_wish_has_place")
        ),
        sa.CheckConstraint(
            "(state = 'merged') = (merged_into_id is not null)", name=op.f("ck_needs_merged_points")
        ),
        sa.CheckConstraint("kind <> 'help' or risks is not null", name=op.f("ck_needs_help_states_risks")),
        sa.CheckConstraint(
            "state not in ('claimed', 'contacted') or cardinality(free_seats) = 0",
            name=op.f("ck_needs_taken_is_full"),
        ),
        sa.CheckConstraint(
            "state not in ('published', 'offered') or cardinality(free_seats) > 0",
            name=op.f("ck_needs_waiting_has_seat"),
        ),
        sa.CheckConstraint(
            "author_id is not null or recorder_id is not null", name=op.f("ck_needs_from_somebody")
        ),
        sa.CheckConstraint("cardinality(free_seats) <= seats", name=op.f("ck_needs_free_in_seats")),
        sa.CheckConstraint("place_in_household between 1 and 2", name=op.f("ck_needs_wishes_of_household")),
        sa.CheckConstraint("rating between 1 and 5", name=op.f("ck_needs_stars")),
        sa.CheckConstraint("seats between 1 and 20", name=op.f("ck_needs_seats_range")),
        sa.CheckConstraint("transfers between 0 and 2", name=op.f("ck_needs_transfers_range")),
        sa.ForeignKeyConstraint(
            ["author_id"], ["people.id"], name=op.f("fk_needs_author_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["community_id"], ["places.id"], name=op.f("fk_needs_community_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["home_id"], ["homes.id"], name=op.f("fk_needs_home_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["merged_into_id"], ["needs.id"], name=op.f("fk_needs_merged_into_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["place_id"], ["places.id"], name=op.f("fk_needs_place_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["recorder_id"], ["people.id"], name=op.f("fk_needs_recorder_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_needs")),
    )
    op.create_index("ix_needs_author", "needs", ["author_id", "id"], unique=False)
    op.create_index("ix_needs_path", "needs", ["path", "id"], unique=False)
    op.create_index(
        "ix_needs_published",
        "needs",
        ["community_id", "kind", "id"],
        unique=False,
        postgresql_where=sa.text("state = 'published'"),
    )
    op.create_index(
        "ix_needs_recorder",
        "needs",
        ["recorder_id", "id"],
        unique=False,
        postgresql_where=sa.text("recorder_id is not null"),
    )
    op.create_index(
        "uq_needs_household",
        "needs",
        ["household", "place_in_household"],
        unique=True,
        postgresql_where=sa.text(
            "state in ('submitted', 'returned', 'published', 'offered', 'claimed', 'contacted', 'done', 'in_house')"
        ),
    )
    op.create_table(
        "redemptions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("reward_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("cost", sa.Integer(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "reserved",
                "handed_over",
                "cancelled",
                name="redemptionstate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name=op.f("fk_redemptions_person_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["reward_id"], ["rewards.id"], name=op.f("fk_redemptions_reward_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_redemptions")),
    )
    op.create_index("ix_redemptions_person", "redemptions", ["person_id", "id"], unique=False)
    op.create_index("ix_redemptions_reward", "redemptions", ["reward_id", "id"], unique=False)
    op.create_table(
        "team_members",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("team_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("joined_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("left_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name=op.f("fk_team_members_person_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["team_id"], ["teams.id"], name=op.f("fk_team_members_team_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_team_members")),
    )
    op.create_index("ix_team_members_person", "team_members", ["person_id"], unique=False)
    op.create_index(
        "uq_team_members_live",
        "team_members",
        ["team_id", "person_id"],
        unique=True,
        postgresql_where=sa.text("left_at is null"),
    )
    op.create_table(
        "claims",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("need_id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("seat", sa.SmallInteger(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "claimed",
                "contacted",
                "done",
                "confirmed",
                "unconfirmed",
                "released",
                "timed_out",
                "transferred",
                "ended",
                name="claimstate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("in_house", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("release_reason", sa.Text(), nullable=True),
        sa.Column("release_asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("transfer_to_id", sa.Uuid(), nullable=True),
        sa.Column("text", sa.Text(), nullable=True),
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
        sa.Column("minutes", sa.SmallInteger(), nullable=True),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("contacted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("warned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("minutes between 0 and 1440", name=op.f("ck_claims_minutes_range")),
        sa.ForeignKeyConstraint(
            ["member_id"], ["people.id"], name=op.f("fk_claims_member_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["need_id"], ["needs.id"], name=op.f("fk_claims_need_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["transfer_to_id"], ["people.id"], name=op.f("fk_claims_transfer_to_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_claims")),
    )
    op.create_index("ix_claims_member", "claims", ["member_id", "id"], unique=False)
    op.create_index("ix_claims_need", "claims", ["need_id", "id"], unique=False)
    op.create_index(
        "uq_claims_member",
        "claims",
        ["need_id", "member_id"],
        unique=True,
        postgresql_where=sa.text("state in ('claimed', 'contacted', 'done')"),
    )
    op.create_index(
        "uq_claims_seat",
        "claims",
        ["need_id", "seat"],
        unique=True,
        postgresql_where=sa.text("state in ('claimed', 'contacted', 'done')"),
    )
    op.create_table(
        "offers",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("need_id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "open",
                "accepted",
                "passed",
                "expired",
                "recalled",
                name="offerstate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("reasons", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("batch_id", sa.Uuid(), nullable=True),
        sa.Column("made_by", sa.Uuid(), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["made_by"], ["people.id"], name=op.f("fk_offers_made_by"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["member_id"], ["people.id"], name=op.f("fk_offers_member_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["need_id"], ["needs.id"], name=op.f("fk_offers_need_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_offers")),
    )
    op.create_index("ix_offers_member", "offers", ["member_id", "state", "id"], unique=False)
    op.create_index("ix_offers_need", "offers", ["need_id", "id"], unique=False)
    op.create_index(
        "uq_offers_open", "offers", ["need_id"], unique=True, postgresql_where=sa.text("state = 'open'")
    )
    op.create_table(
        "qualifications",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("membership_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("expires_on", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(
            ["membership_id"],
            ["memberships.id"],
            name=op.f("fk_qualifications_membership_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_qualifications")),
        sa.UniqueConstraint("membership_id", "name", name=op.f("uq_qualifications_membership_id_name")),
    )
    op.add_column(
        "memberships",
        sa.Column("times", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
    )
    op.add_column("memberships", sa.Column("birth_year", sa.SmallInteger(), nullable=True))
    op.add_column("memberships", sa.Column("insured_until", sa.Date(), nullable=True))
    op.add_column("memberships", sa.Column("ends_on", sa.Date(), nullable=True))
    op.create_check_constraint(
        op.f("ck_memberships_birth_year_range"), "memberships", "birth_year between 1900 and 2200"
    )
    for statement in TRIGGERS:
        op.execute(statement)


def downgrade() -> None:
    op.drop_constraint(op.f("ck_memberships_birth_year_range"), "memberships", type_="check")
    op.drop_column("memberships", "ends_on")
    op.drop_column("memberships", "insured_until")
    op.drop_column("memberships", "birth_year")
    op.drop_column("memberships", "times")
    op.drop_table("qualifications")
    op.drop_index("uq_offers_open", table_name="offers", postgresql_where=sa.text("state = 'open'"))
    op.drop_index("ix_offers_need", table_name="offers")
    op.drop_index("ix_offers_member", table_name="offers")
    op.drop_table("offers")
    op.drop_index(
        "uq_claims_seat",
        table_name="claims",
        postgresql_where=sa.text("state in ('claimed', 'contacted', 'done')"),
    )
    op.drop_index(
        "uq_claims_member",
        table_name="claims",
        postgresql_where=sa.text("state in ('claimed', 'contacted', 'done')"),
    )
    op.drop_index("ix_claims_need", table_name="claims")
    op.drop_index("ix_claims_member", table_name="claims")
    op.drop_table("claims")
    op.drop_index(
        "uq_team_members_live", table_name="team_members", postgresql_where=sa.text("left_at is null")
    )
    op.drop_index("ix_team_members_person", table_name="team_members")
    op.drop_table("team_members")
    op.drop_index("ix_redemptions_reward", table_name="redemptions")
    op.drop_index("ix_redemptions_person", table_name="redemptions")
    op.drop_table("redemptions")
    op.drop_index(
        "uq_needs_household",
        table_name="needs",
        postgresql_where=sa.text(
            "state in ('submitted', 'returned', 'published', 'offered', 'claimed', 'contacted', 'done', 'in_house')"
        ),
    )
    op.drop_index(
        "ix_needs_recorder", table_name="needs", postgresql_where=sa.text("recorder_id is not null")
    )
    op.drop_index("ix_needs_published", table_name="needs", postgresql_where=sa.text("state = 'published'"))
    op.drop_index("ix_needs_path", table_name="needs")
    op.drop_index("ix_needs_author", table_name="needs")
    op.drop_table("needs")
    op.drop_table("teams")
    op.drop_index("ix_rewards_place", table_name="rewards")
    op.drop_table("rewards")
    op.drop_index(
        "ix_points_entries_place",
        table_name="points_entries",
        postgresql_where=sa.text("place_id is not null"),
    )
    op.drop_index("ix_points_entries_person", table_name="points_entries")
    op.drop_table("points_entries")
    op.drop_table("points_days")
    op.drop_table("points_accounts")
    op.drop_table("claimants")
    op.drop_table("points_pairs")
