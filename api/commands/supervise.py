"""Runs the processes of one host: API, worker, and the embedded engines beneath them."""

import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import httpx

from api.kit import lifeline
from api.kit.backoff import backoff
from api.kit.engines import EmbeddedEngines, EngineFault
from api.kit.start_fault import StartFault

log = logging.getLogger("linli.supervise")

STOP_S = 25.0
"""Longer than a drain takes."""
LOOK_EVERY_S = 0.5
READY_S = 30.0
STEADY_S = 60.0
"""A child that ran for so long has got over what made it die before."""
FIRST_REST, LONGEST_REST = 0.5, 30.0
"""Seconds until a child that died is started again; doubling for one that keeps dying."""

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class NotReady(StartFault):
    """The processes live, but what they need does not answer yet."""


class _Signals:
    """What the handler of the main thread knows."""

    holding = False
    pending = False


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """The block ends, quietly, at Ctrl-C, SIGTERM or the end of the terminal; what comes later is not heard."""
    before = {}
    for number in _ENDING:
        if number is signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN:
            continue  # started by nohup
        before[number] = signal.signal(number, _end)
    try:
        yield
    except KeyboardInterrupt:
        pass
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(_signal: int, _frame: FrameType | None) -> None:
    if _Signals.holding:
        _Signals.pending = True
        return
    deafen()
    raise KeyboardInterrupt


@contextmanager
def undisturbed() -> Iterator[None]:
    """A signal that comes meanwhile is heard at the end: for the moments that must not be cut in two."""
    _Signals.holding = True
    try:
        yield
    finally:
        _Signals.holding = False
    if _Signals.pending:
        _Signals.pending = False
        deafen()
        raise KeyboardInterrupt


def deafen() -> None:
    """From here on no signal disturbs the stopping: it takes a bounded time."""
    for number in _ENDING:
        signal.signal(number, signal.SIG_IGN)


@dataclass
class Child:
    """One process of ours: a `linli` command."""

    name: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    log_file: Path | None = None
    """Where its output goes; to ours when None."""
    process: "subprocess.Popen[bytes] | None" = None
    failures: int = 0
    _started: float = 0.0
    _start_at: float | None = None

    def start(self) -> None:
        """In a session of its own: Ctrl-C is for the parent to hear, who stops each in its turn."""
        environment = {**os.environ, **self.environment, lifeline.ENVIRONMENT: str(os.getpid())}
        with undisturbed(), ExitStack() as files:
            output = files.enter_context(self.log_file.open("ab")) if self.log_file is not None else None
            self.process = subprocess.Popen(  # noqa: S603  (our own program)
                # -P: whatever lies in the current folder is not imported in its place.
                [sys.executable, "-P", "-m", "api.program", *self.arguments],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self._started, self._start_at = time.monotonic(), None

    def died(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def mend(self) -> None:
        """Start it again once it has died and rested."""
        if not self.died():
            return
        now = time.monotonic()
        if self._start_at is None:
            assert self.process is not None
            self.failures = 1 if now - self._started > STEADY_S else self.failures + 1
            rest = backoff(self.failures, first=FIRST_REST, longest=LONGEST_REST)
            self._start_at = now + rest
            log.warning(
                "%s died, starting it again",
                self.name,
                extra={"status": self.process.returncode, "rest": rest},
            )
        if now >= self._start_at:
            self.start()

    def stop(self) -> None:
        """SIGTERM, and SIGKILL for one that does not drain in time."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            log.warning("%s did not stop in time, killing it", self.name)
            self.process.kill()
            self.process.wait()


@dataclass
class Supervisor:
    """Keeps children and engines running; stops the children in their order, API → worker → the rest."""

    children: list[Child]
    engines: EmbeddedEngines | None = None
    _complained: str = field(default="", init=False)

    def start(self) -> None:
        for child in self.children:
            child.start()

    def watch(self, each: Callable[[], None] = lambda: None) -> None:
        """Start again what died, until interrupted; `each` is called at every look."""
        while True:
            time.sleep(LOOK_EVERY_S)
            self.mend()
            each()

    def mend(self) -> None:
        """One look at everybody."""
        self._mend_engines()
        for child in self.children:
            child.mend()

    def _mend_engines(self) -> None:
        """An engine that will not start is tried again and again: the API answers 503 until then."""
        if self.engines is None:
            return
        try:
            self.engines.restart_dead()
        except EngineFault as fault:
            if self._complained != fault.what:
                log.error("an engine does not start", extra={"error": fault.what, "cure": fault.cure})
            self._complained = fault.what
        else:
            self._complained = ""

    def stop(self) -> None:
        deafen()
        for child in self.children:
            child.stop()


def address(host: str, port: int) -> str:
    """Where somebody on this machine reaches a server that listens on `host`."""
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  (compared, not bound)
    return f"http://[{reachable}]:{port}" if ":" in reachable else f"http://{reachable}:{port}"


def require_free(host: str, port: int) -> int:
    """The port that may be listened on: `port`, or a free one for 0. Raises StartFault."""
    try:
        with socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET
        ) as probe:
            return int(probe.getsockname()[1])
    except PermissionError:
        raise StartFault(f"没有权限监听端口 {port}。请用 --port 换一个 1024 以上的端口。") from None
    except (OSError, OverflowError) as error:
        if host_is_here(host):
            raise StartFault(
                f"端口 {port} 已被其他程序占用，或不能使用（{error}）。请停止那个程序，或用 --port 换一个端口。"
            ) from None
        raise StartFault(f"本机没有地址 {host}（{error}）。请更正 --host。") from None


def host_is_here(host: str) -> bool:
    """Whether this machine can listen on `host` at all."""
    try:
        socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
    except OSError:
        return False
    return True


def wait_until_ready(at: str, supervisor: Supervisor, seconds: float = READY_S) -> None:
    """Until /readyz answers 200. Raises StartFault when a child dies first, NotReady when it takes too long."""
    until = time.monotonic() + seconds
    said = "没有应答"
    with httpx.Client(base_url=at, timeout=2, trust_env=False) as client:
        while time.monotonic() < until:
            for child in supervisor.children:
                if child.died():
                    raise StartFault(_how_it_died(child))
            try:
                answer = client.get("/readyz")
            except httpx.TransportError as error:
                said = type(error).__name__
            else:
                if answer.status_code == 200:
                    return
                said = answer.text[:500]
            time.sleep(0.05)
    raise NotReady(f"{seconds:.0f} 秒内没有就绪：{said}。请用 linli doctor 检查。")


def _how_it_died(child: Child) -> str:
    assert child.process is not None
    where = f"日志见 {child.log_file}。" if child.log_file is not None else "原因见上面的日志。"
    return f"{child.name} 进程没有启动成功（退出码 {child.process.returncode}）。{where}"
