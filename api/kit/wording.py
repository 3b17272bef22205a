"""Validation errors in words a person understands. Source of the types: pydantic's error catalogue."""

from collections.abc import Mapping
from typing import Any

_MOMENT = "应为带时区的时间，例如 2026-01-05T09:00:00+08:00"
_DAY = "应为日期，例如 2026-01-05"
_WORDS = {
    "missing": "缺少必填项",
    "extra_forbidden": "不认识的字段",
    "json_invalid": "不是有效的 JSON",
    "json_type": "不是有效的 JSON",
    "string_type": "应为文字",
    "string_too_short": "至少需要 {min_length} 个字",
    "string_too_long": "不能超过 {max_length} 个字",
    "string_pattern_mismatch": "格式不正确",
    "string_unicode": "不是有效的 UTF-8 文字",
    "int_type": "应为整数",
    "int_parsing": "应为整数",
    "int_parsing_size": "数字过大",
    "int_from_float": "应为整数",
    "finite_number": "应为有限的数字",
    "multiple_of": "应为 {multiple_of} 的倍数",
    "float_type": "应为数字",
    "float_parsing": "应为数字",
    "decimal_type": "应为数字",
    "decimal_parsing": "应为数字",
    "decimal_max_digits": "最多 {max_digits} 位数字",
    "decimal_max_places": "最多 {decimal_places} 位小数",
    "decimal_whole_digits": "小数点前最多 {whole_digits} 位数字",
    "bool_type": "应为 true 或 false",
    "bool_parsing": "应为 true 或 false",
    "uuid_type": "应为 UUID",
    "uuid_parsing": "应为 UUID",
    "uuid_version": "应为第 {expected_version} 版的 UUID",
    "datetime_type": _MOMENT,
    "datetime_parsing": _MOMENT,
    "datetime_from_date_parsing": _MOMENT,
    "datetime_object_invalid": _MOMENT,
    "datetime_past": "应为过去的时间",
    "datetime_future": "应为将来的时间",
    "timezone_aware": "时间必须带时区",
    "date_type": _DAY,
    "date_parsing": _DAY,
    "date_from_datetime_parsing": _DAY,
    "date_from_datetime_inexact": _DAY,
    "date_past": "应为过去的日期",
    "date_future": "应为将来的日期",
    "enum": "只能是以下之一：{expected}",
    "literal_error": "只能是以下之一：{expected}",
    "greater_than_equal": "不能小于 {ge}",
    "less_than_equal": "不能大于 {le}",
    "greater_than": "必须大于 {gt}",
    "less_than": "必须小于 {lt}",
    "list_type": "应为列表",
    "tuple_type": "应为列表",
    "too_short": "至少需要 {min_length} 项",
    "too_long": "最多 {max_length} 项",
    "bytes_type": "应为文件内容",
    "bytes_too_short": "至少需要 {min_length} 个字节",
    "bytes_too_long": "不能超过 {max_length} 个字节",
    "bytes_invalid_encoding": "文件内容的编码不正确",
    "dict_type": "应为对象",
    "model_type": "应为对象",
    "model_attributes_type": "应为对象",
}

_NO_FILE = "应为上传的文件"
"""For what the framework itself says of a part of a form that is no file."""


def explain(error: Mapping[str, Any]) -> str:
    """One pydantic error in Chinese; our own validators' messages are kept as they are."""
    kind = error.get("type", "")
    if kind in ("value_error", "assertion_error"):
        said = str(error.get("msg", "")).partition(", ")[2]
        return _NO_FILE if said.startswith("Expected UploadFile") else said or "内容有误"
    template = _WORDS.get(kind)
    if template is None:
        return "内容有误"
    facts = dict(error.get("ctx", {}))
    if "expected" in facts:  # 'a', 'b' or 'c'
        facts["expected"] = str(facts["expected"]).replace(" or ", "、").replace(", ", "、")
    try:
        return template.format(**facts)
    except (KeyError, IndexError):
        return "内容有误"
