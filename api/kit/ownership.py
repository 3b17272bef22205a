"""Two roles in PostgreSQL: the owner makes and changes tables, the program's role only works in them (S6).

What a trigger that calls `forbid_change` refuses on a table, UPDATE or DELETE, the program has no right to either; to
do it all the same it would have to drop the trigger, and only an owner can (docs/adr/0022).
"""

from dataclasses import dataclass

import asyncpg

GUARD = "forbid_change"
MAINTAIN_SINCE = 170_000
"""server_version_num: earlier the owner alone may ANALYZE, and the server analyses by itself a minute later."""


def _guarded(bit: int) -> str:
    """Whether the table `c` refuses what `bit` of pg_trigger.tgtype stands for."""
    return f"""exists (select from pg_trigger t join pg_proc p on p.oid = t.tgfoid
      where t.tgrelid = c.oid and p.proname = '{GUARD}' and t.tgtype & {bit} > 0)"""


_DELETE, _UPDATE = _guarded(8), _guarded(16)
_LOOK = f"""
with tables as (
  select c.relname::text as name, pg_has_role(c.relowner, 'member') as owned, {_DELETE} as stays, {_UPDATE} as fixed,
    has_table_privilege(c.oid, 'select') and has_table_privilege(c.oid, 'insert') as usable,
    has_table_privilege(c.oid, 'update') as updatable, has_table_privilege(c.oid, 'delete') as deletable,
    has_table_privilege(c.oid, 'truncate') as emptiable
  from pg_class c
  where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and c.relname <> 'alembic_version')
select (select rolsuper from pg_roles where rolname = current_user) as superuser,
  coalesce(bool_or(owned), false) as owns,
  coalesce(array_agg(name order by name)
    filter (where fixed and updatable or stays and (deletable or emptiable)), '{{}}') as rewritable,
  coalesce(array_agg(name order by name)
    filter (where not usable or not (fixed or updatable) or not (stays or deletable)), '{{}}') as closed
from tables"""  # noqa: S608


def grants(role: str, server_version: int) -> tuple[str, ...]:
    """What the owner says so that `role` can work, and no more than work. Saying it again changes nothing."""
    name = '"' + role.replace('"', '""') + '"'
    literal = "'" + role.replace("'", "''") + "'"  # quoted here: GRANT takes no parameters
    maintain = ", maintain" if server_version >= MAINTAIN_SINCE else ""
    return (
        f"grant usage on schema public to {name}",
        f"alter default privileges in schema public grant select, insert, update, delete on tables to {name}",
        f"alter default privileges in schema public grant usage, select on sequences to {name}",
        f"grant select, insert, update, delete{maintain} on all tables in schema public to {name}",
        f"grant usage, select on all sequences in schema public to {name}",
        f"revoke insert, update, delete on alembic_version from {name}",
        f"""do $do$ declare fixed text; stays text; begin
  select string_agg(c.oid::regclass::text, ', ') filter (where {_UPDATE}),
    string_agg(c.oid::regclass::text, ', ') filter (where {_DELETE}) into fixed, stays
  from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p');
  if fixed is not null then execute format('revoke update on %s from %I', fixed, {literal}); end if;
  if stays is not null then execute format('revoke delete, truncate on %s from %I', stays, {literal}); end if;
  if has_schema_privilege({literal}, 'public', 'create') then
    revoke create on schema public from public, {name};
  end if;
  if not has_database_privilege({literal}, current_database(), 'temporary') then
    execute format('grant temporary on database %I to %I', current_database(), {literal});
  end if;
end $do$""",  # noqa: S608
    )


@dataclass(frozen=True, slots=True)
class Standing:
    """What the role of a connection could do to the schema, and could not do in it."""

    superuser: bool
    owns: bool
    """It owns tables, or can become the role that does: it could change them and drop what guards them."""
    rewritable: tuple[str, ...]
    """Append-only tables in which it may change or delete rows, were it not for their triggers."""
    closed: tuple[str, ...]
    """Tables in which it may not do what the program does."""


async def look(connection: asyncpg.Connection) -> Standing:
    """One round trip, as the role that asks."""
    row = await connection.fetchrow(_LOOK)
    return Standing(row["superuser"], row["owns"], tuple(row["rewritable"]), tuple(row["closed"]))
