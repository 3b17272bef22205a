"""JSON lines on stderr, each with its request id, and never a secret."""

import contextvars
import json
import logging
import re
import sys
from typing import Any

import orjson

request_id: contextvars.ContextVar[str] = contextvars.ContextVar("request_id", default="-")

_HIDDEN = "[已隐去]"
_SECRETS = "(?:token|secret|js_code|session_key|password|otp)"
_NAME = re.compile(rf"(?i)[a-z_]*{_SECRETS}")
_PRIVATE = re.compile(
    r"(?<!\d)(?:86)?1[3-9]\d{9}(?!\d)"  # mobile numbers
    r"|(?<!\d)\d{17}[\dXx](?!\d)"  # identity numbers
    rf"|(?i:bearer\s+\S+|{_SECRETS}(?:=|[\"']\s*:\s*)[\"']?[^&\s\"']+)"
)


def redact(text: str) -> str:
    """`text` without phone numbers, identity numbers, tokens and secrets."""
    return _PRIVATE.sub(_HIDDEN, text)


class JsonLines(logging.Formatter):
    """One JSON object a record: time, level, logger, message, request id, `extra` fields, traceback."""

    _standard = frozenset(logging.LogRecord("", 0, "", 0, "", None, None).__dict__) | {
        "message",
        "asctime",
        "taskName",
    }

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "at": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "request_id": request_id.get(),
        }
        entry.update({k: v for k, v in record.__dict__.items() if k not in self._standard})
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        clean = _redacted(entry)
        try:
            return orjson.dumps(clean).decode()
        except TypeError:  # half a character, a number of more than 64 bits: no reason to lose the line
            return json.dumps(clean, separators=(",", ":"))


def _redacted(value: Any) -> Any:
    """The same shape, redacted down to its last text; what JSON does not know becomes text."""
    if isinstance(value, dict):
        return {
            redact(str(k)): _HIDDEN if _NAME.fullmatch(str(k)) else _redacted(v) for k, v in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [_redacted(v) for v in value]
    if value is None or isinstance(value, bool | float):
        return value
    text = redact(str(value))
    return value if isinstance(value, int) and text == str(value) else text


def configure(level: str = "INFO") -> None:
    """Send every logger of this process through JsonLines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = name != "uvicorn.access"
    for name in ("httpx", "httpcore", "asyncio"):
        logging.getLogger(name).setLevel("WARNING")
