"""`linli verify FILE`: check a bulletin, or the proof of an event, offline. Exit status 0: it holds; 1: it does not."""

from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.console import Console

from api.rules.voting.verify import verify as check
from api.rules.voting.verify import verify_event as check_event

commands = typer.Typer()
console = Console()
errors = Console(stderr=True)


@commands.command()
def verify(
    file: Annotated[Path, typer.Argument(help="公告板（GET /v1/polls/{id}/bulletin），或事件的封存证明")],
    key: Annotated[str | None, typer.Option(help="您信任的公钥，十六进制；不填则用公告板上的")] = None,
) -> None:
    """核验表决公告板：封存、签名、链接、选民册、规则，重新计票；或一个事件的封存证明。不需要数据库和网络。"""
    try:
        bulletin = orjson.loads(file.read_bytes())
        is_event = bulletin.get("type") == "event_proof"
        faults = check_event(bulletin, key=key) if is_event else check(bulletin, key=key)
    except OSError as error:
        errors.print(f"读不到文件：{error}", style="red", markup=False, soft_wrap=True)
        raise typer.Exit(1) from None
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        errors.print(
            f"这不是一份公告板或证明：{type(error).__name__} {error}",
            style="red",
            markup=False,
            soft_wrap=True,
        )
        raise typer.Exit(1) from None
    for fault in faults:
        errors.print(
            f"{fault.code}  {fault.words}", style="red", markup=False, highlight=False, soft_wrap=True
        )
    if faults:
        errors.print(f"核验不通过：{len(faults)} 处。", style="red")
        raise typer.Exit(1)
    if is_event:
        event, head = bulletin["event"], bulletin["head"]
        console.print(
            f"核验通过：{event['at']} 的事件 {event['subject_kind']}.{event['move']} "
            f"封存于第 {head['number']} 批（{head['day']}）。",
            soft_wrap=True,
        )
        return
    outcome = next(r for r in reversed(bulletin["records"]) if r["type"] == "outcome")["outcome"]
    console.print(
        f"核验通过：{len(bulletin['ballots']):,} 张选票，{len(bulletin['heads'])} 批封存，结果一致。"
    )
    for line in outcome["words"]:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
