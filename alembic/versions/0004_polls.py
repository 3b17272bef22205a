"""Polls: rolls, casters, marks and ballots, keys, proxies and paper entries; seals and what they cover."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ballots",
        sa.Column("poll_id", sa.Uuid(), nullable=False),
        sa.Column("slot", sa.LargeBinary(), nullable=False),
        sa.Column("turn", sa.Integer(), nullable=False),
        sa.Column("own", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("choices", sa.Text(), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("leaf", sa.LargeBinary(), nullable=False),
        sa.Column("once", sa.LargeBinary(), nullable=True),
        sa.Column("cast_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("batch", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("poll_id", "slot", "turn", name=op.f("pk_ballots")),
    )
    op.create_index(
        "ix_ballots_unsealed", "ballots", ["poll_id"], unique=False, postgresql_where=sa.text("batch is null")
    )
    op.create_index(
        "uq_ballots_once",
        "ballots",
        ["poll_id", "once"],
        unique=True,
        postgresql_where=sa.text("once is not null"),
    )
    op.create_table(
        "event_leaves",
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("leaf", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_event_leaves")),
    )
    op.create_table(
        "marks",
        sa.Column("poll_id", sa.Uuid(), nullable=False),
        sa.Column("elector_id", sa.Uuid(), nullable=False),
        sa.Column("turn", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("poll_id", "elector_id", name=op.f("pk_marks")),
        postgresql_with={"fillfactor": 80},
    )
    op.create_table(
        "poll_records",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("poll_id", sa.Uuid(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("leaf", sa.LargeBinary(), nullable=False),
        sa.Column("batch", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_poll_records")),
    )
    op.create_index(op.f("ix_poll_records_poll_id"), "poll_records", ["poll_id"], unique=False)
    op.create_index(
        "ix_poll_records_unsealed",
        "poll_records",
        ["poll_id"],
        unique=False,
        postgresql_where=sa.text("batch is null"),
    )
    op.create_table(
        "sealed_leaves",
        sa.Column("log_id", sa.Uuid(), nullable=False),
        sa.Column("leaf", sa.LargeBinary(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("log_id", "leaf", name=op.f("pk_sealed_leaves")),
    )
    op.create_index("ix_sealed_leaves_batch", "sealed_leaves", ["log_id", "number", "position"], unique=False)
    op.create_table(
        "seals",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("log_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("root", sa.Text(), nullable=False),
        sa.Column("previous", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("signature", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_seals")),
    )
    op.create_index("uq_seals_number", "seals", ["log_id", "number"], unique=True)
    op.create_table(
        "polls",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("place_id", sa.Uuid(), nullable=False),
        sa.Column("path", sa.Text(collation="C"), nullable=False),
        sa.Column("topic_id", sa.Uuid(), nullable=True),
        sa.Column("stage_id", sa.Uuid(), nullable=True),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "draft",
                "announced",
                "open",
                "closed",
                "counted",
                "void",
                name="pollstate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column(
            "basis",
            sa.Enum(
                "person",
                "household",
                "owner",
                "members",
                "list",
                name="rollbasis",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("source", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column("secret", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("allow_change", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("options", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column("rule", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column("rule_hash", sa.Text(), nullable=False),
        sa.Column("opens_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closes_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("counted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("roll_size", sa.Integer(), nullable=True),
        sa.Column("roll_area", sa.Numeric(precision=14, scale=2), nullable=True),
        sa.Column("roll_hash", sa.Text(), nullable=True),
        sa.Column("turnout_hash", sa.Text(), nullable=True),
        sa.Column("outcome", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("previous_id", sa.Uuid(), nullable=True),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("not (secret and basis = 'owner')", name=op.f("ck_polls_weights_are_open")),
        sa.CheckConstraint(
            "state <> 'counted' or outcome is not null", name=op.f("ck_polls_counted_has_outcome")
        ),
        sa.CheckConstraint(
            "state in ('draft', 'announced', 'void') or roll_hash is not null", name=op.f("ck_polls_has_roll")
        ),
        sa.CheckConstraint("closes_at > opens_at", name=op.f("ck_polls_order")),
        sa.ForeignKeyConstraint(
            ["created_by"], ["people.id"], name=op.f("fk_polls_created_by"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["place_id"], ["places.id"], name=op.f("fk_polls_place_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["previous_id"], ["polls.id"], name=op.f("fk_polls_previous_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_polls")),
    )
    op.create_index("ix_polls_path", "polls", ["path", "id"], unique=False)
    op.create_index(
        "ix_polls_topic",
        "polls",
        ["topic_id"],
        unique=False,
        postgresql_where=sa.text("topic_id is not null"),
    )
    op.create_index(
        "ix_polls_unsealed",
        "polls",
        ["id"],
        unique=False,
        postgresql_where=sa.text("state in ('open', 'closed')"),
    )
    op.create_table(
        "electors",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("poll_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("home_id", sa.Uuid(), nullable=True),
        sa.Column("persons", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("area_m2", sa.Numeric(precision=12, scale=2), server_default=sa.text("0"), nullable=False),
        sa.CheckConstraint("persons > 0 and area_m2 >= 0", name=op.f("ck_electors_weight")),
        sa.ForeignKeyConstraint(
            ["home_id"], ["homes.id"], name=op.f("fk_electors_home_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["poll_id"], ["polls.id"], name=op.f("fk_electors_poll_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_electors")),
    )
    op.create_index("uq_electors_number", "electors", ["poll_id", "number"], unique=True)
    op.create_table(
        "poll_keys",
        sa.Column("poll_id", sa.Uuid(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["poll_id"], ["polls.id"], name=op.f("fk_poll_keys_poll_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("poll_id", name=op.f("pk_poll_keys")),
    )
    op.create_table(
        "proxy_loads",
        sa.Column("poll_id", sa.Uuid(), nullable=False),
        sa.Column("holder_id", sa.Uuid(), nullable=False),
        sa.Column("held", sa.Integer(), nullable=False),
        sa.CheckConstraint("held between 0 and 2", name=op.f("ck_proxy_loads_held_range")),
        sa.ForeignKeyConstraint(
            ["holder_id"], ["people.id"], name=op.f("fk_proxy_loads_holder_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["poll_id"], ["polls.id"], name=op.f("fk_proxy_loads_poll_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("poll_id", "holder_id", name=op.f("pk_proxy_loads")),
    )
    op.create_table(
        "representatives",
        sa.Column("poll_id", sa.Uuid(), nullable=False),
        sa.Column("home_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("named_by", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["home_id"], ["homes.id"], name=op.f("fk_representatives_home_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["named_by"], ["people.id"], name=op.f("fk_representatives_named_by"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name=op.f("fk_representatives_person_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["poll_id"], ["polls.id"], name=op.f("fk_representatives_poll_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("poll_id", "home_id", name=op.f("pk_representatives")),
    )
    op.create_table(
        "casters",
        sa.Column("poll_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("elector_id", sa.Uuid(), nullable=False),
        sa.Column("as_proxy", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.ForeignKeyConstraint(
            ["elector_id"], ["electors.id"], name=op.f("fk_casters_elector_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name=op.f("fk_casters_person_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["poll_id"], ["polls.id"], name=op.f("fk_casters_poll_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("poll_id", "person_id", "elector_id", name=op.f("pk_casters")),
    )
    op.create_index("ix_casters_elector", "casters", ["elector_id"], unique=False)
    op.create_table(
        "paper_entries",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("poll_id", sa.Uuid(), nullable=False),
        sa.Column("elector_id", sa.Uuid(), nullable=False),
        sa.Column(
            "channel",
            sa.Enum(
                "web",
                "proxy",
                "paper",
                "assisted",
                name="votechannel",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("choices", sa.Text(), nullable=True),
        sa.Column(
            "state",
            sa.Enum(
                "pending",
                "confirmed",
                "mismatch",
                "revoked",
                name="entrystate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("entered_by", sa.Uuid(), nullable=False),
        sa.Column("second_by", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("second_by <> entered_by", name=op.f("ck_paper_entries_two_persons")),
        sa.ForeignKeyConstraint(
            ["elector_id"], ["electors.id"], name=op.f("fk_paper_entries_elector_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["entered_by"], ["people.id"], name=op.f("fk_paper_entries_entered_by"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["poll_id"], ["polls.id"], name=op.f("fk_paper_entries_poll_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["second_by"], ["people.id"], name=op.f("fk_paper_entries_second_by"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_paper_entries")),
    )
    op.create_index(op.f("ix_paper_entries_poll_id"), "paper_entries", ["poll_id"], unique=False)
    op.create_index(
        "uq_paper_entries_pending",
        "paper_entries",
        ["elector_id"],
        unique=True,
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_table(
        "proxies",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("poll_id", sa.Uuid(), nullable=False),
        sa.Column("elector_id", sa.Uuid(), nullable=False),
        sa.Column("holder_id", sa.Uuid(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "pending",
                "confirmed",
                "mismatch",
                "revoked",
                name="entrystate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("recorded_by", sa.Uuid(), nullable=False),
        sa.Column("confirmed_by", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("confirmed_by <> recorded_by", name=op.f("ck_proxies_two_persons")),
        sa.ForeignKeyConstraint(
            ["confirmed_by"], ["people.id"], name=op.f("fk_proxies_confirmed_by"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["elector_id"], ["electors.id"], name=op.f("fk_proxies_elector_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["holder_id"], ["people.id"], name=op.f("fk_proxies_holder_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["poll_id"], ["polls.id"], name=op.f("fk_proxies_poll_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["recorded_by"], ["people.id"], name=op.f("fk_proxies_recorded_by"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_proxies")),
    )
    op.create_index(op.f("ix_proxies_poll_id"), "proxies", ["poll_id"], unique=False)
    op.create_index(
        "uq_proxies_live",
        "proxies",
        ["elector_id"],
        unique=True,
        postgresql_where=sa.text("state in ('pending', 'confirmed')"),
    )


def downgrade() -> None:
    op.drop_index(
        "uq_proxies_live", table_name="proxies", postgresql_where=sa.text("state in ('pending', 'confirmed')")
    )
    op.drop_index(op.f("ix_proxies_poll_id"), table_name="proxies")
    op.drop_table("proxies")
    op.drop_index(
        "uq_paper_entries_pending", table_name="paper_entries", postgresql_where=sa.text("state = 'pending'")
    )
    op.drop_index(op.f("ix_paper_entries_poll_id"), table_name="paper_entries")
    op.drop_table("paper_entries")
    op.drop_index("ix_casters_elector", table_name="casters")
    op.drop_table("casters")
    op.drop_table("representatives")
    op.drop_table("proxy_loads")
    op.drop_table("poll_keys")
    op.drop_index("uq_electors_number", table_name="electors")
    op.drop_table("electors")
    op.drop_index(
        "ix_polls_unsealed", table_name="polls", postgresql_where=sa.text("state in ('open', 'closed')")
    )
    op.drop_index("ix_polls_topic", table_name="polls", postgresql_where=sa.text("topic_id is not null"))
    op.drop_index("ix_polls_path", table_name="polls")
    op.drop_table("polls")
    op.drop_index("uq_seals_number", table_name="seals")
    op.drop_table("seals")
    op.drop_index("ix_sealed_leaves_batch", table_name="sealed_leaves")
    op.drop_table("sealed_leaves")
    op.drop_index(
        "ix_poll_records_unsealed", table_name="poll_records", postgresql_where=sa.text("batch is null")
    )
    op.drop_index(op.f("ix_poll_records_poll_id"), table_name="poll_records")
    op.drop_table("poll_records")
    op.drop_table("marks")
    op.drop_table("event_leaves")
    op.drop_index("uq_ballots_once", table_name="ballots", postgresql_where=sa.text("once is not null"))
    op.drop_index("ix_ballots_unsealed", table_name="ballots", postgresql_where=sa.text("batch is null"))
    op.drop_table("ballots")
