"""JSON lines on stderr, each with its request id, and never a secret."""

import contextvars
import logging
import re
import sys
from typing import Any

import orjson

request_id: contextvars.ContextVar[str] = contextvars.ContextVar("request_id", default="-")

_PRIVATE = re.compile(
    r"(?<!\d)(1[3-9]\d{9})(?!\d)"  # mobile numbers
    r"|(?<!\d)(\d{17}[\dXx])(?!\d)"  # identity numbers
    r"|(?i:bearer\s+\S+|(?:access_token|secret|js_code|session_key|password|otp)=[^&\s]+)"
)


def redact(line: str) -> str:
    """`line` without phone numbers, identity numbers, tokens and secrets."""
    return _PRIVATE.sub("[已隐去]", line)


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
        return redact(orjson.dumps(entry, default=str).decode())


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
