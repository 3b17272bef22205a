"""保存期限: the policy of api/rules/privacy.py carried out, in steps that hold no lock for long."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from api.kit import clock
from api.rules.privacy import RETENTION, Retention

AT_ONCE = 10_000
"""Rows of a table one run takes; the next run goes on."""


async def keep_to_the_policy(tx: AsyncSession) -> None:
    """The job: what is older than its time goes, or is emptied."""
    for policy in RETENTION:
        await tx.execute(text(statement(policy)), {"before": clock.now() - policy.kept})


def statement(policy: Retention) -> str:
    """The SQL of one line of the policy; it consists of our own words alone."""
    condition = f"{policy.since} < :before" + (f" and {policy.where}" if policy.where else "")
    some = f"ctid = any(array(select ctid from {policy.table} where {condition} limit {AT_ONCE}))"  # noqa: S608
    if policy.cleared:
        return f"update {policy.table} set {', '.join(policy.cleared)} where {some}"  # noqa: S608
    return f"delete from {policy.table} where {some}"  # noqa: S608
