"""Finding cases by words: within reach, newest first, quick for common words and for rare ones.

A common word is among the newest cases in reach: they are looked through. A rare one is not, and then the index of
words has few. Looking both ways in turn, neither is slow.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Select,
    Text,
    bindparam,
    exists,
    func,
    literal,
    literal_column,
    select,
    union,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit.problems import Problem
from api.models import Case, CaseReach, CaseWords
from api.models.cases import CaseId
from api.rules.grams import grams
from api.services.access import asked_of_each

WORDS = bindparam("words", type_=ARRAY(Text))
WALK = 2_000
"""So many of the newest cases of a place are looked through. A word that one case in a hundred has is among them."""
BATCH, BATCHES = 1_000, 20


class SearchTooShort(Problem):
    status, code, title = 422, "search_too_short", "请至少输入两个字"
    advice = "按两个及以上的汉字、整个编号或编号中的一段查找。"


def words_of(q: str) -> list[str]:
    """What to look for. Raises SearchTooShort."""
    found = grams(q)
    if not found:
        raise SearchTooShort
    return found


def has_words(case_id: Any) -> ColumnElement[bool]:
    """The case has every word that is looked for; asked of each case at hand."""
    return asked_of_each(
        select(1).where(col(CaseWords.case_id) == case_id, col(CaseWords.words).contains(WORDS))
    )


def found_from(
    seen_from: Any, seen: Select[Any], after: Any, limit: Any, wanted: Sequence[ColumnElement[bool]]
) -> Any:
    """Ids of the newest cases with the words, for a page of `limit`, among those seen from the places `seen_from`.

    `seen` lists the ids of one place from new to old, `wanted` are conditions on `Case`.
    """
    newest = seen.limit(literal_column(str(WALK))).lateral("newest")
    place = (seen_from.c.place_id, seen_from.c.audience)
    walk = (
        select(
            newest.c.id,
            func.count().over(partition_by=place).label("n"),
            func.first_value(newest.c.id).over(partition_by=place, order_by=newest.c.id).label("last"),
        )
        .select_from(seen_from.join(newest, literal(True)))
        .cte("walk")
        .prefix_with("materialized")
    )
    # Below the newest end of a walk that was cut short, another place's walk may know what this one does not.
    horizon = select(walk.c.last).where(walk.c.n == WALK).order_by(walk.c.last.desc()).limit(1)
    cut = horizon.scalar_subquery()
    # In order before the words are asked for, so that a common one ends the looking with the page.
    walked = (
        select(walk.c.id)
        .where(func.coalesce(walk.c.id >= cut, literal(True)))
        .distinct()
        .order_by(walk.c.id.desc())
        .offset(literal_column("0"))
        .subquery("walked")
    )
    hits = (
        _narrowed(select(walked.c.id), walked.c.id, wanted)
        .where(has_words(walked.c.id))
        .order_by(walked.c.id.desc())
        .limit(limit)
        .cte("hits")
    )
    enough = select(func.count()).select_from(hits).scalar_subquery() >= limit
    whole = ~exists(horizon)
    indexed = (
        select(col(CaseWords.case_id).label("id"))
        .where(
            col(CaseWords.words).contains(WORDS),
            col(CaseWords.case_id) < after,
            ~(enough | whole),
        )
        .cte("indexed")
        .prefix_with("materialized")
    )
    # Again in order first: what was common once, and is no more, fills the page before each case is asked about.
    listed = select(indexed).order_by(indexed.c.id.desc()).offset(literal_column("0")).subquery("listed")
    rest = (
        _narrowed(select(listed.c.id), listed.c.id, wanted)
        .where(_is_seen(seen, listed.c.id))
        .order_by(listed.c.id.desc())
        .limit(limit)
    )
    both = union(select(hits.c.id), rest.subquery("rest").select()).subquery("both")
    return select(both.c.id).order_by(both.c.id.desc()).limit(limit).subquery("ids")


def _narrowed(rows: Select[Any], case_id: Any, wanted: Sequence[ColumnElement[bool]]) -> Select[Any]:
    return rows.join(Case, col(Case.id) == case_id).where(*wanted) if wanted else rows


def _is_seen(seen: Select[Any], case_id: Any) -> ColumnElement[bool]:
    """The case is among those seen from one of the places."""
    return asked_of_each(seen.order_by(None).where(col(CaseReach.case_id) == case_id))


async def index(tx: AsyncSession, case: Case) -> None:
    """Make the case findable; once is enough, since its words never change."""
    await _write(tx, [(case.id, case.number, case.title, case.text)])


async def index_missing(tx: AsyncSession) -> None:
    """Make some of those findable that are not yet: cases from before there was an index."""
    for _ in range(BATCHES):
        found = await tx.execute(_MISSING)
        rows = [tuple(row) for row in found]
        if rows:
            await _write(tx, rows)
        if len(rows) < BATCH:
            return


_MISSING = (
    select(col(Case.id), col(Case.number), col(Case.title), col(Case.text))
    .where(~exists().where(col(CaseWords.case_id) == col(Case.id)))
    .limit(literal_column(str(BATCH)))
)


async def _write(tx: AsyncSession, cases: Sequence[Any]) -> None:
    rows = [{"case_id": CaseId(case_id), "words": grams(*texts)} for case_id, *texts in cases]
    await tx.execute(insert(CaseWords).values(rows).on_conflict_do_nothing(index_elements=["case_id"]))
