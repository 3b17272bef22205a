"""注销: what people wrote beside the events, where it can be forgotten while what is sealed goes on verifying."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

TRIGGERS = (
    """create function forget_for_a_request() returns trigger language plpgsql as $$
begin
  if old.forgotten_for is null and new.forgotten_for is not null
     and new.event_id = old.event_id and new.about_id is not distinct from old.about_id
     and new.told is null and new.words is null and new.salt is null
     and exists (select from erasures where id = new.forgotten_for and state = 'done') then
    return new;
  end if;
  raise exception 'append-only: % on % is forbidden', tg_op, tg_table_name using errcode = 'restrict_violation';
end $$""",
    """create trigger event_words_forgotten before update on event_words
  for each row execute function forget_for_a_request()""",
    """create trigger event_words_append_only before delete on event_words
  for each row execute function forbid_change()""",
    """create trigger event_words_no_truncate before truncate on event_words
  for each statement execute function forbid_change()""",
)
"""Words are emptied whole, for a 注销 that is being carried out, or not at all."""


def upgrade() -> None:
    op.create_table(
        "event_words",
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("about_id", sa.Uuid(), nullable=True),
        sa.Column("told", sa.Text(), nullable=True),
        sa.Column("words", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("salt", sa.LargeBinary(), nullable=True),
        sa.Column("forgotten_for", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(
            ["event_id"], ["events.id"], name=op.f("fk_event_words_event_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_event_words")),
    )
    op.create_index(
        "ix_event_words_about",
        "event_words",
        ["about_id"],
        postgresql_where=sa.text("about_id is not null"),
    )
    for trigger in TRIGGERS:
        op.execute(trigger)


def downgrade() -> None:
    op.drop_table("event_words")
    op.execute("drop function forget_for_a_request()")
