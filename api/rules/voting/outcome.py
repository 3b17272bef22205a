"""表决结果: the outcome of a rule over counted ballots, each condition with base, threshold, margin and clause in words.

The outcome is plain JSON (ints and strings), so that its canonical form can be sealed and worked out again by
anybody. `margin` is how much more there is than just enough; negative: how much is missing.
"""

from collections.abc import Sequence
from typing import Any

from api.rules.voting.ballots import Group, Roll
from api.rules.voting.budget import allocate
from api.rules.voting.rule import (
    NO,
    YES,
    Base,
    Measure,
    Method,
    Option,
    Quorum,
    Rule,
    Threshold,
    Ties,
    Unreturned,
    share,
)

_BASES = {Base.roll: "全体", Base.cast: "参与表决的", Base.decisive: "表示赞成或反对的"}
_SHARES = {"1/2": "半数", "2/3": "三分之二", "3/4": "四分之三", "1/3": "三分之一", "1/1": "全部"}


def decide(rule: Rule, options: Sequence[Option], roll: Roll, groups: Sequence[Group]) -> dict[str, Any]:
    """The outcome: `{passed, winners, totals, roll, cast, unreturned, conditions, tie, words}`."""
    cast = Roll(sum(g.persons for g in groups), sum(g.area for g in groups))
    totals = {o.id: _Total() for o in options}
    for group in groups:
        for choice in group.choices:
            option, grade = choice if isinstance(choice, tuple) else (choice, 1)
            totals[option].add(group, grade)
    conditions = [_quorum(rule, q, roll, cast) for q in rule.quorum]
    attended = all(c["passed"] for c in conditions)
    words: list[str] = []
    tie: list[str] = []
    if rule.method is Method.yes_no:
        added = _add_unreturned(rule, totals, roll, cast, words)
        conditions += [
            _threshold(rule, part, totals[YES], _base(part, totals, roll, cast, added), "赞成")
            for part in rule.thresholds
        ]
        passed = attended and all(c["passed"] for c in conditions) and totals[YES].persons > 0
        winners = [YES] if passed else []
    elif rule.method is Method.budget:
        assert rule.budget is not None
        winners = allocate(rule.budget, options, groups) if attended else []
        passed = bool(winners)
        titles = {o.id: o.title for o in options}
        spent = sum(o.cost or 0 for o in options if o.id in winners)
        words.append(
            f"资助 {len(winners)} 个项目，共 {yuan(spent)} 元，余 {yuan(rule.budget.amount - spent)} 元："
        )
        words += [f"{n}. {titles[i]}（{totals[i].persons} 票）" for n, i in enumerate(winners, 1)]
    else:
        winners, tie = _elected(rule, options, totals, roll, cast, conditions) if attended else ([], [])
        passed = bool(winners)
        if tie:
            words.append(
                "票数相同，无法分出先后，须重新表决：" + "、".join(o.title for o in options if o.id in tie)
            )
    if rule.unreturned is Unreturned.not_cast:
        words.append("未投的票不算参与表决。")
    head = "通过" if passed else "未通过"
    return {
        "passed": passed,
        "winners": winners,
        "totals": [{"option": o.id, **totals[o.id].as_json(rule)} for o in options],
        "roll": _weights(roll),
        "cast": _weights(cast),
        "unreturned": _weights(Roll(roll.persons - cast.persons, roll.area - cast.area)),
        "conditions": conditions,
        "tie": tie,
        "words": [f"表决{head}。", *(c["words"] for c in conditions), *words],
    }


class _Total:
    """What an option got."""

    def __init__(self) -> None:
        self.persons = self.area = self.score = 0

    def add(self, group: Group, grade: int) -> None:
        self.persons += group.persons
        self.area += group.area
        self.score += group.persons * grade

    def of(self, measure: Measure) -> int:
        return self.persons if measure is Measure.persons else self.area

    def as_json(self, rule: Rule) -> dict[str, Any]:
        found: dict[str, Any] = {"persons": self.persons, "area": square_metres(self.area)}
        if rule.method is Method.scale:
            found["score"] = self.score
        return found


def _of(roll: Roll, measure: Measure) -> int:
    return roll.persons if measure is Measure.persons else roll.area


def _base(part: Threshold, totals: dict[str, _Total], roll: Roll, cast: Roll, added: Roll) -> int:
    match part.base:
        case Base.roll:
            return _of(roll, part.measure)
        case Base.cast:
            return _of(cast, part.measure) + _of(added, part.measure)
        case _:
            return totals[YES].of(part.measure) + totals[NO].of(part.measure)


def _add_unreturned(rule: Rule, totals: dict[str, _Total], roll: Roll, cast: Roll, words: list[str]) -> Roll:
    """By an adopted 议事规则 votes not returned join the majority, told in words; they are no attendance."""
    if rule.unreturned is not Unreturned.majority:
        return Roll(0, 0)
    missing = Roll(roll.persons - cast.persons, roll.area - cast.area)
    yes, no = totals[YES], totals[NO]
    if (yes.persons > no.persons) != (yes.area > no.area) and roll.area:
        words.append("赞成与反对在人数和面积上各占多数，未投的票不计入任何一方。")
        return Roll(0, 0)
    if yes.persons == no.persons:
        words.append("赞成与反对票数相同，未投的票不计入任何一方。")
        return Roll(0, 0)
    side, name = (yes, "赞成") if yes.persons > no.persons else (no, "反对")
    side.persons += missing.persons
    side.area += missing.area
    words.append(f"按议事规则，未投的 {_said(missing, Measure.persons)}计入多数一方（{name}）。")
    return missing


def _quorum(rule: Rule, part: Quorum, roll: Roll, cast: Roll) -> dict[str, Any]:
    base, count = _of(roll, part.measure), _of(cast, part.measure)
    return _condition(rule, "quorum", part.measure, part.share, part.strict, base, count, "全体", "参与表决")


def _threshold(rule: Rule, part: Threshold, total: _Total, base: int, name: str) -> dict[str, Any]:
    count = total.of(part.measure)
    return _condition(
        rule, "threshold", part.measure, part.share, part.strict, base, count, _BASES[part.base], name
    )


def _condition(
    rule: Rule,
    kind: str,
    measure: Measure,
    part: str,
    strict: bool,
    base: int,
    count: int,
    of: str,
    what: str,
) -> dict[str, Any]:
    ratio = share(part)
    whole, rest = divmod(ratio.numerator * base, ratio.denominator)
    needed = whole + 1 if strict or rest else whole
    passed = count >= needed and base > 0
    sign = "超过" if strict else "不少于"
    shown = _SHARES.get(part, f"{ratio.denominator} 分之 {ratio.numerator}")
    percent = f"{count * 10_000 // base / 100:.2f}%" if base else "–"
    name = "人数" if measure is Measure.persons else "面积"
    unit = "" if measure is Measure.persons else " 平方米"
    margin = (
        f"多 {_amount(count - needed, measure)}{unit}"
        if passed
        else f"差 {_amount(needed - count, measure)}{unit}"
    )
    return {
        "kind": kind,
        "measure": measure.value,
        "base": _amount(base, measure),
        "share": part,
        "strict": strict,
        "count": _amount(count, measure),
        "needed": _amount(needed, measure),
        "margin": _amount(count - needed, measure),
        "clause": rule.clause,
        "passed": passed,
        "words": f"{what}的{name} {_amount(count, measure)}{unit}，占{of} {_amount(base, measure)}{unit}的 {percent}；"
        f"应{sign}{shown}（至少 {_amount(needed, measure)}{unit}），{'符合' if passed else '不符合'}，{margin}"
        + (f"（{rule.clause}）" if rule.clause else ""),
    }


def _elected(
    rule: Rule,
    options: Sequence[Option],
    totals: dict[str, _Total],
    roll: Roll,
    cast: Roll,
    conditions: list[dict[str, Any]],
) -> tuple[list[str], list[str]]:
    """The first `winners` by votes (by score on a scale) that pass every threshold; and those tied for the last place."""

    def weight(option: Option) -> int:
        total = totals[option.id]
        return total.score if rule.method is Method.scale else total.persons

    able = []
    for option in sorted(options, key=weight, reverse=True):
        mine = [
            _threshold(
                rule,
                part,
                totals[option.id],
                _of(roll if part.base is Base.roll else cast, part.measure),
                f"选“{option.title}”",
            )
            for part in rule.thresholds
        ]
        conditions += mine
        if weight(option) > 0 and all(c["passed"] for c in mine):
            able.append(option)
    if len(able) <= rule.winners:
        return [o.id for o in able], []
    last = weight(able[rule.winners - 1])
    safe = [o.id for o in able if weight(o) > last]
    level = [o.id for o in able if weight(o) == last]
    if len(safe) + len(level) == rule.winners or rule.ties is Ties.order:
        return (safe + level)[: rule.winners], []
    return safe, level


def square_metres(hundredths: int) -> str:
    """12345 as "123.45"."""
    sign, whole = ("-", -hundredths) if hundredths < 0 else ("", hundredths)
    return f"{sign}{whole // 100}.{whole % 100:02d}"


def yuan(fen: int) -> str:
    return square_metres(fen)


def _amount(count: int, measure: Measure) -> str:
    return str(count) if measure is Measure.persons else square_metres(count)


def _weights(roll: Roll) -> dict[str, Any]:
    return {"persons": roll.persons, "area": square_metres(roll.area)}


def _said(roll: Roll, measure: Measure) -> str:
    return f"{roll.persons} 票" if not roll.area else f"{roll.persons} 票、{square_metres(roll.area)} 平方米"
