"""What went wrong, told without anybody's data.

The message of an error may repeat what it stumbled over (a name, a text, a whole row of parameters), so what
is kept in a table or logged by the worker is the kind of the error and its place, never its message.
"""

import traceback
from pathlib import Path

import asyncpg
from sqlalchemy.exc import DBAPIError

from api.kit.problems import Problem

_ROOT = Path(__file__).resolve().parents[2]
_OURS = str(_ROOT / "api")


def told(error: BaseException) -> str:
    """One line: `KeyError at api/services/consequences.py:41`, `UniqueViolationError 23505 uq_… at …`."""
    words = [_kind(error)]
    frames = traceback.extract_tb(error.__traceback__)
    if frames:
        ours = [frame for frame in frames if frame.filename.startswith(_OURS)]
        words.append(f"at {_place((ours or frames)[-1])}")
    return " ".join(words)


def trail(error: BaseException) -> list[str]:
    """The way to the failure, outermost first: `api/kit/queue.py:60 run_one`."""
    return [f"{_place(frame)} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)]


def _kind(error: BaseException) -> str:
    if isinstance(error, Problem):
        return f"{type(error).__name__} {error.code}"
    cause = error.orig.__cause__ if isinstance(error, DBAPIError) and error.orig is not None else error
    if isinstance(cause, asyncpg.PostgresError):
        facts = (type(cause).__name__, cause.sqlstate, getattr(cause, "constraint_name", None))
        return " ".join(str(fact) for fact in facts if fact)
    return type(cause or error).__name__


def _place(frame: traceback.FrameSummary) -> str:
    path = Path(frame.filename)
    name = path.relative_to(_ROOT) if path.is_relative_to(_ROOT) else Path(*path.parts[-2:])
    return f"{name}:{frame.lineno}"
