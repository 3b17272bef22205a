"""What is handed to moderation waits, is replaced by what its author writes next, and belongs where he lives."""

from sqlalchemy import select
from sqlmodel import col

from api.kit.ids import new_id
from api.models import ContentCheck
from api.rules.content import CheckState
from api.services.content import moderation
from tests.town import Town


async def _checks(town: Town) -> list[ContentCheck]:
    async with town.app.state.db.reading() as tx:
        return list((await tx.execute(select(ContentCheck).order_by(col(ContentCheck.id)))).scalars())


async def test_words_wait_for_their_check_with_what_the_platform_must_know(town: Town) -> None:
    subject = new_id()
    async with town.app.state.db.transaction() as tx:
        await moderation.watch(
            tx,
            subject_kind="sample",
            subject_id=subject,
            author_id=town.here.resident.id,
            texts=["标题", None, " ", "内容"],
        )
    [check] = await _checks(town)
    assert (check.state, check.texts, check.subject_id) == (CheckState.pending, ["标题", "内容"], subject)
    assert check.openid
    assert check.path
    assert check.path.endswith("002/001/"), check.path


async def test_the_author_writes_again_and_the_earlier_check_is_replaced(town: Town) -> None:
    subject, who = new_id(), town.here.resident.id
    async with town.app.state.db.transaction() as tx:
        for text in ("第一稿", "第二稿", ""):
            await moderation.watch(
                tx, subject_kind="sample", subject_id=subject, author_id=who, texts=[text], path="32/"
            )
    first, second = await _checks(town)
    assert (first.state, first.texts) == (CheckState.superseded, [])
    assert (second.state, second.texts, second.path) == (CheckState.superseded, [], "32/")


async def test_who_has_no_mini_program_is_written_down_without_an_openid(town: Town) -> None:
    async with town.app.state.db.transaction() as tx:
        await moderation.watch(
            tx, subject_kind="sample", subject_id=new_id(), author_id=town.operator.id, texts=["话"]
        )
        await moderation.watch(tx, subject_kind="sample", subject_id=new_id(), author_id=None, texts=["话"])
    assert [(c.openid, c.path) for c in await _checks(town)] == [(None, None), (None, None)]
