"""Leads through the demo: makes the calls, says what happens, checks every answer, keeps the times."""

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any
from uuid import uuid4

import httpx
from rich.box import SIMPLE
from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.table import Table

WAIT_S = 20.0
"""Seconds within which the worker must have done its part."""
_ASK_EVERY_S = 0.1
_SHOWN = 400
"""Characters of an unexpected answer that are printed."""
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{8}([0-9a-f]{4})")
_NAME_CELLS = 8


class Broken(Exception):
    """A step did not do what it says."""

    def __init__(self, what: str, wanted: object, got: object) -> None:
        super().__init__(f"{what}：应为 {wanted}，实为 {got}")
        self.what, self.wanted, self.got = what, wanted, got


@dataclass
class Actor:
    """Somebody of the story, with a session once logged in."""

    name: str
    prefix: str = "/v1"
    token: str = ""


@dataclass(frozen=True, slots=True)
class Chapter:
    """A part of the tour: its heading, what it shows, and the doing of it."""

    title: str
    words: str
    play: Callable[[], None]


class Guide:
    """Speaks HTTP to the API at `api` for everybody in the story, and to the audience through `out`."""

    def __init__(self, api: httpx.Client, out: Console) -> None:
        self._api = api
        self._out = out
        self._times: dict[str, list[float]] = {}
        self._chapter = ""
        self.checks = 0

    def conduct(self, chapters: Sequence[Chapter]) -> bool:
        """Play them in order; False, with what was expected and got on the screen, at the first that breaks."""
        for number, chapter in enumerate(chapters, 1):
            self._chapter = f"{number}. {chapter.title}"
            self._out.print(f"\n[bold]{self._chapter}[/bold]", highlight=False)
            self._out.print(f"[dim]{chapter.words}[/dim]", highlight=False, soft_wrap=True)
            try:
                chapter.play()
            except Broken as broken:
                self._tell_broken(broken)
                return False
            except (AttributeError, LookupError, TypeError, ValueError) as error:
                self._tell_broken(Broken("应答的内容", "能按接口文档读取", repr(error)))
                return False
        return True

    def call(
        self,
        who: Actor,
        method: str,
        path: str,
        *,
        why: str,
        wanted: int = 200,
        body: Any = None,
        form: dict[str, str] | None = None,
        key: str | None = None,
    ) -> httpx.Response:
        """One call as `who`, which must be answered with the status `wanted`. POSTs carry an idempotency key."""
        begun = time.perf_counter()
        answer = self._ask(who, method, path, body=body, form=form, key=key)
        self._line(who.name, f"{method} {_short(who.prefix + path)}", answer, _ms(begun), why)
        self.expect(f"{method} {path} 的状态码", wanted, answer.status_code, quiet=True, seen=answer.text)
        return answer

    def wait(
        self, who: Actor, path: str, *, why: str, seen: Callable[[Any], bool], seconds: float = WAIT_S
    ) -> Any:
        """Read `path` again and again until `seen` holds of the answer; the answer."""
        begun = time.perf_counter()
        asked = 0
        while True:
            answer = self._ask(who, "GET", path)
            asked += 1
            if answer.status_code != 200:
                raise Broken(f"GET {path} 的状态码", 200, f"{answer.status_code} {answer.text[:_SHOWN]}")
            if seen(answer.json()):
                break
            if time.perf_counter() - begun > seconds:
                raise Broken(f"{seconds:.0f} 秒内{why}", "发生", answer.text[:_SHOWN])
            time.sleep(_ASK_EVERY_S)
        self.checks += 1
        waited = f"{why}（问了 {asked} 次）"
        self._line(who.name, f"GET {_short(who.prefix + path)}", answer, _ms(begun), waited)
        return answer.json()

    def expect(self, what: str, wanted: object, got: object, *, quiet: bool = False, seen: str = "") -> None:
        """Raise Broken unless equal; say so otherwise. `seen` is shown beside what was got."""
        if wanted != got:
            raise Broken(what, _told(wanted), f"{_told(got)} {seen[:_SHOWN]}".rstrip())
        self.checks += 1
        if not quiet:
            self.say(f"{what}：{_told(got)}")

    def require(self, what: str, holds: bool, got: object) -> None:
        """Raise Broken unless `holds`; say so otherwise."""
        if not holds:
            raise Broken(what, "成立", got)
        self.checks += 1
        self.say(what)

    def say(self, text: str) -> None:
        self._out.print(f"    [green]✓[/green] {escape(text)}", highlight=False, soft_wrap=True)

    def act(self, who: str, what: str, why: str) -> None:
        """Something that happens outside of our API."""
        self._out.print(
            f"  [cyan]{_padded(who)}[/cyan] {escape(what)}  [dim]{escape(why)}[/dim]",
            highlight=False,
            soft_wrap=True,
        )

    def report(self) -> None:
        """The times of each kind of call, as the audience's machine took them."""
        table = Table(title="每种调用的用时（毫秒，经真实 HTTP）", box=SIMPLE)
        table.add_column("调用", no_wrap=True)
        for head in ("次数", "最短", "中位数"):
            table.add_column(head, justify="right", no_wrap=True)
        for kind, times in sorted(self._times.items()):
            table.add_row(escape(kind), str(len(times)), f"{min(times):.1f}", f"{median(times):.1f}")
        self._out.print(table)

    def _ask(
        self,
        who: Actor,
        method: str,
        path: str,
        *,
        body: Any = None,
        form: dict[str, str] | None = None,
        key: str | None = None,
    ) -> httpx.Response:
        headers = {"authorization": f"Bearer {who.token}"} if who.token else {}
        if method == "POST" and who.token:
            headers["idempotency-key"] = key or uuid4().hex
        begun = time.perf_counter()
        try:
            answer = self._api.request(method, who.prefix + path, json=body, data=form, headers=headers)
        except httpx.HTTPError as error:
            raise Broken(f"{method} {who.prefix}{path}", "有应答", repr(error)) from error
        kind = _UUID.sub("{id}", f"{method} {who.prefix}{path}".partition("?")[0])
        if answer.is_success:
            self._times.setdefault(kind, []).append(_ms(begun))
        return answer

    def _line(self, who: str, what: str, answer: httpx.Response, took: float, why: str) -> None:
        color = "green" if answer.is_success else "yellow"
        self._out.print(
            f"  [cyan]{_padded(who)}[/cyan] [bold]{escape(what)}[/bold] → "
            f"[{color}]{answer.status_code}[/{color}]  {took:.0f} ms  [dim]{escape(why)}[/dim]",
            highlight=False,
            soft_wrap=True,
        )

    def _tell_broken(self, broken: Broken) -> None:
        for line in (
            f"✗ 第 {self._chapter} 没有做到",
            f"  检查：{broken.what}",
            f"  应为：{broken.wanted}",
            f"  实为：{broken.got}",
        ):
            self._out.print(line, style="red", markup=False, highlight=False, soft_wrap=True)


def _ms(begun: float) -> float:
    return (time.perf_counter() - begun) * 1000


def _told(value: object) -> str:
    return "、".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _short(path: str) -> str:
    """Ids cut to their last four digits."""
    return _UUID.sub(r"…\1", path)


def _padded(name: str) -> str:
    return name + " " * max(0, _NAME_CELLS - cell_len(name))
