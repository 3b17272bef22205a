"""疑问: each is a case of the secretary's desk, with its clocks and its rating; here it is tied to what was shown.

The case is handed in by the case's own statement, then tied: whoever was cut off in between asks again with the
same key, gets the same case and finds it tied.
"""

from dataclasses import replace
from uuid import UUID

import orjson
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock, idempotency
from api.kit.db import Database
from api.kit.events import record
from api.kit.problems import NotAllowed, WrongMoment
from api.kit.secrets import Vault
from api.models import Disclosure, DisclosureQuestion
from api.rules.cases import CaseCategory, CaseKind, Visibility
from api.rules.disclosures import DisclosureMove, DisclosureStanding, DisclosureState
from api.services.access import Viewer
from api.services.answers import Answer
from api.services.cases.submitting import NewCase, submit
from api.services.disclosures.finding import find
from api.services.disclosures.planning import SUBJECT
from api.services.disclosures.reading import may_ask

_TITLE = 60


async def ask(
    db: Database,
    vault: Vault,
    viewer: Viewer,
    disclosure_id: UUID,
    text: str,
    anonymous: bool,
    pending: idempotency.Pending,
) -> Answer:
    """Hand the question in as a case. Raises NotFound, NotAllowed, WrongMoment, KeyReused and as submit."""
    async with db.reading() as tx:
        disclosure = await find(tx, viewer, disclosure_id)
        if not disclosure.row["lives_here"]:
            raise NotAllowed("只有当地已核实的居民可以提出疑问")
        if not may_ask(disclosure.row):
            raise WrongMoment("已归档，不再接受疑问", state=disclosure.state.value)
    new = NewCase(
        kind=CaseKind.secretary,
        category=CaseCategory.consult,
        title=f"对“{disclosure.row['title']}”的疑问"[:_TITLE],
        text=text,
        place_id=disclosure.row["place_id"],
        home_id=None,
        visibility=Visibility.community,
        anonymous=anonymous,
    )
    answer = await submit(db, vault, viewer, new, pending)
    async with db.transaction() as tx:
        await _tie(tx, viewer, disclosure_id, UUID(orjson.loads(answer.body)["id"]))
    return answer


async def _tie(tx: AsyncSession, viewer: Viewer, disclosure_id: UUID, case_id: UUID) -> None:
    """Once a case. Who asks at the same moment waits for the row: nobody's question is refused any more."""
    await tx.execute(
        select(col(Disclosure.id)).where(col(Disclosure.id) == disclosure_id).with_for_update(key_share=True)
    )
    tied = await tx.execute(
        insert(DisclosureQuestion)
        .values(disclosure_id=disclosure_id, case_id=case_id, created_at=clock.now())
        .on_conflict_do_nothing()
        .returning(col(DisclosureQuestion.case_id))
    )
    if tied.first() is None:
        return
    disclosure = await find(tx, viewer, disclosure_id)
    data = {"case_id": str(case_id)}
    if disclosure.state is DisclosureState.published:
        as_system = replace(disclosure, standings=frozenset({DisclosureStanding.system}), actor_title="居民")
        await as_system.move(tx, DisclosureMove.question, text="居民提出疑问", data=data)
        return
    record(
        tx,
        subject_kind=SUBJECT,
        subject_id=disclosure_id,
        move=DisclosureMove.question,
        actor_id=viewer.person_id,
        actor_title="居民",
        text="居民提出疑问",
        data=data,
    )
