"""Old records of a secretary's mailbox: which column is what, and what is wrong with a line."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

from api.kit import clock
from api.rules.cases import CATEGORY_TITLES, CaseCategory, CaseKind
from api.rules.property import CATEGORIES_OF
from api.services.imports.faults import ImportFault, LineFault
from api.services.imports.tables import Row, Table

REQUIRED = ("number", "subject", "submitted_at", "text")
OPTIONAL = ("user", "answer", "answered_at", "category")

LONGEST = {"number": 64, "user": 64, "subject": 200, "text": 20_000, "answer": 20_000}
"""Characters. The longest of a city's real messages has some two thousand."""

_NAMES = {
    "number": "编号",
    "user": "用户",
    "subject": "主题",
    "submitted_at": "提交时间",
    "text": "内容",
    "answer": "答复",
    "answered_at": "答复时间",
    "category": "类别",
}
_NUMBER = re.compile(r"[^\s/?#%\\]+")
_MOMENT = re.compile(
    r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?[T\s]+(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d{1,6})?)?\s*"
    r"(Z|[+-]\d{2}:?\d{2})?",
    re.ASCII,
)
_LETTERS = {c: CATEGORY_TITLES[c] for c in CATEGORIES_OF[CaseKind.secretary]}
_WORDS = {c.value: c for c in _LETTERS} | {title: c for c, title in _LETTERS.items()}


@dataclass(frozen=True, slots=True)
class Categories:
    """How a record comes by its category: the column's word as we know it, or as `words` translates it.

    A record without a word, or a file without the column, is `default`.
    """

    default: CaseCategory = CaseCategory.consult
    words: Mapping[str, CaseCategory] = field(default_factory=dict)

    def of(self, word: str) -> CaseCategory | None:
        """None for a word nobody has translated."""
        return self.words.get(word) or _WORDS.get(word) if word else self.default


@dataclass(frozen=True, slots=True)
class OldCase:
    """One good line. Times are aware; an answer always has its time."""

    line: int
    number: str
    user: str | None
    subject: str
    text: str
    submitted_at: datetime
    answer: str | None
    answered_at: datetime | None
    category: CaseCategory


def category_of(word: str) -> CaseCategory:
    """A category by its value or its Chinese title. Raises ValueError in Chinese."""
    if word not in _WORDS:
        raise ValueError(f"没有“{word}”这一类别，应为：{'、'.join(_LETTERS.values())}")
    return _WORDS[word]


def moment(words: str) -> datetime:
    """A moment as old systems write it: 2019/4/25 9:32:09, 2019-04-25 09:32, with a zone or in China's.

    Raises ValueError in Chinese. A date alone is refused: an answer in time cannot be told from it.
    """
    match = _MOMENT.fullmatch(words)
    if match is None:
        raise ValueError(f"“{words[:40]}”不是到分钟的时间，应如 2019-04-25 09:32:09")
    *parts, zone = match.groups()
    try:
        naive = datetime(*(int(part or 0) for part in parts))  # type: ignore[arg-type]  # noqa: DTZ001
    except ValueError:
        raise ValueError(f"“{words[:40]}”不是存在的时间") from None
    if zone is None:
        return naive.replace(tzinfo=clock.CHINA)
    if zone == "Z":
        return naive.replace(tzinfo=timezone(timedelta()))
    offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:]))
    return naive.replace(tzinfo=timezone(-offset if zone[0] == "-" else offset))


def read_cases(
    table: Table, mapping: Mapping[str, str], categories: Categories
) -> Iterator[OldCase | LineFault]:
    """Every record in order. Raises ImportFault for a mapping that does not fit the head."""
    if unknown := sorted(set(mapping) - {*REQUIRED, *OPTIONAL}):
        raise ImportFault(
            f"不认识的字段：{'、'.join(unknown)}；可用：{'、'.join((*REQUIRED, *OPTIONAL))}", file=table.name
        )
    optional = [name for name in OPTIONAL if name in table.columns and name not in mapping]
    columns = table.index(mapping, [*REQUIRED, *optional])
    if ("answer" in columns) != ("answered_at" in columns):
        raise ImportFault("答复与答复时间两列须同时有或同时没有", file=table.name, line=1)
    lines: dict[str, int] = {}
    for row in table.rows():
        read = _read(row, columns, categories)
        if isinstance(read, OldCase):
            if read.number in lines:
                yield LineFault(row.line, f"编号 {read.number} 在第 {lines[read.number]} 行已经出现")
                continue
            lines[read.number] = read.line
        yield read


def _read(row: Row, columns: Mapping[str, int], categories: Categories) -> OldCase | LineFault:
    if row.fault:
        return LineFault(row.line, row.fault)
    cells = {name: row.cells[at] for name, at in columns.items()}
    wrong = [f"缺少{_NAMES[name]}" for name in REQUIRED if not cells[name]]
    wrong += [
        f"{_NAMES[name]}超过 {most:,} 个字"
        for name, most in LONGEST.items()
        if len(cells.get(name, "")) > most
    ]
    number = cells["number"]
    if number and not _NUMBER.fullmatch(number):
        wrong.append("编号中不能有空白或 / ? # % \\")
    moments: dict[str, datetime] = {}
    for name in ("submitted_at", "answered_at"):
        if cells.get(name):
            try:
                moments[name] = moment(cells[name])
            except ValueError as error:
                wrong.append(f"{_NAMES[name]}{error}")
    answer = cells.get("answer") or None
    if answer and not cells["answered_at"]:
        wrong.append("有答复而没有答复时间")
    if not answer and cells.get("answered_at"):
        wrong.append("有答复时间而没有答复")
    submitted, answered = moments.get("submitted_at"), moments.get("answered_at")
    if submitted and submitted > clock.now():
        wrong.append("提交时间在将来")
    if answered and answered > clock.now():
        wrong.append("答复时间在将来")
    if submitted and answered and answered < submitted:
        wrong.append("答复时间早于提交时间")
    category = categories.of(cells.get("category", ""))
    if category is None:
        wrong.append(f"类别“{cells['category'][:20]}”没有对应的{'、'.join(_LETTERS.values())}")
    if wrong or submitted is None or category is None:
        return LineFault(row.line, "；".join(wrong))
    return OldCase(
        row.line,
        number,
        cells.get("user") or None,
        cells["subject"],
        cells["text"],
        submitted,
        answer,
        answered,
        category,
    )
