"""The matrix's lines for needs, points and rewards, and the subjects they ask about."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit import clock
from api.kit.ids import new_id
from api.models import Claim, Need, Offer, Place, PointsAccount, Redemption, Reward
from api.models.needs import NeedId
from api.models.people import PersonId
from api.rules.content import ContentState
from api.rules.need_words import ClaimState, NeedCategory, NeedKind, NeedState
from api.rules.roles import Permission
from tests.neighbours import RISKS, WISH
from tests.routers.matrix import HANDLING, NOBODY, OWN, RESIDENT, TABLE, Line, Who, holds
from tests.town import Community

P = Permission
LIVING = Who(lambda asker, here: here and asker is RESIDENT)
INSIDE = OWN | holds(P.need_read)
SHOWN = INSIDE | LIVING
_STATES = (
    NeedState.submitted, NeedState.returned, NeedState.published, NeedState.offered, NeedState.contacted, NeedState.done,
)  # fmt: skip
_DISPATCH = holds(P.need_dispatch)
_BECAUSE = {"reason": "核实情况"}


def lines() -> dict[str, Line | list[Line]]:
    found: dict[str, Line | list[Line]] = {
        "GET /me/claims": Line(see=HANDLING, listed="claim"),
        "GET /me/offers": Line(see=LIVING, listed="offer"),
        "GET /me/points": Line(),
        "PATCH /me/points": Line(body={"named": True}),
        "GET /need-statistics": Line(query="?place={place}"),
        "GET /branch-overview": Line(may=holds(P.need_read), query="?place={place}"),
        "GET /rankings": Line(query="?place={place}"),
        "GET /rewards": Line(query="?place={place}", listed="reward"),
        "POST /rewards": Line(
            may=holds(P.reward_write),
            ok=201,
            body={"place_id": "{place}", "title": "洗衣液", "cost": 40, "stock": 3},
        ),
        "POST /rewards/{reward_id}/redemptions": Line(ok=409, body={}, subject={"reward_id": "reward"}),
        "POST /redemptions/{redemption_id}/moves/{move}": [
            Line(
                see=OWN | holds(P.reward_write),
                may=may,
                body={},
                subject={"redemption_id": "redemption", "move": move},
            )
            for move, may in (("hand_over", holds(P.reward_write)), ("cancel", OWN | holds(P.reward_write)))
        ],
    }
    for kind, path in ((NeedKind.wish, "/wishes"), (NeedKind.help, "/help-requests")):
        body = {**WISH, "place_id": "{place}"} | ({"risks": RISKS} if kind is NeedKind.help else {})
        one = path + "/{need_id}"

        def line(state: str, see: Who, may: Who, move: str = "", kind: NeedKind = kind, **body: Any) -> Line:
            subject = {"need_id": f"{kind}_{state}"} | ({"move": move} if move else {})
            return Line(see=see, may=may, body=body if move else None, subject=subject)

        found |= {
            f"POST {path}": Line(may=LIVING, ok=201, body=body),
            f"GET {path}": [
                Line(see=holds(P.need_read) | LIVING, listed=f"{kind}_published"),
                Line(see=holds(P.need_read), listed=f"{kind}_submitted"),
                Line(see=SHOWN, query="?place={place}", listed=f"{kind}_published"),
                Line(see=OWN, query="?mine=author", listed=f"{kind}_submitted"),
                Line(see=HANDLING, query="?mine=claimant", listed=f"{kind}_contacted"),
            ],
            f"GET {one}": [line("submitted", INSIDE, INSIDE), line("published", SHOWN, SHOWN)],
            f"GET {one}/events": line("submitted", INSIDE, INSIDE),
            f"POST {one}/moves/claim": Line(
                see=SHOWN, may=NOBODY, body={}, subject={"need_id": f"{kind}_published"}
            ),
            f"POST {one}/moves/{{move}}": [
                line("submitted", INSIDE, holds(P.need_screen), "publish"),
                line("submitted", INSIDE, holds(P.need_screen), "return", **_BECAUSE),
                line("submitted", INSIDE, holds(P.need_screen), "decline", **_BECAUSE),
                line("submitted", INSIDE, holds(P.need_screen), "merge", into=f"{{{kind}_published}}"),
                line("returned", INSIDE, OWN, "submit", text="改好了"),
                line("published", SHOWN, _DISPATCH, "take_over"),
                line("published", SHOWN, NOBODY, "expire"),
                line("offered", SHOWN, LIVING, "pass"),
                line("offered", SHOWN, _DISPATCH, "recall"),
                line("contacted", SHOWN, HANDLING, "extend", **_BECAUSE),
                line("contacted", SHOWN, HANDLING, "release", **_BECAUSE),
                line("contacted", SHOWN, OWN, "withdraw"),
                line("contacted", SHOWN, NOBODY, "time_out"),
                line("done", SHOWN, OWN | holds(P.need_callback), "confirm", stars=5),
                line("done", SHOWN, OWN, "dispute", **_BECAUSE),
                line("done", SHOWN, NOBODY, "lapse"),
            ],
        }
    return found


async def fill(
    tx: AsyncSession,
    names: dict[str, str],
    at: Community,
    owner: PersonId,
    claimant: PersonId,
    offeree: PersonId,
) -> None:
    """Needs of `owner` in the states that are asked about; `claimant` works on one, `offeree` is offered one."""
    path = (await tx.execute(select(col(Place.path)).where(col(Place.id) == at.place))).scalar_one()
    now = clock.now()
    worker = PersonId(UUID(names["person"]))
    for kind in NeedKind:
        for state in _STATES:
            taken = state in (NeedState.contacted, NeedState.done)
            need = Need(
                kind=kind,
                category=NeedCategory.goods,
                title="老花镜",
                text="三百度",
                risks=RISKS,
                state=state,
                content=ContentState.passed,
                free_seats=[] if taken else [1],
                place_id=at.place,
                path=path,
                community_id=at.place,
                household=new_id(),
                place_in_household=1 if kind is NeedKind.wish else None,
                author_id=owner,
                published_at=now,
            )
            tx.add(need)
            await tx.flush()
            names[f"{kind}_{state}"] = str(need.id)
            if taken:
                claim = Claim(
                    need_id=NeedId(need.id),
                    member_id=claimant if state is NeedState.contacted else worker,
                    seat=1,
                    state=ClaimState(state.value),
                    contacted_at=now,
                )
                tx.add(claim)
                if state is NeedState.contacted:
                    names["claim"] = str(claim.id)
            if state is NeedState.offered:
                offer = Offer(
                    need_id=NeedId(need.id), member_id=offeree, expires_at=now + timedelta(hours=12)
                )
                tx.add(offer)
                names["offer"] = str(offer.id)
    tx.add(PointsAccount(person_id=owner, balance=0))
    reward = Reward(place_id=at.place, title="洗衣液", cost=40, stock=3)
    tx.add(reward)
    await tx.flush()
    redemption = Redemption(reward_id=reward.id, person_id=owner, cost=40)
    tx.add(redemption)
    names |= {"reward": str(reward.id), "redemption": str(redemption.id)}


TABLE |= lines()
