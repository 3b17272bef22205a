"""Whatever pydantic can find wrong with our input is said in Chinese."""

import re
from collections.abc import Iterator
from string import Formatter
from typing import Any, get_args

import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts
from pydantic import AwareDatetime, BaseModel, Field, TypeAdapter, ValidationError
from pydantic_core import ErrorType
from pydantic_core.core_schema import CoreSchemaType

from api.kit.wording import _WORDS, explain
from tests.conformance import told

CATALOGUE = frozenset(get_args(ErrorType))
NUMBER = {"greater_than", "greater_than_equal", "less_than", "less_than_equal", "multiple_of"}
CHECKED = {"value_error", "assertion_error"}
RAISES: dict[str, set[str]] = {
    "model": {"model_type", "model_attributes_type"},
    "model-fields": {"missing", "extra_forbidden"},
    "str": {n for n in CATALOGUE if n.startswith("string_")} - {"string_not_ascii"},
    "bytes": {n for n in CATALOGUE if n.startswith("bytes_")},
    "bool": {n for n in CATALOGUE if n.startswith("bool_")},
    "int": {n for n in CATALOGUE if n.startswith("int_")} | NUMBER | {"finite_number"},
    "float": {n for n in CATALOGUE if n.startswith("float_")} | NUMBER | {"finite_number"},
    "decimal": {n for n in CATALOGUE if n.startswith("decimal_")} | NUMBER | {"finite_number"},
    "uuid": {n for n in CATALOGUE if n.startswith("uuid_")},
    "date": {n for n in CATALOGUE if n.startswith("date_")} | NUMBER,
    "datetime": {n for n in CATALOGUE if n.startswith("datetime_")} | NUMBER | {"timezone_aware"},
    "list": {"list_type", "too_short", "too_long"},
    "tuple": {"tuple_type", "too_short", "too_long"},
    "dict": {"dict_type", "too_short", "too_long"},
    "enum": {"enum"},
    "literal": {"literal_error"},
    "function-before": CHECKED,
    "function-after": CHECKED,
    "function-wrap": CHECKED,
    "function-plain": CHECKED,
    **{
        kind: set()
        for kind in ("default", "nullable", "union", "chain", "definitions", "definition-ref", "model-field")
    },
}
"""What each kind of schema can find wrong. A kind or an error that is not here fails the tests below."""
EVERYWHERE = {"json_invalid", "json_type", "missing"}
CHINESE = re.compile("[一-鿿]")
ENGLISH = re.compile("(?i)input|should|valid|field|expected|must| or ")


def _inputs(found: Dependant) -> Iterator[tuple[str, TypeAdapter[Any]]]:
    """The parameters and bodies of an operation and of everything it depends on."""
    for field in (*found.path_params, *found.query_params, *found.header_params, *found.body_params):
        yield field.alias, field._type_adapter
    for inner in found.dependencies:
        yield from _inputs(inner)


def inputs() -> Iterator[tuple[str, TypeAdapter[Any]]]:
    """Everything anybody can send."""
    for route in iter_route_contexts(told().routes):
        if isinstance(route.original_route, APIRoute):
            for name, adapter in _inputs(route.dependant):
                yield f"{route.path} {name}", adapter


def kinds(schema: Any) -> Iterator[str]:
    """The kinds of schema within a core schema."""
    if isinstance(schema, dict):
        if schema.get("type") in get_args(CoreSchemaType):
            yield schema["type"]
        for key, value in schema.items():
            if key not in ("metadata", "serialization"):
                yield from kinds(value)
    elif isinstance(schema, list | tuple):
        for value in schema:
            yield from kinds(value)


def used() -> set[str]:
    found = set()
    for _, adapter in inputs():
        adapter.rebuild()  # the program builds each when it is first asked
        found.update(kinds(adapter.core_schema))
    return found


def raised() -> set[str]:
    """The errors our input can have."""
    return EVERYWHERE.union(*(RAISES[kind] for kind in used()))


def test_the_walk_meets_what_we_know_to_be_there() -> None:
    assert {"str", "int", "bool", "uuid", "enum", "literal", "datetime", "decimal", "list", "model"} <= used()


def test_every_kind_of_input_is_known_here() -> None:
    assert used() <= set(RAISES)


def test_the_table_speaks_of_errors_that_exist() -> None:
    assert set().union(*RAISES.values(), EVERYWHERE, _WORDS) <= CATALOGUE


def test_everything_that_can_be_wrong_has_chinese_words() -> None:
    wordless = raised() - CHECKED - {n for n, words in _WORDS.items() if CHINESE.search(words)}
    assert wordless == set()


def test_words_are_chinese_but_for_their_facts() -> None:
    for words in _WORDS.values():
        said = "".join(text for text, *_ in Formatter().parse(words))
        assert not ENGLISH.search(said), words


HOSTILE: list[Any] = [
    None, True, 0, -1, 10**30, 1.5, float("inf"), float("nan"), "", " ", "x", "x" * 5000, "\ud800", "12.3456",
    "1" * 5000, "2026-01-05", "2026-01-05T09:00:00", "1800-01-01T00:00:00Z", "1e400", b"\xff", [], ["x"] * 300,
    [[]], {}, {"a": 1}, {"stars": {"overall": 9}}, {"ids": ["x"]}, object(),
]  # fmt: skip


def test_no_hostile_input_gets_an_english_or_an_empty_answer() -> None:
    met = set()
    for name, adapter in inputs():
        for value in HOSTILE:
            for error in _errors(adapter, value):
                met.add(error["type"])
                said = explain(error)
                assert CHINESE.search(said), (name, error)
                assert said != "内容有误", (name, error)
                assert not ENGLISH.search(said), (name, said)
                assert "{" not in said, (name, said)
    assert met <= raised()
    assert len(met) >= 20


def _errors(adapter: TypeAdapter[Any], value: Any) -> list[Any]:
    try:
        adapter.validate_python(value)
    except ValidationError as error:
        return error.errors()
    return []


class Told(BaseModel):
    """Each fact a template can show."""

    a: int = Field(1, ge=3, le=5)
    b: int = Field(1, gt=3, lt=5)
    c: str = Field("", min_length=2, max_length=3)
    d: list[int] = Field([], min_length=2, max_length=3)
    e: AwareDatetime | None = None


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"a": 2}, "不能小于 3"),
        ({"a": 6}, "不能大于 5"),
        ({"b": 3}, "必须大于 3"),
        ({"b": 5}, "必须小于 5"),
        ({"c": "x"}, "至少需要 2 个字"),
        ({"c": "xxxx"}, "不能超过 3 个字"),
        ({"d": [1]}, "至少需要 2 项"),
        ({"d": [1, 2, 3, 4]}, "最多 3 项"),
        ({"e": "2026-01-05T09:00:00"}, "时间必须带时区"),
    ],
)
def test_the_limit_is_named(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Told.model_validate(given)
    assert [explain(error) for error in refused.value.errors()] == [said]


def test_choices_are_listed_without_english() -> None:
    error = {"type": "enum", "ctx": {"expected": "'consult', 'help' or 'complain'"}}
    assert explain(error) == "只能是以下之一：'consult'、'help'、'complain'"


def test_our_own_words_are_kept_whole() -> None:
    error = {"type": "value_error", "msg": "Value error, place_id 与 home_id, 须填且只填一个"}
    assert explain(error) == "place_id 与 home_id, 须填且只填一个"
    assert explain({"type": "value_error", "msg": ""}) == "内容有误"


@pytest.mark.parametrize("error", [{}, {"type": "unheard_of"}, {"type": "string_too_long", "ctx": {}}])
def test_an_error_nobody_foresaw_still_gets_a_word(error: dict[str, Any]) -> None:
    assert explain(error) == "内容有误"
