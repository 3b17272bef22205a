"""`linli import …`: bringing data in, with a progress bar and a summary.

Exit status: 0 all is in, or was already; 1 nothing or only whole batches could be done (broken file, no database);
2 lines were refused, each told with its number and reason: mend them and run it again;
3 a poll is counted, and its outcome is not the official one.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from api.commands.base import database, errors, run
from api.kit.secrets import Vault
from api.rules.cases import CATEGORY_TITLES, CaseCategory
from api.rules.imports import REGISTER_TITLES, RegisterKind
from api.rules.places import LEVEL_TITLES
from api.services.imports import registers
from api.services.imports.case_records import Categories, category_of
from api.services.imports.cases import FATE_TITLES, CasesResult, Fate, Verdict, import_cases
from api.services.imports.elections import ElectionResult, import_election
from api.services.imports.faults import LineFault
from api.services.imports.places import PlacesResult, import_places
from api.services.imports.register_kinds import REGISTERS
from api.services.imports.timeliness import Timeliness
from api.settings import Settings

imports = typer.Typer(no_args_is_help=True)
commands = typer.Typer()
commands.add_typer(imports, name="import", help="批量导入：地域、历史诉求、参与式预算。")
console = Console()

REFUSED, DIFFERS = 2, 3
SHOWN = 50
"""Refused lines printed in full; a dry run prints every line."""


@imports.command()
def places(
    paths: Annotated[list[Path], typer.Argument(help="区划代码的 csv / xlsx 文件，或放着它们的文件夹")],
) -> None:
    """导入国家统计用区划代码（省、市、县、乡镇、村）。可中断后接着导入；重复导入不会改变任何内容。"""

    async def work() -> PlacesResult:
        with progress_bar() as progress:
            async with database(Settings()) as db:
                return await import_places(db, paths, progress)

    result = run(work())
    console.print(summary(result))
    for name in result.aside:
        console.print(f"未导入 {name}：不是区划代码表", markup=False, highlight=False)
    for file in result.files:
        tell_faults(file.name, file.faults)
    if result.refused:
        raise typer.Exit(REFUSED)


def summary(result: PlacesResult) -> Table:
    """One row a file; what happened to no line of any file has no column."""
    table = Table(title="地域导入", box=SIMPLE, padding=(0, 1, 0, 0))
    table.add_column("文件", no_wrap=True)
    table.add_column("层级", no_wrap=True)
    columns: list[tuple[str, list[int], bool]] = [
        ("读取", [file.read for file in result.files], True),
        ("此前已导入", [file.resumed for file in result.files], False),
        ("新增", [file.inserted for file in result.files], True),
        ("更名", [file.updated for file in result.files], True),
        ("并入上级", [file.folded for file in result.files], False),
        ("无变化", [file.unchanged for file in result.files], True),
        ("有误", [len(file.faults) for file in result.files], True),
    ]
    shown = [(head, numbers) for head, numbers, always in columns if always or any(numbers)]
    for head, _ in shown:
        table.add_column(head, justify="right", no_wrap=True)
    for n, file in enumerate(result.files):
        numbers = (f"{column[n]:,}" for _, column in shown)
        table.add_row(escape(file.name), LEVEL_TITLES[file.level].partition("（")[0], *numbers)
    return table


@imports.command()
def cases(
    file: Annotated[Path, typer.Argument(help="csv 或 xlsx 文件，第一行为表头")],
    community: Annotated[str, typer.Option(help="村（社区）的 12 位代码")],
    mapping: Annotated[
        str,
        typer.Option(
            help="字段=列名，逗号分隔；同名的列不必写。"
            "字段：number subject submitted_at text user answer answered_at category"
        ),
    ] = "",
    category: Annotated[str, typer.Option(help="没有类别的记录算作哪一类")] = CATEGORY_TITLES[
        CaseCategory.consult
    ],
    categories: Annotated[
        str, typer.Option(help="类别列里的词=咨询、求助、建议或投诉，逗号分隔，如 信访=投诉")
    ] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="逐行报告，不写入")] = False,
) -> None:
    """导入书记信箱的历史记录：已答复的成为已结案，未答复的成为待受理；不通知任何人。有一行有误则全部不导入。"""
    columns = pairs(mapping, "--mapping")
    try:
        words = {word: category_of(name) for word, name in pairs(categories, "--categories").items()}
        choice = Categories(category_of(category), words)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error

    async def work() -> CasesResult:
        with progress_bar() as progress:
            async with database(Settings()) as db:
                return await import_cases(
                    db, file, columns, community, categories=choice, dry_run=dry_run, progress=progress
                )

    result = run(work())
    refused = [v for v in result.verdicts if v.fate is Fate.refused]
    if dry_run:
        tell_verdicts(result.verdicts)
    else:
        tell_faults(file.name, [LineFault(v.line, v.reason) for v in refused])
    table = Table(title="历史诉求导入" + ("（预演，未写入）" if dry_run else ""), show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for fate in Fate:
        table.add_row(FATE_TITLES[fate], f"{result.count(fate):,}")
    for name, value in measures(result.timeliness):
        table.add_row(name, value)
    console.print(table)
    if refused:
        if not dry_run:
            errors.print("有误的行更正之前，一条也没有导入。", style="red")
        raise typer.Exit(REFUSED)


@imports.command()
def poll(
    file: Annotated[Path, typer.Argument(help="Pabulib 格式的参与式预算文件（.pb）")],
    place: Annotated[str, typer.Option(help="表决所在地域的代码")],
    entered_by: Annotated[str, typer.Option(help="录入人的控制台用户名：须能组织并代录这里的表决")],
    confirmed_by: Annotated[str, typer.Option(help="复核人的控制台用户名：另一人，须能代录这里的表决")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="只检查、试算，不写入")] = False,
) -> None:
    """导入参与式预算：按文件的项目、费用与规则建表决，选票作为双人代录的纸质票，到时截止、封存、计票，与官方结果比较。

    有一行有误则全部不导入。比较不一致时以状态 3 结束。
    """

    async def work() -> ElectionResult:
        settings = Settings()
        vault = Vault(settings.master_key.get_secret_value())
        async with database(settings) as db:
            return await import_election(
                db,
                vault,
                file,
                place_code=place,
                first=entered_by,
                second=confirmed_by,
                waiting=lambda left: errors.print(f"选票已全部录入，{left.total_seconds():.0f} 秒后截止。"),
                dry_run=dry_run,
            )

    result = run(work())
    tell_faults(file.name, result.election.faults)
    if result.outcome is None:
        errors.print("有误的行更正之前，什么也没有导入。", style="red")
        raise typer.Exit(REFUSED)
    tell_outcome(result)
    if result.differs:
        raise typer.Exit(DIFFERS)


def tell_outcome(result: ElectionResult) -> None:
    """The projects by votes, funded or not, here and officially."""
    election, outcome = result.election, result.outcome
    assert outcome is not None
    table = Table(title="参与式预算" + ("（试算，未写入）" if result.poll_id is None else ""), box=SIMPLE)
    for head in ("编号", "项目", f"费用（{election.currency or '元'}）", "票数", "资助", "官方"):
        table.add_column(head, justify="right" if head in ("票数",) or head.startswith("费用") else "left")
    votes = {total["option"]: total["persons"] for total in outcome["totals"]}
    for option in sorted(election.options, key=lambda o: -votes[o.id]):
        official = "" if election.selected is None else "✓" if option.id in election.selected else "–"
        table.add_row(
            escape(election.names[option.id]),
            escape(option.title),
            f"{(option.cost or 0) / 100:,.2f}",
            f"{votes[option.id]:,}",
            "✓" if option.id in outcome["winners"] else "–",
            official,
        )
    console.print(table)
    for remark in election.remarks:
        console.print(remark, markup=False, soft_wrap=True)
    if election.selected is None:
        console.print("文件没有官方结果（selected），未作比较。")
    elif result.differs:
        names = "、".join(sorted(election.names[option] for option in result.differs))
        errors.print(f"与官方结果不同的项目：{names}", style="red", markup=False, soft_wrap=True)
    else:
        console.print(f"与官方结果一致：{len(election.selected)} 个项目。")
    if result.poll_id is not None:
        console.print(
            f"表决 {result.poll_id}：{len(election.votes):,} 张选票已封存、已计票。", soft_wrap=True
        )


@imports.command()
def register(
    kind: Annotated[
        RegisterKind,
        typer.Argument(
            help=f"种类：{'、'.join(f'{k.value} {t}' for k, t in REGISTER_TITLES.items())}",
            show_choices=False,
        ),
    ],
    file: Annotated[Path, typer.Argument(help="csv 或 xlsx 文件，第一行为表头")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="逐行检查，不写入")] = False,
) -> None:
    """导入名册：物业公司、人员、房屋、设施、住户。有一行有误则全部不导入；重复导入不会改变任何内容。"""

    async def work() -> dict[str, Any]:
        settings = Settings()
        vault = Vault(settings.master_key.get_secret_value())
        content = file.read_bytes()
        async with database(settings) as db, db.transaction() as tx:
            return await registers.run(
                tx, vault, None, kind, REGISTERS[kind], content, name=file.name, dry_run=dry_run
            )

    result = run(work())
    tell_faults(file.name, [LineFault(f["line"], f["reason"]) for f in result["faults"]])
    title = f"{REGISTER_TITLES[kind]}导入{'（预演，未写入）' if dry_run else ''}"
    table = Table(title=title, show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for name, key in (
        ("读取", "lines"),
        ("新增", "created"),
        ("变更", "updated"),
        ("无变化", "unchanged"),
        ("有误", "refused"),
    ):
        table.add_row(name, f"{result[key]:,}")
    console.print(table)
    if result["refused"]:
        if not dry_run:
            errors.print("有误的行更正之前，一行也没有导入。", style="red")
        raise typer.Exit(REFUSED)


@imports.command()
def members(
    file: Annotated[Path, typer.Argument(help="csv 或 xlsx 文件，第一行为表头")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="逐行检查，不写入")] = False,
) -> None:
    """导入成员名册：双报到党员和志愿者。已绑定手机号的立即核实，未绑定的在绑定时核实。有一行有误则全部不导入。"""
    register(RegisterKind.members, file, dry_run)


def measures(answers: Timeliness) -> Iterator[tuple[str, str]]:
    """及时率 and the median answer, as they are printed."""
    if answers.rate is None or answers.median is None or answers.median_days is None:
        yield "及时率", "没有答复"
        return
    yield "及时率（办结时限内答复）", f"{answers.in_time:,}/{answers.answered:,} = {answers.rate:.1%}"
    hours = answers.median / timedelta(hours=1)
    yield "答复用时中位数", f"{answers.median_days:.1f} 个工作日（{hours:.1f} 工作小时）"
    if answers.provisional:
        yield "其中按周一至周五暂计（无放假安排）", f"{answers.provisional:,}"


def tell_verdicts(verdicts: Sequence[Verdict]) -> None:
    """Every line and its fate."""
    for verdict in verdicts:
        told = f"：{verdict.reason}" if verdict.reason else f"  {verdict.number}"
        line = f"第 {verdict.line} 行  {FATE_TITLES[verdict.fate]}{told}"
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def tell_faults(name: str, faults: Sequence[LineFault]) -> None:
    """The refused lines of a file, the first of many."""
    for fault in faults[:SHOWN]:
        line = f"{name} 第 {fault.line} 行：{fault.reason}"
        errors.print(line, markup=False, highlight=False, soft_wrap=True)
    if len(faults) > SHOWN:
        errors.print(f"{name} 另有 {len(faults) - SHOWN:,} 行有误", markup=False, highlight=False)


def pairs(text: str, option: str) -> dict[str, str]:
    """`a=甲,b=乙` as a mapping. Raises typer.BadParameter."""
    found: dict[str, str] = {}
    for part in filter(None, (p.strip() for p in text.replace("，", ",").split(","))):
        key, separator, value = (p.strip() for p in part.partition("="))
        if not (key and separator and value):
            raise typer.BadParameter(f"{option} 应写作 名称=名称，逗号分隔；看不懂“{part}”")
        if key in found:
            raise typer.BadParameter(f"{option} 中“{key}”写了两次")
        found[key] = value
    return found


@contextmanager
def progress_bar() -> Iterator[Callable[[str, int, int], None]]:
    """A bar for each file on stderr, nothing where that is no terminal."""
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=errors,
        disable=not errors.is_terminal,
    ) as progress:
        bars: dict[str, TaskID] = {}

        def show(label: str, done: int, about: int) -> None:
            if label not in bars:
                bars[label] = progress.add_task(escape(label), total=about)
            progress.update(bars[label], completed=done, total=about)

        yield show
