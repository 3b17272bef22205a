"""The background process: consequences of events, deadlines, scheduled jobs, messages to the platform.

Any number of workers may run; each takes rows the others have not (docs/adr/0002). Redis may come and go: only
messages to the platform wait for it, since they need the shared access token.
"""

import asyncio
import logging
import signal
from datetime import timedelta

from api.censor import Censor, pictures_of
from api.kit import cache, clock, queue
from api.kit.db import Database
from api.kit.loops import Loops
from api.kit.metrics import BACKLOG, DEAD, OLDEST
from api.kit.secrets import Vault
from api.models import SubscriptionMessage
from api.models.notices import SendState
from api.services import calendars, clockwork, consequences, digest, jobs, sending
from api.services.cases import searching
from api.services.certificates.printing import Printer as CertificatePrinter
from api.services.content import checking
from api.services.content.checking import Moderator
from api.services.content.risk import Rater
from api.services.disclosures import planning
from api.services.dispatch import schedule
from api.services.dispatch.planning import Applier, Dispatcher
from api.services.due import DueClock, RanOut
from api.services.jobs import Schedule, Scheduled
from api.services.polls.sealing import Sealer
from api.services.privacy import retention
from api.services.privacy.erasing import Goodbyes
from api.services.privacy.exporting import Exporter
from api.services.sending import Outcome, Sender
from api.services.sessions import Sessions
from api.services.topics import drawing
from api.services.topics.printing import Printer as PaperPrinter
from api.services.uploads import sweeping
from api.services.uploads.pictures import Pictures
from api.services.uploads.sweeping import Sweeper
from api.settings import Settings
from api.wechat import calls, errors, fields
from api.wechat.client import WeChat
from api.wechat.config import WeChatConfig

log = logging.getLogger("linli.worker")

MODERATORS = 4
"""Checks under way to the platform at once."""
SENDERS = 4
"""Messages under way to the platform at once; each waits a fraction of a second for its answer."""
GRACE = 10.0
"""Seconds that what is under way may take after SIGTERM."""
HEARTBEAT_S = 5.0
JOBS = (
    Scheduled("warn_of_the_calendars_end", timedelta(days=1), calendars.warn),
    Scheduled("index_cases", timedelta(minutes=10), searching.index_missing),
    Scheduled("give_up_lost_messages", timedelta(minutes=1), sending.give_up_lost),
    Scheduled("keep_to_the_retention_policy", timedelta(hours=1), retention.keep_to_the_policy),
    Scheduled("daily_digest", timedelta(minutes=5), digest.send_due),
    Scheduled("forget_old_checks", timedelta(hours=6), checking.forget_old),
    Scheduled("doom_unused_uploads", timedelta(minutes=10), sweeping.doom_unused),
    Scheduled("plan_disclosures", timedelta(hours=6), planning.plan_due),
    Scheduled("order_dispatches", timedelta(minutes=5), schedule.make_due),
    Scheduled("draw_opinion_maps", timedelta(seconds=10), drawing.draw_due),
)


async def run(
    settings: Settings,
    *,
    stop: asyncio.Event | None = None,
    follow: queue.Follow = consequences.follow,
    ran_out: RanOut = clockwork.ran_out,
) -> None:
    """Work until `stop` is set, by SIGTERM or SIGINT where none is given; what is under way is finished first.

    The addresses of both engines must be set; neither need answer yet.
    """
    if settings.database_url is None or settings.redis_url is None:
        raise ValueError("the worker needs the addresses of both engines")
    if settings.clock_file is not None:
        clock.follow(settings.clock_file)
    db = Database(
        settings.database_url,
        pool_size=settings.worker_concurrency + SENDERS + MODERATORS + 8,
        statement_timeout_ms=settings.statement_timeout_ms,
        replan=True,
    )
    redis = cache.connect(settings.redis_url)
    wechat = WeChat(_account(settings), redis)
    uploads = pictures_of(settings)
    loops = _loops(settings, db, Courier(settings, wechat), follow, ran_out)
    _add_content(loops, settings, db, wechat, uploads)
    loops.add("goodbyes", Goodbyes(db, _sessions(settings, redis)).run_one, idle=5.0)
    stop = stop or _stopped_by_signals()
    log.info("worker started", extra={"concurrency": settings.worker_concurrency})
    try:
        finished = await loops.run(stop)
        log.info("worker stopped", extra={"finished": finished})
    finally:
        await wechat.aclose()
        await redis.aclose()
        await db.close()


def _loops(
    settings: Settings, db: Database, courier: "Courier", follow: queue.Follow, ran_out: RanOut
) -> Loops:
    loops = Loops(grace=GRACE)
    consumer = queue.Queue(db, follow)
    loops.add("consequences", consumer.run_one, idle=0.2, hands=settings.worker_concurrency)
    loops.add("deadlines", DueClock(db, ran_out).run_one, idle=0.5)
    loops.add("jobs", Schedule(db, JOBS).run_one, idle=5.0, limit=600.0)
    loops.add("messages", Sender(db, courier.deliver).run_one, idle=0.5, hands=SENDERS)
    exporter = Exporter(db, Vault(settings.master_key.get_secret_value()))
    loops.add("exports", exporter.run_one, idle=2.0, limit=60.0)
    printer = CertificatePrinter(db, Vault(settings.master_key.get_secret_value()), settings.public_url)
    loops.add("certificates", printer.run_one, idle=2.0, limit=60.0)
    sealer = Sealer(db, Vault(settings.master_key.get_secret_value()))
    loops.add("seals", sealer.run_once, idle=3.0, limit=300.0)
    loops.add("papers", PaperPrinter(db).run_one, idle=2.0, limit=60.0)
    loops.add("dispatch", Dispatcher(db).run_one, idle=1.0, limit=150.0)
    loops.add("dispatch offers", Applier(db).run_one, idle=1.0)
    loops.add("heartbeat", Heartbeat(db).beat, idle=HEARTBEAT_S)
    return loops


def _add_content(loops: Loops, settings: Settings, db: Database, wechat: WeChat, uploads: Pictures) -> None:
    censor = Censor(wechat, uploads)
    loops.add("moderation", Moderator(db, censor.ask).run_one, idle=0.5, hands=MODERATORS)
    loops.add("sweeping", Sweeper(db, uploads).run_one, idle=30.0)
    if settings.wechat_risk_rank:
        loops.add("risk", Rater(db, censor.rate).run_one, idle=2.0)


def _sessions(settings: Settings, redis: cache.Redis) -> Sessions:
    return Sessions(
        redis,
        app_days=settings.session_days,
        console_idle_minutes=settings.console_idle_minutes,
        console_life_hours=settings.console_life_hours,
    )


def _account(settings: Settings) -> WeChatConfig:
    """The platform account, without what only the receiving side needs."""
    return WeChatConfig(
        appid=settings.wechat_appid,
        secret=settings.wechat_secret.get_secret_value(),
        base=settings.wechat_base,
    )


def _stopped_by_signals() -> asyncio.Event:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


class Heartbeat:
    """Says that a worker lives, and how the queue is doing."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def beat(self) -> bool:
        async with self._db.transaction() as tx:
            await jobs.beat(tx)
        async with self._db.reading() as tx:
            state = await queue.state(tx)
        BACKLOG.set(state.waiting)
        OLDEST.set(state.oldest.total_seconds() if state.oldest is not None else 0)
        DEAD.set(state.dead)
        return False


class Courier:
    """Takes messages to the platform and judges its answers."""

    def __init__(self, settings: Settings, wechat: WeChat) -> None:
        self._wechat = wechat
        self._templates = settings.wechat_templates
        self._production = settings.production

    async def deliver(self, message: SubscriptionMessage) -> Outcome:
        """One attempt. Raises only where the message may have been sent all the same."""
        try:
            # Before anything is sent: a Redis or a token that is away is no reason to lose a message.
            await self._wechat.tokens.current()
        except Exception as error:
            return _again(error)
        try:
            platform_id = await self._wechat.send_message(
                message.openid,
                self._templates.get(message.template, message.template),
                {key: fields.clip(key, str(value)) for key, value in message.fields.items()},
                page=message.page,
                state="formal" if self._production else "developer",
            )
        except errors.WeChatError as error:
            return judge(error)
        return Outcome(SendState.sent, platform_id=platform_id)


def judge(error: errors.WeChatError) -> Outcome:
    """What an error means for the message: try again, refused for good, or nobody knows."""
    if error.call != calls.SEND_MESSAGE.name:
        return _again(error)  # on the way to a token: nothing was sent
    match error:
        case errors.Ambiguous():
            return Outcome(SendState.unknown, str(error))
        case (
            errors.NotSent()
            | errors.Busy()
            | errors.SendInFlight()
            | errors.MinuteLimited()
            | errors.TokenRejected()
            | errors.AccountFault()
            | errors.BreakerOpen()
        ):
            return _again(error)
        case errors.NoCredit():
            return Outcome(SendState.failed, str(error), refused=True)
        case errors.InputRejected():
            return Outcome(SendState.failed, str(error), spent=False)
        case _:
            return Outcome(SendState.failed, str(error))


def _again(error: Exception) -> Outcome:
    """Errors of the platform's client tell nothing private; of others only the kind is kept."""
    known = isinstance(error, errors.WeChatError)
    wait = error.retry_after if isinstance(error, errors.WeChatError) else None
    return Outcome(SendState.pending, str(error) if known else type(error).__name__, wait)
