"""表决: cast, look, verify. Rolls, proxies and paper votes are the console's."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from api.kit.hot import HotRoute
from api.kit.http import TransactionRoute, json_response
from api.kit.idempotency import check_key
from api.kit.paging import After, Limit, Page
from api.kit.problems import Malformed, NotAllowed, NotFound, WrongMoment
from api.models.people import PersonId
from api.routers.bodies import check_fields
from api.routers.deps import KEY_PROBLEMS, CurrentViewer, Db, Key, Once, TheVault, Tx, problems
from api.rules import polls as rules
from api.rules.papers import PictureFormat
from api.rules.polls import PollMove, VoteChannel
from api.rules.stage_polls import PollUnfit
from api.schemas.base import Happened
from api.schemas.polls import (
    NEEDED,
    CastBallot,
    ConfirmPaper,
    DraftPoll,
    EnterPaper,
    EntryOut,
    EventProofOut,
    MovePoll,
    NameRepresentative,
    PollItem,
    PollOut,
    PreviewOut,
    ProofOut,
    Receipt,
    RecordProxy,
    ResultOut,
    RollPage,
)
from api.services.places.finding import WrongLevel
from api.services.polls import (
    counting,
    drafting,
    entering,
    event_proofs,
    listing,
    picturing,
    reading,
    rolls,
    running,
    sealing,
)
from api.services.polls.casting import Booth
from api.services.polls.drafting import NewPoll, PollMalformed
from api.services.polls.finding import find, load
from api.services.polls.picturing import NotDrawn
from api.services.polls.reading import NotCounted, Turnout
from api.services.polls.rolls import EmptyRoll
from api.services.polls.staging import StageNotVoting
from api.services.timeline import timeline

fast = APIRouter(tags=["表决"], route_class=HotRoute)
fast_reads = APIRouter(tags=["表决"], route_class=HotRoute)
router = APIRouter(tags=["表决"], route_class=TransactionRoute)
console_router = APIRouter(tags=["表决"], route_class=TransactionRoute)

PollId = Annotated[UUID, Path(description="表决标识")]
_FITTING = (PollMalformed, PollUnfit, StageNotVoting)
EntryId = Annotated[UUID, Path(description="录入标识")]


async def get_booth(request: Request) -> Booth:
    booth: Booth = request.app.state.booth
    return booth


async def get_turnout(request: Request) -> Turnout:
    turnout: Turnout = request.app.state.turnout
    return turnout


TheBooth = Annotated[Booth, Depends(get_booth)]
TheTurnout = Annotated[Turnout, Depends(get_turnout)]


@fast.post(
    "/polls/{poll_id}/ballots",
    status_code=201,
    response_model=Receipt,
    summary="投票",
    description="投出一票，得到签名的回执；截止前可以再投，以最后一次为准（表决另有规定的除外）。"
    "是否截止以服务器收到并落定的时间为准。请带 Idempotency-Key，断网重试不会重复投票。",
    responses=problems(Malformed, NotFound, rules.NotOnRoll, rules.PollClosed, rules.PollNotOpen, rules.AlreadyVoted,
                       rules.WhichElector, rules.BadChoices, WrongMoment, *KEY_PROBLEMS),
)  # fmt: skip
async def cast_ballot(
    poll_id: PollId, body: CastBallot, viewer: CurrentViewer, booth: TheBooth, key: Key = None
) -> Response:
    name = check_key(key) if key is not None else None
    receipt, replayed = await booth.cast(viewer, poll_id, body.elector_id, body.choices, name)
    return json_response(receipt, 201, {"idempotent-replayed": "true"} if replayed else None)


@fast_reads.get(
    "/polls",
    response_model=Page[PollItem],
    summary="表决列表",
    description="从新到旧：您居住之处的、您在选民册上的，以及您工作辖区内的。",
    responses=problems(Malformed, NotFound),
)
async def list_polls(
    viewer: CurrentViewer,
    db: Db,
    limit: Limit = 20,
    after: After = None,
    place: Annotated[UUID | None, Query(description="地域标识，含其下")] = None,
    open: Annotated[bool | None, Query(description="true 只看正在表决的，false 只看其余的")] = None,  # noqa: A002
    topic: Annotated[UUID | None, Query(description="议题标识")] = None,
) -> Response:
    found = await listing.listing(
        db, viewer, limit=limit, after=after, place_id=place, open_now=open, topic_id=topic
    )
    return json_response(found)


@fast_reads.get(
    "/polls/{poll_id}",
    response_model=PollOut,
    summary="查看表决",
    description="事项、选项、规则、选民册的大小与指纹、您在不在册上、已投几票（表决中为近似数）。",
    responses=problems(NotFound),
)
async def get_poll(poll_id: PollId, viewer: CurrentViewer, turnout: TheTurnout) -> Response:
    return json_response(await turnout.read(viewer, poll_id))


@fast_reads.get(
    "/polls/{poll_id}/result",
    response_model=ResultOut,
    summary="表决结果",
    description="计票之后：是否通过，每项条件的基数、门槛、差额与依据，各选项得票，逐小时（无记名的逐日）投票进度。",
    responses=problems(NotFound, NotCounted),
)
async def get_poll_result(poll_id: PollId, viewer: CurrentViewer, db: Db) -> Response:
    return json_response(await reading.result(db, viewer, poll_id))


@router.get(
    "/polls/{poll_id}/result/picture",
    response_class=Response,
    summary="表决结果的图片",
    description="各选项得票图。format=svg 为矢量图，宽 640；format=png 为位图，宽 1280，计票后几秒之内绘好，"
    "可在小程序中显示和转发。",
    responses={
        200: {"content": {"image/svg+xml": {"schema": {"type": "string"}},
                          "image/png": {"schema": {"type": "string", "format": "binary"}}}},
        **problems(Malformed, NotFound, NotCounted, NotDrawn),
    },
)  # fmt: skip
async def get_poll_picture(
    poll_id: PollId,
    viewer: CurrentViewer,
    tx: Tx,
    format: Annotated[PictureFormat, Query(description="svg 或 png")] = PictureFormat.svg,  # noqa: A002
) -> Response:
    if format is PictureFormat.png:
        return Response(await picturing.png(tx, viewer, poll_id), media_type="image/png")
    return Response(await reading.picture(tx, viewer, poll_id), media_type="image/svg+xml")


@router.get(
    "/polls/{poll_id}/events",
    response_model=Page[Happened],
    summary="表决时间线",
    description="公开的经过，从旧到新。",
    responses=problems(NotFound),
)
async def list_poll_events(
    poll_id: PollId, viewer: CurrentViewer, tx: Tx, limit: Limit = 20, after: After = None
) -> dict[str, Any]:
    await find(tx, viewer, poll_id)
    return await timeline(tx, poll_id, limit=limit, after=after)


@router.get(
    "/polls/{poll_id}/proof",
    response_model=ProofOut,
    summary="查证一票",
    description="凭回执上的 leaf 取得它在封存中的位置：从它算到签名的封存头。",
    responses=problems(Malformed, NotFound),
)
async def get_poll_proof(
    poll_id: PollId,
    leaf: Annotated[str, Query(pattern="^[0-9a-f]{64}$", description="回执上的 leaf")],
    viewer: CurrentViewer,
    vault: TheVault,
    tx: Tx,
) -> dict[str, Any]:
    await find(tx, viewer, poll_id)
    found = await sealing.proof(tx, poll_id, bytes.fromhex(leaf))
    return {**found, "public_key": sealing.public_key(vault)}


@router.get(
    "/polls/{poll_id}/bulletin",
    response_model=dict[str, Any],
    summary="公告板",
    description="计票之后：全部选票、选民册、封存头、规则与结果，可用 linli verify 或按 docs/bulletin.md 自写程序核验。",
    responses=problems(NotFound, NotCounted),
)
async def get_poll_bulletin(poll_id: PollId, viewer: CurrentViewer, vault: TheVault, tx: Tx) -> Response:
    body = await reading.bulletin(tx, vault, viewer, poll_id)
    return Response(body, headers={"content-disposition": f'attachment; filename="bulletin-{poll_id}.json"'},
                    media_type="application/json")  # fmt: skip


@console_router.get(
    "/events/{event_id}/proof",
    response_model=EventProofOut,
    summary="查证一个事件",
    description="事件此刻的内容、封存时的指纹、到签名的封存头的路径；可存为文件，用 linli verify 离线核验。",
    responses=problems(NotFound, NotAllowed),
)
async def get_event_proof(
    event_id: Annotated[UUID, Path(description="事件标识")], viewer: CurrentViewer, vault: TheVault, tx: Tx
) -> dict[str, Any]:
    return await event_proofs.prove(tx, vault, viewer, event_id)


@console_router.post(
    "/polls",
    status_code=201,
    response_model=PollOut,
    summary="发起表决",
    description="写成草稿：事项、选项、选民册的取法、规则与起止时间。公告之后不再更改。",
    responses=problems(Malformed, NotFound, NotAllowed, WrongLevel, *_FITTING, *KEY_PROBLEMS),
    dependencies=[Once],
)
async def create_poll(body: DraftPoll, viewer: CurrentViewer, tx: Tx) -> dict[str, Any]:
    given = {name: getattr(body, name) for name in DraftPoll.model_fields if name != "source"}
    source = body.source.model_dump(mode="json", exclude_none=True)
    poll_id = await drafting.create(tx, viewer, NewPoll(**given, source=source))
    return await reading.read(tx, viewer, poll_id)


@console_router.post(
    "/polls/{poll_id}/moves/{move}",
    response_model=PollOut,
    summary="推进表决",
    description="公告、开始、截止、重新计票、重新表决、作废；返回操作之后的表决。",
    responses=problems(
        Malformed, NotFound, NotAllowed, WrongMoment, *_FITTING, rules.TooEarly, EmptyRoll, *KEY_PROBLEMS
    ),
    dependencies=[Once],
)
async def move_poll(
    poll_id: PollId,
    move: Annotated[PollMove, Path(description="操作")],
    body: MovePoll,
    viewer: CurrentViewer,
    tx: Tx,
) -> dict[str, Any]:
    check_fields(body, NEEDED.get(move, ()), ())
    match move:
        case PollMove.announce:
            await running.announce(tx, viewer, poll_id)
        case PollMove.open:
            await running.open_(tx, viewer, poll_id)
        case PollMove.close:
            await running.close(tx, viewer, poll_id)
        case PollMove.tally:
            await counting.tally(tx, viewer, poll_id)
        case PollMove.recount:
            await counting.recount(tx, viewer, poll_id)
        case PollMove.void:
            await running.void(tx, viewer, poll_id, body.reason or "")
        case PollMove.revote:
            times = {"opens_at": body.opens_at, "closes_at": body.closes_at}
            await running.revote(tx, viewer, poll_id, body.reason or "", times)
    await tx.flush()
    return await reading.read(tx, viewer, poll_id)


@console_router.get(
    "/polls/{poll_id}/roll-preview",
    response_model=PreviewOut,
    summary="预览选民册",
    description="此刻冻结会是什么样：大小、缺面积、缺业主、共有未指定代表的各有多少，并列出前 50 项。",
    responses=problems(NotFound, NotAllowed),
)
async def preview_roll(poll_id: PollId, viewer: CurrentViewer, tx: Tx) -> dict[str, Any]:
    poll = await find(tx, viewer, poll_id)
    if not reading.may_watch(poll.row):
        raise NotAllowed
    return await rolls.preview(tx, await load(tx, poll_id))


@console_router.get(
    "/polls/{poll_id}/roll",
    response_model=RollPage,
    summary="选民册与谁已投票",
    description="冻结的选民册；只说是否已投，不说投了什么。",
    responses=problems(Malformed, NotFound, NotAllowed),
)
async def list_roll(
    poll_id: PollId,
    viewer: CurrentViewer,
    tx: Tx,
    limit: Limit = 20,
    after: Annotated[int, Query(ge=0, le=100_000_000, description="从几号之后")] = 0,
) -> dict[str, Any]:
    return await reading.roll(tx, viewer, poll_id, limit=limit, after=after)


@console_router.post(
    "/polls/{poll_id}/representatives",
    response_model=PollOut,
    summary="指定共有代表",
    description="一套房屋有几位业主时，由谁投票；选民册冻结之前。再指定则替换。",
    responses=problems(Malformed, NotFound, NotAllowed, WrongMoment, entering.NotAnOwner, *KEY_PROBLEMS),
    dependencies=[Once],
)
async def name_representative(
    poll_id: PollId, body: NameRepresentative, viewer: CurrentViewer, tx: Tx
) -> dict[str, Any]:
    await entering.name_representative(tx, viewer, poll_id, body.home_id, body.person_id)
    return await reading.read(tx, viewer, poll_id)


_ENTRY = (Malformed, NotFound, NotAllowed, WrongMoment, rules.PollClosed, rules.PollNotOpen, *KEY_PROBLEMS)


@console_router.post(
    "/polls/{poll_id}/proxies",
    status_code=201,
    response_model=EntryOut,
    summary="登记委托",
    description="第一人登记书面委托；第二人复核后受托人可以代投。一人最多受两份委托。",
    responses=problems(*_ENTRY, entering.EntryPending, entering.TooManyProxies),
    dependencies=[Once],
)
async def record_proxy(poll_id: PollId, body: RecordProxy, viewer: CurrentViewer, tx: Tx) -> dict[str, Any]:
    return await entering.record_proxy(tx, viewer, poll_id, body.elector_id, PersonId(body.holder_id))


@console_router.post(
    "/polls/{poll_id}/proxies/{entry_id}/confirm",
    response_model=EntryOut,
    summary="复核委托",
    description="须由登记人以外的人复核。",
    responses=problems(*_ENTRY, entering.SamePerson),
    dependencies=[Once],
)
async def confirm_proxy(poll_id: PollId, entry_id: EntryId, viewer: CurrentViewer, tx: Tx) -> dict[str, Any]:
    return await entering.confirm_proxy(tx, viewer, poll_id, entry_id)


@console_router.post(
    "/polls/{poll_id}/papers",
    status_code=201,
    response_model=EntryOut,
    summary="代录纸质票",
    description="第一人录入纸质票或协助投票；第二人再录一遍，一致才成为选票。本人电子票始终优先。",
    responses=problems(*_ENTRY, entering.EntryPending, rules.BadChoices),
    dependencies=[Once],
)
async def enter_paper(
    poll_id: PollId, body: EnterPaper, viewer: CurrentViewer, booth: TheBooth, tx: Tx
) -> dict[str, Any]:
    channel = VoteChannel(body.channel)
    return await entering.enter_paper(tx, booth, viewer, poll_id, body.elector_id, channel, body.choices)


@console_router.post(
    "/polls/{poll_id}/papers/{entry_id}/confirm",
    response_model=EntryOut,
    summary="复核纸质票",
    description="第二人不看第一人的录入，再录一遍；不一致的不成为选票，须重新录入。",
    responses=problems(*_ENTRY, entering.SamePerson, rules.BadChoices),
    dependencies=[Once],
)
async def confirm_paper(
    poll_id: PollId, entry_id: EntryId, body: ConfirmPaper, viewer: CurrentViewer, booth: TheBooth, tx: Tx
) -> dict[str, Any]:
    return await entering.confirm_paper(tx, booth, viewer, poll_id, entry_id, body.choices)
