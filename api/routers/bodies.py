"""Bodies of moves: one model with the fields of all moves, of which each move takes its own."""

from collections.abc import Collection

from pydantic import BaseModel

from api.kit.problems import Malformed


def check_fields(body: BaseModel, needed: Collection[str], allowed: Collection[str]) -> None:
    """Every field of `needed`, and no other than those and `allowed`. Raises Malformed."""
    given = {name for name in type(body).model_fields if getattr(body, name) is not None}
    errors = [
        {"loc": ["body", name], "msg": "缺少必填项", "type": "missing"}
        for name in needed
        if name not in given
    ] + [
        {"loc": ["body", name], "msg": "此操作不用这个字段", "type": "extra_forbidden"}
        for name in sorted(given - {*needed, *allowed})
    ]
    if errors:
        raise Malformed(f"请求内容有误：{errors[0]['msg']}", errors=errors)
