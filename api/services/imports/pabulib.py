"""Pabulib files (.pb), the exchange format of participatory budgets (pabulib.org/format), read line by line.

Three sections, META, PROJECTS and VOTES, each with a head; cells are separated by ";", lists by ",". What the file
says of itself is checked: counts of projects and votes, votes of each project, limits on a ballot. Amounts are
units of the file's currency and become hundredths.
"""

import csv
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path

from pydantic import ValidationError

from api.rules.voting.rule import Algorithm, BudgetRule, Completion, Method, Option, Rule
from api.services.imports.faults import ImportFault, LineFault
from api.services.imports.sniffing import examine

SECTIONS = ("META", "PROJECTS", "VOTES")
GREEDY = frozenset({"greedy", "greedy-threshold", "greedy-exclusive"})
RULES = {**dict.fromkeys(GREEDY, Algorithm.greedy), "equalshares": Algorithm.equal_shares}
LEFTOVER = "Fund additional projects that fit within leftover budget ordered by score"
"""The one use of `leftover_budget` there is in the published files."""
EXCLUSIVE = (
    "文件的规则（greedy-exclusive）不许同时选取互斥的项目，但文件没有列出哪些互斥；按普通的从高到低计算。"
)
MOST_OPTIONS, LONGEST_TITLE, LONGEST_CELL = 200, 200, 1_000_000

MOST_AMOUNT = 10**15
"""Hundredths; canonical JSON holds whole numbers below 2**53."""

_ID = re.compile(r"[a-z0-9_-]{1,40}")


@dataclass(frozen=True, slots=True)
class Vote:
    """One voter's approvals, as option ids."""

    line: int
    voter: str
    choices: tuple[str, ...]


@dataclass
class Election:
    """What a file holds, as far as it could be read; usable when there are no faults."""

    sha256: str
    title: str = ""
    text: str = ""
    currency: str = ""
    rule: Rule | None = None
    options: list[Option] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    """Option id → the project's id in the file, where it could not be kept."""
    votes: list[Vote] = field(default_factory=list)
    selected: frozenset[str] | None = None
    """Options the official outcome funded; None where the file does not tell."""
    remarks: list[str] = field(default_factory=list)
    faults: list[LineFault] = field(default_factory=list)


Record = tuple[int, dict[str, str]]


def read_election(file: Path) -> Election:
    """Raises ImportFault for what is no such file at all; whatever is wrong with a line is in `faults`."""
    found = examine(file)
    with file.open(encoding=found.encoding, newline="") as lines:
        sections = _sections(lines, file.name)
    meta = {cells["key"]: (line, cells["value"]) for line, cells in sections["META"]}
    return _Reader(Election(found.sha256), meta, file.name).read(sections)


def _sections(lines: Iterator[str], name: str) -> dict[str, list[Record]]:
    """Records by section, each a mapping of its head's columns."""
    previous = csv.field_size_limit(LONGEST_CELL)
    try:
        found: dict[str, list[Record]] = {}
        section, head = "", [""]
        reader = csv.reader(lines, delimiter=";")
        for cells in reader:
            cells = [cell.strip() for cell in cells]
            line = reader.line_num
            if not any(cells):
                continue
            if cells[0] in SECTIONS and not any(cells[1:]):
                section, head = cells[0], []
                if section in found:
                    raise ImportFault(f"{section} 一节出现了两次", file=name, line=line)
                found[section] = []
            elif not section:
                raise ImportFault("不是 Pabulib 文件：第一行应为 META", file=name, line=line)
            elif not head:
                head = cells
                if len(set(head)) != len(head):
                    raise ImportFault(f"{section} 一节的表头有重复的列", file=name, line=line)
            else:
                cells += [""] * (len(head) - len(cells))
                found[section].append((line, dict(zip(head, cells, strict=False))))
    except csv.Error as error:
        raise ImportFault(f"读不下去：{error}", file=name, line=reader.line_num) from None
    finally:
        csv.field_size_limit(previous)
    needed = {"META": {"key", "value"}, "PROJECTS": {"project_id", "cost"}, "VOTES": {"voter_id", "vote"}}
    for part in SECTIONS:
        records = found.get(part)
        if not records:
            raise ImportFault(f"没有 {part} 一节，或其中没有内容", file=name)
        missing = needed[part] - records[0][1].keys()
        if missing:
            raise ImportFault(
                f"{part} 一节没有 {'、'.join(sorted(missing))} 列", file=name, line=records[0][0]
            )
    return found


class _Reader:
    """Turns records into what a poll is made of, noting what is wrong."""

    def __init__(self, election: Election, meta: dict[str, tuple[int, str]], name: str) -> None:
        self._found = election
        self._meta = meta
        self._name = name

    def read(self, sections: dict[str, list[Record]]) -> Election:
        found = self._found
        place = " ".join(filter(None, (self._said(k) for k in ("country", "unit", "subunit", "instance"))))
        found.currency = self._said("currency")
        found.title = (self._said("description") or place or self._name)[:60]
        found.text = "\n".join(filter(None, (place, self._said("comment"))))[:2000] or found.title
        if self._said("vote_type") != "approval":
            self._fault("vote_type", f"只能导入赞成票（approval），文件是 {self._said('vote_type') or '空'}")
        known = self._projects(sections["PROJECTS"])
        found.rule = self._rule()
        self._votes(sections["VOTES"], known)
        for key, count in (
            ("num_projects", len(sections["PROJECTS"])),
            ("num_votes", len(sections["VOTES"])),
        ):
            if (said := self._whole(key)) is not None and said != count:
                self._fault(key, f"声明 {said}，实有 {count}")
        self._compare(sections["PROJECTS"], known)
        found.faults.sort(key=lambda fault: fault.line)
        return found

    def _said(self, key: str) -> str:
        return self._meta.get(key, (0, ""))[1]

    def _fault(self, key: str, reason: str) -> None:
        self._found.faults.append(LineFault(self._meta.get(key, (1, ""))[0], f"{key}：{reason}"))

    def _refuse(self, line: int, reason: str) -> None:
        self._found.faults.append(LineFault(line, reason))

    def _whole(self, key: str) -> int | None:
        said = self._said(key)
        if not said:
            return None
        if not (said.isascii() and said.isdigit()):
            self._fault(key, f"应为整数，实为“{said}”")
            return None
        return int(said)

    def _projects(self, records: list[Record]) -> dict[str, Option]:
        """The projects by the ids of the file."""
        if len(records) > MOST_OPTIONS:
            self._refuse(records[MOST_OPTIONS][0], f"项目多于 {MOST_OPTIONS} 个")
        keep = all(_ID.fullmatch(cells["project_id"]) for _, cells in records)
        capped = bool(self._said("budget_per_category"))
        known: dict[str, Option] = {}
        for n, (line, cells) in enumerate(records[:MOST_OPTIONS], 1):
            given, cost = cells["project_id"], hundredths(cells["cost"])
            if not given or given in known:
                self._refuse(line, f"项目编号“{given}”重复或为空")
            elif not cost:
                self._refuse(line, f"费用应为大于 0 的数，实为“{cells['cost']}”")
            else:
                known[given] = Option(
                    id=given if keep else f"p{n}",
                    title=(cells.get("name") or given)[:LONGEST_TITLE],
                    cost=cost,
                    group=cells.get("category", "")[:80] or None if capped else None,
                )
        self._found.options = list(known.values())
        self._found.names = {option.id: given for given, option in known.items()}
        return known

    def _rule(self) -> Rule | None:
        name = self._said("rule")
        if name not in RULES:
            self._fault("rule", f"不支持“{name}”；支持 {'、'.join(RULES)}")
        if name == "greedy-exclusive":
            self._found.remarks.append(EXCLUSIVE)
        amount = hundredths(self._said("budget"))
        if not amount:
            self._fault("budget", f"应为大于 0 的数，实为“{self._said('budget')}”")
        leftover = self._said("leftover_budget")
        if leftover not in ("", LEFTOVER):
            self._fault("leftover_budget", f"不支持“{leftover}”")
        least = self._whole("min_project_score_threshold") or 0
        most = self._whole("max_length") or len(self._found.options)
        caps = self._caps()
        if self._found.faults or not amount:
            return None
        try:
            return Rule(
                method=Method.budget,
                max_choices=min(most, MOST_OPTIONS),
                budget=BudgetRule(
                    amount=amount,
                    algorithm=RULES[name],
                    min_votes=least,
                    caps=caps,
                    completion=Completion.greedy if leftover else Completion.none,
                ),
                clause=f"Pabulib {name}",
            )
        except ValidationError as error:
            self._refuse(1, f"规则前后不一致：{error.errors()[0]['msg']}")
            return None

    def _caps(self) -> dict[str, int]:
        limits = self._said("budget_per_category")
        if not limits:
            return {}
        names = [part.strip()[:80] for part in self._said("categories").split(",")]
        amounts = [hundredths(part) for part in limits.split(",")]
        if len(names) != len(amounts) or None in amounts:
            self._fault("budget_per_category", "应与 categories 一一对应，均为数")
            return {}
        for option in self._found.options:
            if option.group not in names:
                self._fault("budget_per_category", f"项目“{option.title}”的类别不在 categories 中")
        return {name: amount or 0 for name, amount in zip(names, amounts, strict=True)}

    def _votes(self, records: list[Record], known: dict[str, Option]) -> None:
        least = self._whole("min_length") or 1
        most = self._whole("max_length") or MOST_OPTIONS
        dearest = hundredths(self._said("max_sum_cost"))
        voters: set[str] = set()
        for line, cells in records:
            voter, given = cells["voter_id"], [v.strip() for v in cells["vote"].split(",") if v.strip()]
            strangers = [v for v in given if v not in known]
            if not voter or voter in voters:
                self._refuse(line, f"选民编号“{voter}”重复或为空")
            elif strangers:
                self._refuse(line, f"选了没有的项目“{strangers[0]}”")
            elif len(set(given)) != len(given):
                self._refuse(line, "同一项目选了两次")
            elif not max(1, least) <= len(given) <= most:
                self._refuse(line, f"应选 {max(1, least)}–{most} 项，实为 {len(given)} 项")
            elif dearest is not None and sum(known[v].cost or 0 for v in given) > dearest:
                self._refuse(line, f"所选项目的费用超过 {self._said('max_sum_cost')}")
            else:
                self._found.votes.append(Vote(line, voter, tuple(known[v].id for v in given)))
            voters.add(voter)

    def _compare(self, records: list[Record], known: dict[str, Option]) -> None:
        """The votes the file states for each project, and what was officially funded."""
        counted = Counter(choice for vote in self._found.votes for choice in vote.choices)
        chosen: set[str] = set()
        for line, cells in records[:MOST_OPTIONS]:
            option = known.get(cells["project_id"])
            if option is None:
                continue
            stated = cells.get("votes", "")
            if stated and stated != str(counted[option.id]) and not self._found.faults:
                self._refuse(line, f"声明 {stated} 票，从选票数得 {counted[option.id]} 票")
            if cells.get("selected", "0") not in ("", "0"):
                chosen.add(option.id)
        if "selected" in records[0][1]:
            self._found.selected = frozenset(chosen)


def hundredths(text: str) -> int | None:
    """ "12.5" as 1250; None for what is no amount, below zero or finer than hundredths."""
    try:
        value = Decimal(text) * 100
    except InvalidOperation:
        return None
    if not value.is_finite() or value < 0 or value != value.to_integral_value() or value > MOST_AMOUNT:
        return None
    return int(value)
