"""The subscription ledger, the platform's pushes, privacy and mini-program codes."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

MOVE_BALANCES = """insert into subscription_consents (id, identity_id, template, entry, source, at)
select ('00000000-0000-7' || substr(gen_random_uuid()::text, 16))::uuid,
       i.id, s.template, 'accept', 'app', s.updated_at
from subscriptions s
cross join lateral (
  select id from wechat_identities w where w.person_id = s.person_id order by w.id desc limit 1) i
cross join generate_series(1, s.credits)"""
"""Each consent of a balance becomes a line, with an id older than any that follows."""

RESTORE_BALANCES = """insert into subscriptions (person_id, template, credits, updated_at)
select i.person_id, c.template, count(*), max(c.at)
from subscription_consents c join wechat_identities i on i.id = c.identity_id
where c.entry = 'accept' and c.pairs_with is null
  and not exists (select from subscription_messages m where m.consent_id = c.id and m.spent)
  and not exists (
    select from subscription_consents v
    where v.identity_id = c.identity_id and v.template = c.template and v.id > c.id
      and v.entry in ('off', 'refused'))
group by i.person_id, c.template"""

APPEND_ONLY = ("subscription_consents", "privacy_consents")


def upgrade() -> None:
    op.create_table(
        "program_codes",
        sa.Column("scene", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("image", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("scene", name=op.f("pk_program_codes")),
    )
    op.create_table(
        "wechat_pushes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("openid", sa.Text(), nullable=True),
        sa.Column("content", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_wechat_pushes")),
        sa.UniqueConstraint("key", name=op.f("uq_wechat_pushes_key")),
    )
    op.create_index("ix_wechat_pushes_openid", "wechat_pushes", ["openid"], unique=False)
    op.create_index("ix_wechat_pushes_received_at", "wechat_pushes", ["received_at"], unique=False)
    op.create_table(
        "data_exports",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "pending",
                "ready",
                "expired",
                "failed",
                name="exportstate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("content", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ready_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name=op.f("fk_data_exports_person_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_data_exports")),
    )
    op.create_index("ix_data_exports_person", "data_exports", ["person_id", "id"], unique=False)
    op.create_index(
        "uq_data_exports_pending",
        "data_exports",
        ["person_id"],
        unique=True,
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_table(
        "erasures",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column(
            "source",
            sa.Enum(
                "person",
                "platform",
                name="erasuresource",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column(
            "state",
            sa.Enum(
                "requested",
                "cancelled",
                "done",
                name="erasurestate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("signed_out_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name=op.f("fk_erasures_person_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_erasures")),
    )
    op.create_index(
        "uq_erasures_live",
        "erasures",
        ["person_id"],
        unique=True,
        postgresql_where=sa.text("state = 'requested'"),
    )
    op.create_table(
        "notice_preferences",
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("messages", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("muted", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("quiet_from", sa.SmallInteger(), nullable=True),
        sa.Column("quiet_until", sa.SmallInteger(), nullable=True),
        sa.Column("digest", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("digested_on", sa.Date(), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(quiet_from is null) = (quiet_until is null)", name=op.f("ck_notice_preferences_quiet_pair")
        ),
        sa.CheckConstraint(
            "quiet_from between 0 and 1439 and quiet_until between 0 and 1439",
            name=op.f("ck_notice_preferences_quiet_day"),
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name=op.f("fk_notice_preferences_person_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("person_id", name=op.f("pk_notice_preferences")),
    )
    op.create_table(
        "privacy_consents",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column(
            "purpose",
            sa.Enum(
                "service",
                "phone",
                "location",
                "profile",
                "statistics",
                name="purpose",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("granted", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name=op.f("fk_privacy_consents_person_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_privacy_consents")),
    )
    op.create_index(
        "ix_privacy_consents_of", "privacy_consents", ["person_id", "purpose", "id"], unique=False
    )
    op.create_table(
        "household_lines",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("home_id", sa.Uuid(), nullable=False),
        sa.Column("phone_index", sa.LargeBinary(), nullable=False),
        sa.Column(
            "relation",
            sa.Enum(
                "owner",
                "family",
                "tenant",
                name="relation",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("is_registered", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["home_id"], ["homes.id"], name=op.f("fk_household_lines_home_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_household_lines")),
        sa.UniqueConstraint("phone_index", "home_id", name=op.f("uq_household_lines_phone_index_home_id")),
    )
    op.create_index("ix_household_lines_home", "household_lines", ["home_id"], unique=False)
    op.create_table(
        "subscription_consents",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("identity_id", sa.Uuid(), nullable=False),
        sa.Column("template", sa.Text(), nullable=False),
        sa.Column(
            "entry",
            sa.Enum(
                "accept",
                "reject",
                "ban",
                "off",
                "refused",
                name="consententry",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column(
            "source",
            sa.Enum(
                "app",
                "popup",
                "settings",
                "platform",
                name="consentsource",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("pairs_with", sa.Uuid(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["identity_id"],
            ["wechat_identities.id"],
            name=op.f("fk_subscription_consents_identity_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["pairs_with"],
            ["subscription_consents.id"],
            name=op.f("fk_subscription_consents_pairs_with"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscription_consents")),
    )
    op.create_index(
        "ix_subscription_consents_of",
        "subscription_consents",
        ["identity_id", "template", "id"],
        unique=False,
    )
    op.create_index(
        "uq_subscription_consents_pair",
        "subscription_consents",
        ["pairs_with"],
        unique=True,
        postgresql_where=sa.text("pairs_with is not null"),
    )
    op.execute(MOVE_BALANCES)
    op.drop_table("subscriptions")
    op.add_column("subscription_messages", sa.Column("consent_id", sa.Uuid(), nullable=True))
    op.add_column(
        "subscription_messages",
        sa.Column("spent", sa.Boolean(), server_default=sa.text("true"), nullable=False),
    )
    op.add_column("subscription_messages", sa.Column("platform_id", sa.Text(), nullable=True))
    op.create_index(
        "uq_subscription_messages_consent",
        "subscription_messages",
        ["consent_id"],
        unique=True,
        postgresql_where=sa.text("spent"),
    )
    op.create_index(
        "uq_subscription_messages_platform_id",
        "subscription_messages",
        ["platform_id"],
        unique=True,
        postgresql_where=sa.text("platform_id is not null"),
    )
    op.create_foreign_key(
        op.f("fk_subscription_messages_consent_id"),
        "subscription_messages",
        "subscription_consents",
        ["consent_id"],
        ["id"],
        ondelete="RESTRICT",
    )
    for table in APPEND_ONLY:
        op.execute(
            f"create trigger {table}_append_only before update or delete on {table} "
            "for each row execute function forbid_change()"
        )
        op.execute(
            f"create trigger {table}_no_truncate before truncate on {table} "
            "for each statement execute function forbid_change()"
        )


def downgrade() -> None:
    op.create_table(
        "subscriptions",
        sa.Column("person_id", sa.UUID(), autoincrement=False, nullable=False),
        sa.Column("template", sa.TEXT(), autoincrement=False, nullable=False),
        sa.Column("credits", sa.INTEGER(), server_default=sa.text("0"), autoincrement=False, nullable=False),
        sa.Column("updated_at", postgresql.TIMESTAMP(timezone=True), autoincrement=False, nullable=False),
        sa.CheckConstraint("credits >= 0", name=op.f("ck_subscriptions_credits_not_negative")),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name=op.f("fk_subscriptions_person_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("person_id", "template", name=op.f("pk_subscriptions")),
    )
    op.execute(RESTORE_BALANCES)
    op.drop_constraint(
        op.f("fk_subscription_messages_consent_id"), "subscription_messages", type_="foreignkey"
    )
    op.drop_index(
        "uq_subscription_messages_platform_id",
        table_name="subscription_messages",
        postgresql_where=sa.text("platform_id is not null"),
    )
    op.drop_index(
        "uq_subscription_messages_consent",
        table_name="subscription_messages",
        postgresql_where=sa.text("spent"),
    )
    op.drop_column("subscription_messages", "platform_id")
    op.drop_column("subscription_messages", "spent")
    op.drop_column("subscription_messages", "consent_id")
    op.drop_index(
        "uq_subscription_consents_pair",
        table_name="subscription_consents",
        postgresql_where=sa.text("pairs_with is not null"),
    )
    op.drop_index("ix_subscription_consents_of", table_name="subscription_consents")
    op.drop_table("subscription_consents")
    op.drop_index("ix_household_lines_home", table_name="household_lines")
    op.drop_table("household_lines")
    op.drop_index("ix_privacy_consents_of", table_name="privacy_consents")
    op.drop_table("privacy_consents")
    op.drop_table("notice_preferences")
    op.drop_index("uq_erasures_live", table_name="erasures", postgresql_where=sa.text("state = 'requested'"))
    op.drop_table("erasures")
    op.drop_index(
        "uq_data_exports_pending", table_name="data_exports", postgresql_where=sa.text("state = 'pending'")
    )
    op.drop_index("ix_data_exports_person", table_name="data_exports")
    op.drop_table("data_exports")
    op.drop_index("ix_wechat_pushes_received_at", table_name="wechat_pushes")
    op.drop_index("ix_wechat_pushes_openid", table_name="wechat_pushes")
    op.drop_table("wechat_pushes")
    op.drop_table("program_codes")
