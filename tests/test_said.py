"""What people wrote never goes into an event's own text and data, which are sealed and kept for ever.

Every call that writes an event is read. What it puts into `text` and `data` may not end in a name under which
people's words come in; those belong into `told` and `words`, which a 注销 empties (docs/adr/0023).
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1] / "api"
WRITERS = frozenset(
    {"record", "move", "note", "note_event", "note_creation", "_note", "_record", "_free", "_tell"}
)
"""Functions that write an event, or hand text and data on to one that does; their own callers are read as well."""
BY_POSITION = WRITERS - {"record", "move"}
WORDS = frozenset(
    [
        *(
            "answer",
            "comment",
            "conclusion",
            "introduction",
            "minutes",
            "nickname",
            "note",
            "openid",
            "phone",
        ),
        *("question", "reason", "reply", "result", "said", "summary", "system", "text", "topic", "username"),
        "words",
    ]
)
"""Names under which people's words, and people themselves, come in."""
OURS = {
    ("services/cases/handling.py", "way.reason"): "why a rule chose the unit, in the rule's words",
    ("services/cases/requests.py", "by.text"): "a limit, written out by api/rules/clocks.py",
    ("services/activities/queueing.py", "text"): "which of two ways a seat was given up, in our words",
    ("services/activities/queueing.py", "within.text"): "a limit, written out by api/rules/clocks.py",
    ("services/activities/leaving.py", "text"): "how a seat was left, in our words",
    ("services/disclosures/following.py", "words"): "to which rung a broken clock leads, in our words",
    ("services/hours/recording.py", "entry.minutes"): "a number",
    ("services/people/teams.py", "words"): "what became of a team, in our words, and its name",
    ("services/statistics/excluding.py", "reason"): "one of the fixed reasons; its value and its title",
    ("services/topics/moving.py", "reason"): "why a poll decided nothing, in the counter's words",
    ("services/polls/counting.py", "outcome['words'][0]"): "the outcome, in the counter's words",
}


def leaves(node: ast.expr, made: dict[str, list[ast.expr]]) -> Iterator[ast.expr]:
    """What is put in besides literals; a local name stands for what it was made of."""
    match node:
        case ast.Constant():
            return
        case ast.JoinedStr():
            for part in node.values:
                if isinstance(part, ast.FormattedValue):
                    yield from leaves(part.value, made)
        case ast.Dict():
            for value in node.values:
                yield from leaves(value, made)
        case ast.IfExp():
            yield from leaves(node.body, made)
            yield from leaves(node.orelse, made)
        case ast.BinOp():
            yield from leaves(node.left, made)
            yield from leaves(node.right, made)
        case ast.Name() if node.id in made:
            inner = {name: given for name, given in made.items() if name != node.id}
            for given in made[node.id]:
                yield from leaves(given, inner)
        case _:
            yield node


def last(node: ast.expr) -> str:
    """The name a value goes by: of `row["reason"]`, `new.reason` and `reason` the same."""
    match node:
        case ast.Name():
            return node.id
        case ast.Attribute():
            return node.attr
        case ast.Subscript(slice=ast.Constant(value=str() as key)):
            return key
        case ast.Subscript():
            return last(node.value)
    return ""


def said(source: str) -> Iterator[str]:
    """The expressions of one module that put people's words where they cannot be forgotten."""
    for function in ast.walk(ast.parse(source)):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        passed = {a.arg for a in (*function.args.args, *function.args.kwonlyargs)}
        passed = passed & {"text", "data"} if function.name in WRITERS else set()
        made: dict[str, list[ast.expr]] = {}
        for step in ast.walk(function):
            if isinstance(step, ast.Assign | ast.AnnAssign | ast.AugAssign) and step.value is not None:
                targets = step.targets if isinstance(step, ast.Assign) else [step.target]
                for target in targets:
                    if isinstance(target, ast.Name):
                        made.setdefault(target.id, []).append(step.value)
        for call in ast.walk(function):
            if not isinstance(call, ast.Call):
                continue
            name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
            if name not in WRITERS:
                continue
            given = [keyword.value for keyword in call.keywords if keyword.arg in ("text", "data")]
            given += call.args[2:] if name in BY_POSITION else []
            for leaf in (leaf for value in given for leaf in leaves(value, made)):
                if last(leaf) in WORDS and not (isinstance(leaf, ast.Name) and leaf.id in passed):
                    yield ast.unparse(leaf)


def test_no_event_keeps_what_people_wrote_in_its_own_text_or_data() -> None:
    found = {
        (str(path.relative_to(ROOT)), expression)
        for path in sorted(ROOT.rglob("*.py"))
        for expression in said(path.read_text())
    }
    assert found - OURS.keys() == set(), "put these into `told` or `words` of the event"
    assert OURS.keys() - found == set(), "no longer there"


@pytest.mark.parametrize(
    "body",
    [
        "await need.move(tx, 'redo', text=f'重做：{reason}')",
        "await need.move(tx, 'dispute', data={'reason': reason})",
        "record(tx, text='退回' + (f'：{body.reason}' if body.reason else ''))",
        "told = f'改约：{row[\"said\"]}'\n    record(tx, text=told)",
        "handling.note(tx, case, 'extend', f'延期：{request.reason}', {})",
        "data = {}\n    data = data | {'who': person.nickname}\n    record(tx, data=data)",
    ],
)
def test_it_is_seen_however_it_is_put(body: str) -> None:
    assert list(said(f"async def use(tx, reason):\n    {body}\n"))
