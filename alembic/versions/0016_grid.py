"""代录与网格事件: cases entered for others and claimed by them, found on the round, and where places lie."""

import re

import sqlalchemy as sa

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

CHANNELS = ("phone", "found")
COLUMNS: dict[str, type[sa.types.TypeEngine[object]]] = {
    "behalf_name_sealed": sa.LargeBinary,
    "behalf_phone_sealed": sa.LargeBinary,
    "behalf_phone_index": sa.LargeBinary,
    "consent": sa.Text,
    "latitude": sa.Double,
    "longitude": sa.Double,
}
CHECKS = (
    (
        "cases",
        "ck_cases_entered_whole",
        "behalf_phone_index is null or (recorder_id is not null and behalf_phone_sealed is not null"
        " and behalf_name_sealed is not null and consent is not null)",
    ),
    ("cases", "ck_cases_position_whole", "(latitude is null) = (longitude is null)"),
    (
        "cases",
        "ck_cases_found_whole",
        "channel <> 'found' or (kind = 'grid' and recorder_id is not null and latitude is not null)",
    ),
    ("cases", "ck_cases_handled_by_finder", "not self_handled or channel = 'found'"),
)
"""Added without a look at the rows there are, then validated: writers wait for no scan."""


STATES = "content in ('pending', 'pass', 'review', 'risky')"
WORDS = ("case_requests", "case_tasks")
PASSED = (("cases", "plan"), ("case_requests", "answer"), ("case_tasks", "result"))
BACKFILL = (
    "update case_requests set content = 'pass'",
    "update case_tasks set content = 'pass'",
    "update cases set plan_passed_at = updated_at where plan is not null",
    "update case_requests set answer_passed_at = updated_at where answer is not null",
    "update case_tasks set result_passed_at = updated_at where result is not null",
)
"""Words are judged from now on; what stands there was shown already and stays so."""


def _channels(add: tuple[str, ...] = (), drop: tuple[str, ...] = ()) -> None:
    """The words of the column, whatever other revisions made of them before, more or fewer of ours."""
    told = op.get_bind().execute(
        sa.text("select pg_get_constraintdef(oid) from pg_constraint where conname = 'ck_cases_channel'")
    )
    known = re.findall(r"'(\w+)'", told.scalar_one())
    words = [word for word in (*known, *(a for a in add if a not in known)) if word not in drop]
    op.drop_constraint(op.f("ck_cases_channel"), "cases", type_="check")
    listed = ", ".join(f"'{word}'" for word in words)
    op.execute(f"alter table cases add constraint ck_cases_channel check (channel in ({listed})) not valid")
    op.execute("alter table cases validate constraint ck_cases_channel")


def upgrade() -> None:
    op.create_table(
        "place_bounds",
        sa.Column("place_id", sa.Uuid(), nullable=False),
        sa.Column("south", sa.Double(), nullable=False),
        sa.Column("west", sa.Double(), nullable=False),
        sa.Column("north", sa.Double(), nullable=False),
        sa.Column("east", sa.Double(), nullable=False),
        sa.CheckConstraint("south < north and west < east", name=op.f("ck_place_bounds_box")),
        sa.ForeignKeyConstraint(
            ["place_id"], ["places.id"], name=op.f("fk_place_bounds_place_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("place_id", name=op.f("pk_place_bounds")),
    )
    for name, kind in COLUMNS.items():
        op.add_column("cases", sa.Column(name, kind(), nullable=True))
    op.add_column(
        "cases", sa.Column("self_handled", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    )
    _channels(add=CHANNELS)
    for table, name, rule in CHECKS:
        op.execute(f"alter table {table} add constraint {name} check ({rule}) not valid")
    for table, name, _ in CHECKS:
        op.execute(f"alter table {table} validate constraint {name}")
    for table in WORDS:
        # A program one version back writes no such column: then the default hides what it writes.
        op.add_column(
            table,
            sa.Column("content", sa.String(length=32), server_default=sa.text("'pending'"), nullable=False),
        )
        op.execute(f"alter table {table} add constraint ck_{table}_contentstate check ({STATES}) not valid")
        op.execute(f"alter table {table} validate constraint ck_{table}_contentstate")
    for table, words in PASSED:
        op.add_column(table, sa.Column(f"{words}_passed_at", sa.DateTime(timezone=True), nullable=True))
    for statement in BACKFILL:
        op.execute(statement)
    op.create_index(
        "ix_cases_unclaimed",
        "cases",
        ["behalf_phone_index"],
        postgresql_where=sa.text("behalf_phone_index is not null and reporter_id is null"),
    )


def downgrade() -> None:
    op.drop_index("ix_cases_unclaimed", table_name="cases")
    for table, words in PASSED:
        op.drop_column(table, f"{words}_passed_at")
    for table in WORDS:
        op.drop_column(table, "content")
    for table, name, _ in reversed(CHECKS):
        op.execute(f"alter table {table} drop constraint {name}")
    op.execute("update cases set channel = 'recorded' where channel in ('phone', 'found')")
    _channels(drop=CHANNELS)
    op.drop_column("cases", "self_handled")
    for name in reversed(COLUMNS):
        op.drop_column("cases", name)
    op.drop_table("place_bounds")
