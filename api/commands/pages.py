"""`linli docs`: the pages that are written from the code, so that they cannot say anything else."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import typer
from rich.console import Console

import api.main  # noqa: F401  (every problem is declared once the program is put together)
from api.commands.lives import LIVES
from api.kit.lifecycle import Lifecycle
from api.kit.problems import known_problems
from api.rules import content
from api.rules.case_requests import REQUEST_RULES, REQUEST_TITLES
from api.rules.cases import CATEGORY_TITLES, CLOCK_TITLES, STANDING_TITLES, Standing
from api.rules.limits import CLASS_TITLES, LIMITS, STEPS
from api.rules.privacy import COOLING_OFF, KEPT_FOREVER, RETENTION
from api.rules.roles import (
    CONSOLE_ROLES,
    GRANTED,
    PERMISSION_TITLES,
    ROLE_TITLES,
    SERVES,
    Permission,
    Role,
)
from api.rules.topic_templates import TEMPLATES
from api.rules.topics import BODY_TITLES, STAGE_TITLES
from api.services.privacy.holdings import HOLDINGS
from api.services.privacy.plain import PLAIN

commands = typer.Typer()
console = Console(stderr=True)

_WRITTEN = "<!-- Written by `linli docs` from the code; edit the code instead. -->\n"


def _diagram(life: Lifecycle[Any, Any, Any], titles: Mapping[str, str]) -> Iterator[str]:
    yield "```mermaid"
    yield "stateDiagram-v2"
    for state in life.states:
        yield f'  state "{titles[state.value]}" as {state.value}'
    yield f"  [*] --> {life.initial.value}"
    for source, target, move in life.edges():
        yield f"  {source.value} --> {target.value}: {move.title}"
    yield "```"


def lifecycles() -> str:
    """docs/lifecycles.md"""
    lines = ["# Life-cycles", "", _WRITTEN, ""]
    for life, states, standings in LIVES:
        lines += [f"## {life.title} `{life.subject}`", "", *_diagram(life, states), ""]
        lines += ["| move | 操作 | from | to | by | note |", "|---|---|---|---|---|---|"]
        for move in life.moves:
            by = "、".join(standings[b.value] for b in type(next(iter(move.by))) if b in move.by)
            sources = ", ".join(s.value for s in move.sources)
            lines.append(
                f"| `{move.name}` | {move.title} | {sources} | {move.target.value} | {by} | {move.note} |"
            )
        lines.append("")
    lines += ["## 内容审核策略", "", "| 标签 | 平台建议 review 时 | 平台建议 risky 时 |", "|---|---|---|"]
    lines += [f"| {kind} {p.title} | {p.on_review} | {p.on_risky} |" for kind, p in content.POLICY.items()]
    lines += ["", "## 时限", "", "| 类别 | 签收 | 首次联系 | 办结 | 说明 |", "|---|---|---|---|---|"]
    for kind, limit in LIMITS.items():
        cells = [part.text if part else "–" for part in (limit.sign, limit.contact, limit.finish)]
        lines.append(f"| {CLASS_TITLES[kind]} | {' | '.join(cells)} | {limit.note} |")
    lines += ["", "| 环节 | 时限 |", "|---|---|"]
    lines += [f"| {CLOCK_TITLES[step]} | {limit.text} |" for step, limit in STEPS.items()]
    lines += ["", "| 申请 | 谁提出 | 谁决定 | 决定时限 |", "|---|---|---|---|"]
    for request, rule in REQUEST_RULES.items():
        askers = "、".join(STANDING_TITLES[s] for s in Standing if s in rule.asked_by)
        decider = STANDING_TITLES[rule.decided_by]
        lines.append(
            f"| {REQUEST_TITLES[request]} `{request}` | {askers} | {decider} | {rule.deciding.text} |"
        )
    lines += ["", f"书记信箱类别：{'、'.join(f'{t}（{c.value}）' for c, t in CATEGORY_TITLES.items())}。"]
    lines += ["", "## 议事模板", ""]
    for template, shape in TEMPLATES.items():
        lines += [f"### {shape.title} `{template.value}`", ""]
        lines += ["| # | 环节 | 种类 | 负责组织 | 期限 | 表决人 |", "|--:|---|---|---|---|---|"]
        lines += [
            f"| {n} | {step.title}{'（可略过）' if step.optional else ''} | {STAGE_TITLES[step.kind]} "
            f"| {BODY_TITLES[step.body]} | {step.limit.text} | {step.voters or '–'} |"
            for n, step in enumerate(shape.steps, 1)
        ]
        lines.append("")
    return "\n".join(lines) + "\n"


def permissions() -> str:
    """docs/permissions.md"""
    roles = list(Role)
    lines = ["# Permissions", "", _WRITTEN, ""]
    lines += [
        "A grant of a role at a place reaches everything under that place. What a person cannot reach is 404,"
    ]
    lines += [
        "what can be reached but not done is 403. Reporter, handler and resident are columns, never grants.",
        "",
    ]
    lines += ["| permission | 权限 | " + " | ".join(ROLE_TITLES[r] for r in roles) + " |"]
    lines += ["|---|---|" + "---|" * len(roles)]
    for permission in Permission:
        marks = " | ".join("●" if permission in GRANTED[role] else "" for role in roles)
        lines.append(f"| `{permission.value}` | {PERMISSION_TITLES[permission]} | {marks} |")
    lines += [
        "",
        "Console login: " + "、".join(ROLE_TITLES[r] for r in roles if r in CONSOLE_ROLES) + "。",
        "",
    ]
    lines += ["| unit | its members: grants at the unit's own place |", "|---|---|"]
    lines += [
        f"| `{kind.value}` | {'、'.join(ROLE_TITLES[r] for r in roles if r in able)} |"
        for kind, able in SERVES.items()
    ]
    lines += ["", f"Toward a case: {'、'.join(f'{STANDING_TITLES[s]} `{s.value}`' for s in Standing)}。"]
    return "\n".join(lines) + "\n"


def problems() -> str:
    """docs/problems.md"""
    lines = [
        "# Problems",
        "",
        _WRITTEN,
        "",
        "Errors are `application/problem+json` (RFC 9457); `code` is stable.",
        "",
    ]
    lines += ["| status | code | 名称 | what to do |", "|---|---|---|---|"]
    lines += [f"| {p.status} | `{p.code}` | {p.title} | {p.advice} |" for p in known_problems()]
    return "\n".join(lines) + "\n"


def retention() -> str:
    """docs/retention.md"""
    lines = ["# Retention", "", _WRITTEN, ""]
    lines += ["个人信息的保存期限；由后台每小时执行。到期“清空”的保留行本身，不再含个人内容。", ""]
    lines += ["| 表 | 内容 | 起算 | 保存 | 到期 | 理由 |", "|---|---|---|---|---|---|"]
    for policy in RETENTION:
        hours = int(policy.kept.total_seconds()) // 3600
        kept = f"{hours // 24} 天" if hours % 24 == 0 else f"{hours} 小时"
        end = "清空" if policy.cleared else "删除"
        lines.append(
            f"| `{policy.table}` | {policy.what} | `{policy.since}` | {kept} | {end} | {policy.why} |"
        )
    lines += ["", "## 长期保存", "", "| 表 | 理由 |", "|---|---|"]
    lines += [f"| `{table}` | {why} |" for table, why in KEPT_FOREVER.items()]
    lines += ["", "## 注销时", "", f"申请之日起 {COOLING_OFF.text}后由系统办理，此前可撤回。", ""]
    lines += ["| 表 | 内容 | 本人可导出 | 注销时 |", "|---|---|---|---|"]
    for holding in HOLDINGS:
        fate = "、".join(dict.fromkeys(_FATES[step.split(maxsplit=1)[0]] for step in holding.erase))
        lines.append(
            f"| `{holding.table}` | {holding.title} | {holding.untold or '是'} | {fate or '只余编号'} |"
        )
    lines += ["", "## 不含个人信息的列", ""]
    for why, columns in PLAIN.items():
        lines.append(f"- {why}：{'、'.join(f'`{name}`' for line in columns for name in line.split())}")
    return "\n".join(lines) + "\n"


_FATES = {"delete": "删除", "update": "清空", "insert": "重新绘制"}

PAGES: dict[str, Callable[[], str]] = {
    "lifecycles.md": lifecycles,
    "permissions.md": permissions,
    "problems.md": problems,
    "retention.md": retention,
}


@commands.command()
def docs(
    check: bool = typer.Option(False, help="只检查是否最新，不写入"),
    folder: Path = typer.Option(Path("docs"), help="目标文件夹"),  # noqa: B008  (typer's way)
) -> None:
    """由代码生成的文档：生命周期、权限、问题。"""
    if not check:
        folder.mkdir(parents=True, exist_ok=True)
    stale = []
    for name, write in PAGES.items():
        path, text = folder / name, write()
        if not path.exists() or path.read_text("utf-8") != text:
            stale.append(name)
            if not check:
                path.write_text(text, "utf-8")
    if check and stale:
        console.print(f"以下文档不是最新，请运行 linli docs：{'、'.join(stale)}")
        raise typer.Exit(1)
    console.print("文档已是最新" if not stale else f"已更新：{'、'.join(stale)}")
