"""Failures of the engines behind us, told as problems: what is away for the moment is a 503, never a 500."""

import asyncpg
import redis.exceptions
from sqlalchemy import exc as sqlalchemy_errors

from api.kit.problems import Problem, Unavailable


class DatabaseAway(Unavailable):
    code, title = "database_unavailable", "数据服务暂时不可用，请稍后再试"


class RedisAway(Unavailable):
    code, title = "sessions_unavailable", "会话服务暂时不可用，请稍后再试"


class Overloaded(Unavailable):
    code, title = "overloaded", "服务繁忙，请稍后再试"


_BUSY_STATES = {"40001", "40P01", "55P03", "57014"}  # serialisation, deadlock, lock and statement time-outs
_AWAY_CLASSES = ("08", "53", "57", "58")  # connection, resources, operator intervention, system errors
_DATABASE = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
_LOST = (asyncpg.InterfaceError, asyncpg.InternalClientError)
"""What the driver says when a connection broke under it."""
_REDIS = (
    redis.exceptions.ConnectionError,
    redis.exceptions.TimeoutError,
    redis.exceptions.OutOfMemoryError,  # full, under a policy that drops nobody's session
    redis.exceptions.ReadOnlyError,  # a replica that is about to take over
)


def as_problem(error: BaseException) -> Problem | None:
    """The problem an engine's failure means to the caller, or None when it is our own fault."""
    if isinstance(error, sqlalchemy_errors.TimeoutError):
        return Overloaded()
    if isinstance(error, sqlalchemy_errors.DBAPIError):
        cause = error.orig.__cause__ if error.orig is not None else None
        if error.connection_invalidated:
            return DatabaseAway()
        return as_problem(cause) if cause is not None else None
    if isinstance(error, _REDIS):
        return RedisAway()
    if isinstance(error, _DATABASE):
        state = getattr(error, "sqlstate", None) or ""
        if state in _BUSY_STATES:
            return Overloaded()
        if state.startswith(_AWAY_CLASSES) or isinstance(error, _LOST):
            return DatabaseAway()
        return None
    if isinstance(error, OSError):  # refused, reset, socket gone: asyncpg lets these through as they are
        return DatabaseAway()
    return None
