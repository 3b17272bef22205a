"""Settings of places, version by version; lists of cases by state read one range of an index of all not closed."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_LIVE = (
    "state in ('submitted', 'dispatched', 'in_progress', 'waiting_resident', 'suspended', 'handled',"
    " 'awaiting_rating')"
)


def upgrade() -> None:
    op.create_table(
        "place_settings",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("place_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("terms", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("version >= 1", name=op.f("ck_place_settings_version_counts")),
        sa.ForeignKeyConstraint(
            ["place_id"], ["places.id"], name=op.f("fk_place_settings_place_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_place_settings")),
        sa.UniqueConstraint("place_id", "version", name=op.f("uq_place_settings_place_id_version")),
    )
    op.add_column("cases", sa.Column("setting_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        op.f("fk_cases_setting_id"), "cases", "place_settings", ["setting_id"], ["id"], ondelete="RESTRICT"
    )
    op.create_index(
        "ix_cases_state",
        "cases",
        ["state", "path", "id"],
        unique=False,
        postgresql_where=sa.text("state <> 'closed'"),
    )
    op.drop_index("ix_cases_live", table_name="cases")


def downgrade() -> None:
    op.create_index(
        "ix_cases_live", "cases", ["state", "path", "id"], unique=False, postgresql_where=sa.text(_LIVE)
    )
    op.drop_index("ix_cases_state", table_name="cases")
    op.drop_constraint(op.f("fk_cases_setting_id"), "cases", type_="foreignkey")
    op.drop_column("cases", "setting_id")
    op.drop_table("place_settings")
