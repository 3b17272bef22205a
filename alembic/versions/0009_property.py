"""找物业, 预约接待, 帮办代办, 找商家: companies, assets, merchants, appointments, and grants held at one unit."""

import re

import sqlalchemy as sa

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

WIDENED = {
    "cases": (
        "category",
        ("danger", "urgent_repair", "ordinary_repair", "overhaul", "property_complaint", "errand", "booking"),
    ),
    "units": ("kind", ("merchant",)),
    "grants": ("role", ("property_manager", "merchant_staff")),
}
"""Table → its enum column and the words it learns."""
NAMES = {"cases": "ck_cases_casecategory", "units": "ck_units_unitkind", "grants": "ck_grants_role"}


def _allow(table: str, add: tuple[str, ...] = (), drop: tuple[str, ...] = ()) -> None:
    """The words of an enum column, whatever other revisions made of them before, more or fewer of ours."""
    column, name = WIDENED[table][0], NAMES[table]
    told = op.get_bind().execute(
        sa.text("select pg_get_constraintdef(oid) from pg_constraint where conname = :name"), {"name": name}
    )
    known = re.findall(r"'(\w+)'", told.scalar_one())
    words = [word for word in (*known, *(a for a in add if a not in known)) if word not in drop]
    op.drop_constraint(op.f(name), table, type_="check")
    listed = ", ".join(f"'{word}'" for word in words)
    op.execute(f"alter table {table} add constraint {name} check ({column} in ({listed})) not valid")
    op.execute(f"alter table {table} validate constraint {name}")


def upgrade() -> None:
    op.create_table(
        "appointments",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("secretary_id", sa.Uuid(), nullable=False),
        sa.Column("place_id", sa.Uuid(), nullable=False),
        sa.Column("path", sa.Text(collation="C"), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
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
        sa.Column("slot_id", sa.Uuid(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "requested",
                "proposed",
                "confirmed",
                "accepted",
                "met",
                "no_show",
                "cancelled",
                name="appointmentstate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("level", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("ends_at > starts_at", name=op.f("ck_appointments_stretch")),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name=op.f("fk_appointments_person_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["place_id"], ["places.id"], name=op.f("fk_appointments_place_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["secretary_id"], ["people.id"], name=op.f("fk_appointments_secretary_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_appointments")),
    )
    op.create_index("ix_appointments_person", "appointments", ["person_id", "id"], unique=False)
    op.create_index("ix_appointments_place", "appointments", ["place_id", "id"], unique=False)
    op.create_index(
        "uq_appointments_slot",
        "appointments",
        ["secretary_id", "starts_at"],
        unique=True,
        postgresql_where=sa.text("state in ('requested', 'proposed', 'confirmed', 'accepted')"),
    )
    op.create_table(
        "companies",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("place_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("service_hours", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["place_id"], ["places.id"], name=op.f("fk_companies_place_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_companies")),
        sa.UniqueConstraint("place_id", "name", name=op.f("uq_companies_place_id_name")),
    )
    op.create_table(
        "delegations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("secretary_id", sa.Uuid(), nullable=False),
        sa.Column("delegate_id", sa.Uuid(), nullable=False),
        sa.Column("place_id", sa.Uuid(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("secretary_id <> delegate_id", name=op.f("ck_delegations_other")),
        sa.CheckConstraint("until is null or until >= since", name=op.f("ck_delegations_order")),
        sa.ForeignKeyConstraint(
            ["delegate_id"], ["people.id"], name=op.f("fk_delegations_delegate_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["place_id"], ["places.id"], name=op.f("fk_delegations_place_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["secretary_id"], ["people.id"], name=op.f("fk_delegations_secretary_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delegations")),
    )
    op.create_index("ix_delegations_delegate", "delegations", ["delegate_id"], unique=False)
    op.create_index("ix_delegations_secretary", "delegations", ["secretary_id", "place_id"], unique=False)
    op.create_table(
        "office_hours",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("secretary_id", sa.Uuid(), nullable=False),
        sa.Column("place_id", sa.Uuid(), nullable=False),
        sa.Column("weekday", sa.SmallInteger(), nullable=False),
        sa.Column("opens", sa.SmallInteger(), nullable=False),
        sa.Column("closes", sa.SmallInteger(), nullable=False),
        sa.Column("minutes", sa.SmallInteger(), nullable=False),
        sa.Column("since", sa.Date(), nullable=False),
        sa.Column("until", sa.Date(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "0 <= opens and opens < closes and closes <= 1440", name=op.f("ck_office_hours_stretch")
        ),
        sa.CheckConstraint("minutes between 5 and closes - opens", name=op.f("ck_office_hours_slot")),
        sa.CheckConstraint("until is null or until >= since", name=op.f("ck_office_hours_order")),
        sa.CheckConstraint("weekday between 1 and 7", name=op.f("ck_office_hours_weekday")),
        sa.ForeignKeyConstraint(
            ["place_id"], ["places.id"], name=op.f("fk_office_hours_place_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["secretary_id"], ["people.id"], name=op.f("fk_office_hours_secretary_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_office_hours")),
    )
    op.create_index("ix_office_hours_secretary", "office_hours", ["secretary_id", "weekday"], unique=False)
    op.create_table(
        "assets",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("estate_id", sa.Uuid(), nullable=False),
        sa.Column("building_id", sa.Uuid(), nullable=True),
        sa.Column(
            "kind",
            sa.Enum(
                "lift",
                "pump_room",
                "power_room",
                "gate",
                "parking",
                "lighting",
                "fire_control",
                "drainage",
                "facade",
                "roof",
                "greenery",
                "playground",
                "surveillance",
                "other",
                name="assetkind",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["building_id"], ["places.id"], name=op.f("fk_assets_building_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["estate_id"], ["estates.id"], name=op.f("fk_assets_estate_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_assets")),
        sa.UniqueConstraint(
            "estate_id",
            "building_id",
            "name",
            name=op.f("uq_assets_estate_id_building_id_name"),
            postgresql_nulls_not_distinct=True,
        ),
    )
    op.create_table(
        "merchants",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("place_id", sa.Uuid(), nullable=False),
        sa.Column(
            "category",
            sa.Enum(
                "repair",
                "housekeeping",
                "grocery",
                "catering",
                "hairdressing",
                "laundry",
                "pharmacy",
                "elder_care",
                "child_care",
                "recycling",
                "other",
                name="merchantcategory",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("hours", sa.Text(), nullable=True),
        sa.Column("introduction", sa.Text(), nullable=True),
        sa.Column("unit_id", sa.Uuid(), nullable=True),
        sa.Column("active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["place_id"], ["places.id"], name=op.f("fk_merchants_place_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["unit_id"], ["units.id"], name=op.f("fk_merchants_unit_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_merchants")),
        sa.UniqueConstraint("place_id", "name", name=op.f("uq_merchants_place_id_name")),
    )
    op.create_index("ix_merchants_place", "merchants", ["place_id", "category", "id"], unique=False)
    op.add_column("cases", sa.Column("estate_id", sa.Uuid(), nullable=True))
    op.add_column("cases", sa.Column("asset_id", sa.Uuid(), nullable=True))
    op.add_column("cases", sa.Column("merchant_id", sa.Uuid(), nullable=True))
    op.create_index(
        "ix_cases_asset",
        "cases",
        ["asset_id", "created_at"],
        unique=False,
        postgresql_where=sa.text("asset_id is not null"),
    )
    op.create_foreign_key(
        op.f("fk_cases_asset_id"), "cases", "assets", ["asset_id"], ["id"], ondelete="RESTRICT"
    )
    op.create_foreign_key(
        op.f("fk_cases_estate_id"), "cases", "estates", ["estate_id"], ["id"], ondelete="RESTRICT"
    )
    op.create_foreign_key(
        op.f("fk_cases_merchant_id"), "cases", "merchants", ["merchant_id"], ["id"], ondelete="RESTRICT"
    )
    op.add_column("deadlines", sa.Column("service_hours", sa.Text(), nullable=True))
    op.add_column("grants", sa.Column("unit_id", sa.Uuid(), nullable=True))
    op.create_index(
        "ix_grants_unit", "grants", ["unit_id"], unique=False, postgresql_where=sa.text("unit_id is not null")
    )
    op.create_foreign_key(
        op.f("fk_grants_unit_id"), "grants", "units", ["unit_id"], ["id"], ondelete="RESTRICT"
    )
    op.add_column("units", sa.Column("company_id", sa.Uuid(), nullable=True))
    op.add_column("units", sa.Column("estate_id", sa.Uuid(), nullable=True))
    op.add_column("units", sa.Column("service_hours", sa.Text(), nullable=True))
    op.add_column("units", sa.Column("assignment", sa.String(32), server_default="taken", nullable=False))
    op.add_column("units", sa.Column("turn", sa.BigInteger(), server_default=sa.text("0"), nullable=False))
    op.create_index(
        "uq_units_estate",
        "units",
        ["estate_id"],
        unique=True,
        postgresql_where=sa.text("active and estate_id is not null"),
    )
    op.create_foreign_key(
        op.f("fk_units_estate_id"), "units", "estates", ["estate_id"], ["id"], ondelete="RESTRICT"
    )
    op.create_foreign_key(
        op.f("fk_units_company_id"), "units", "companies", ["company_id"], ["id"], ondelete="RESTRICT"
    )
    op.create_check_constraint(
        op.f("ck_units_assignmentmode"), "units", "assignment in ('dispatcher', 'taken', 'rotation')"
    )
    op.create_check_constraint(
        op.f("ck_units_estate_has_property"), "units", "estate_id is null or kind = 'property_company'"
    )
    for table, (_, words) in WIDENED.items():
        _allow(table, add=words)
    op.create_check_constraint(
        op.f("ck_grants_unit_roles"),
        "grants",
        "unit_id is null or role in ('property_staff', 'property_manager', 'merchant_staff')",
    )


def downgrade() -> None:
    op.drop_constraint(op.f("ck_grants_unit_roles"), "grants", type_="check")
    op.drop_constraint(op.f("ck_units_estate_has_property"), "units", type_="check")
    for table, (_, words) in WIDENED.items():
        _allow(table, drop=words)
    op.drop_constraint(op.f("fk_units_company_id"), "units", type_="foreignkey")
    op.drop_constraint(op.f("fk_units_estate_id"), "units", type_="foreignkey")
    op.drop_index(
        "uq_units_estate", table_name="units", postgresql_where=sa.text("active and estate_id is not null")
    )
    op.drop_column("units", "turn")
    op.drop_column("units", "assignment")
    op.drop_column("units", "service_hours")
    op.drop_column("units", "estate_id")
    op.drop_column("units", "company_id")
    op.drop_constraint(op.f("fk_grants_unit_id"), "grants", type_="foreignkey")
    op.drop_index("ix_grants_unit", table_name="grants", postgresql_where=sa.text("unit_id is not null"))
    op.drop_column("grants", "unit_id")
    op.drop_column("deadlines", "service_hours")
    op.drop_constraint(op.f("fk_cases_merchant_id"), "cases", type_="foreignkey")
    op.drop_constraint(op.f("fk_cases_estate_id"), "cases", type_="foreignkey")
    op.drop_constraint(op.f("fk_cases_asset_id"), "cases", type_="foreignkey")
    op.drop_index("ix_cases_asset", table_name="cases", postgresql_where=sa.text("asset_id is not null"))
    op.drop_column("cases", "merchant_id")
    op.drop_column("cases", "asset_id")
    op.drop_column("cases", "estate_id")
    op.drop_index("ix_merchants_place", table_name="merchants")
    op.drop_table("merchants")
    op.drop_table("assets")
    op.drop_index("ix_office_hours_secretary", table_name="office_hours")
    op.drop_table("office_hours")
    op.drop_index("ix_delegations_secretary", table_name="delegations")
    op.drop_index("ix_delegations_delegate", table_name="delegations")
    op.drop_table("delegations")
    op.drop_table("companies")
    op.drop_index(
        "uq_appointments_slot",
        table_name="appointments",
        postgresql_where=sa.text("state in ('requested', 'proposed', 'confirmed', 'accepted')"),
    )
    op.drop_index("ix_appointments_place", table_name="appointments")
    op.drop_index("ix_appointments_person", table_name="appointments")
    op.drop_table("appointments")
