"""What may stand on a ballot, and ballots as the count sees them: equal ones together, with their weights."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from api.rules.polls import BadChoices
from api.rules.voting.rule import Method, Option, Rule, canonical

Choices = list[str] | dict[str, int]
"""Option ids in the order of the options; of a scale each option's grade."""


@dataclass(frozen=True, slots=True)
class Group:
    """Ballots with the same choices: how many electors they weigh by persons and by area (0.01 m²)."""

    choices: tuple[str, ...] | tuple[tuple[str, int], ...]
    persons: int
    area: int = 0


@dataclass(frozen=True, slots=True)
class Roll:
    """What all electors together weigh."""

    persons: int
    area: int = 0


def checked(rule: Rule, options: Sequence[Option], choices: Choices) -> str:
    """The choices in canonical form. Raises BadChoices saying what is wrong."""
    order = {option.id: n for n, option in enumerate(options)}
    unknown = [c for c in choices if c not in order]
    if unknown:
        raise BadChoices("选票上有公告中没有的选项")
    if rule.method is Method.scale:
        if not isinstance(choices, dict):
            raise BadChoices("评分表决应为每个选项填写分数")
        if set(choices) != set(order):
            raise BadChoices("请为每个选项评分")
        if not all(1 <= grade <= (rule.grades or 0) for grade in choices.values()):
            raise BadChoices(f"分数应为 1–{rule.grades}")
        return canonical(choices).decode()
    if isinstance(choices, dict):
        raise BadChoices("这种表决填写选项，不填分数")
    if len(set(choices)) != len(choices):
        raise BadChoices("同一选项选了两次")
    if not choices:
        raise BadChoices("请至少选一项")
    if len(choices) > rule.max_choices:
        raise BadChoices(f"至多选 {rule.max_choices} 项")
    return canonical(sorted(choices, key=order.__getitem__)).decode()


def read_choices(text: str | bytes) -> tuple[str, ...] | tuple[tuple[str, int], ...]:
    """Choices from their canonical form, hashable."""
    value: Any = orjson.loads(text)
    return tuple(value) if isinstance(value, list) else tuple(sorted(value.items()))


def grouped(ballots: Iterable[tuple[str, int, int]]) -> list[Group]:
    """`(canonical choices, persons, area)` of the counted ballots, equal ones together."""
    weights: dict[str, tuple[int, int]] = {}
    for choices, persons, area in ballots:
        before = weights.get(choices, (0, 0))
        weights[choices] = before[0] + persons, before[1] + area
    return [Group(read_choices(c), persons, area) for c, (persons, area) in sorted(weights.items())]
