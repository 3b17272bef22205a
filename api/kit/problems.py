"""What went wrong, told to the person and to the program: RFC 9457 problem details.

A `Problem` is declared once as a class (status, stable code, Chinese title) and raised with a detail
and facts. Every layer may raise one; only kit/http turns it into a response. docs/problems.md and the
pages under /problems/<code> are written from the same classes.
"""

from collections.abc import Iterator
from typing import Any, ClassVar


class Problem(Exception):
    """A refusal or failure with a stable code. Subclasses declare `status`, `code`, `title`, `advice`."""

    status: ClassVar[int]
    code: ClassVar[str]
    title: ClassVar[str]
    """Short Chinese name of the kind of problem, the same for every occurrence."""
    advice: ClassVar[str] = ""
    """What the person or the program can do about it; shown on the problem's page."""
    registry: ClassVar[dict[str, type["Problem"]]] = {}

    def __init__(self, detail: str = "", /, *, retry_after: int | None = None, **facts: Any) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.retry_after = retry_after
        self.facts = facts

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "code" not in cls.__dict__:
            return  # an abstract family
        known = Problem.registry.get(cls.code)
        if known is not None and known.__qualname__ != cls.__qualname__:
            raise TypeError(f"problem code {cls.code!r} is taken by {known.__qualname__}")
        Problem.registry[cls.code] = cls

    def body(self, request_id: str) -> dict[str, Any]:
        """The members of application/problem+json, facts beside the standard ones."""
        return {
            **self.facts,
            "type": f"/problems/{self.code}",
            "code": self.code,
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "request_id": request_id,
        }


def known_problems() -> Iterator[type[Problem]]:
    """Every declared problem, by status and code."""
    yield from sorted(Problem.registry.values(), key=lambda p: (p.status, p.code))


class Malformed(Problem):
    status, code, title = 422, "malformed", "请求内容不符合要求"
    advice = "按 errors 中列出的位置逐项更正后再提交。"


class SessionExpired(Problem):
    status, code, title = 401, "session_expired", "登录已失效，请重新登录"
    advice = "重新调用 wx.login 取得 code，再换取新的会话。"


class NotFound(Problem):
    status, code, title = 404, "not_found", "内容不存在或不在您的查看范围内"


class NotAllowed(Problem):
    status, code, title = 403, "not_allowed", "您没有进行此操作的权限"


class WrongMoment(Problem):
    status, code, title = 409, "wrong_moment", "当前状态下不能进行此操作"
    advice = "moves 列出您此刻可以进行的操作；请刷新后再试。"


class MethodNotAllowed(Problem):
    status, code, title = 405, "method_not_allowed", "不支持这种请求方法"


class TooLarge(Problem):
    status, code, title = 413, "too_large", "提交的内容过大"


class UnsupportedMedia(Problem):
    status, code, title = 415, "unsupported_media", "不支持这种内容格式"


class TooMany(Problem):
    status, code, title = 429, "too_many_requests", "操作过于频繁，请稍后再试"
    advice = "等待 Retry-After 给出的秒数。"


class Unavailable(Problem):
    """An engine behind us is away for the moment; `Retry-After` tells when to come again."""

    status, code, title = 503, "unavailable", "服务暂时不可用，请稍后再试"

    def __init__(self, detail: str = "", /, *, retry_after: int | None = 2, **facts: Any) -> None:
        super().__init__(detail, retry_after=retry_after, **facts)


class Internal(Problem):
    status, code, title = 500, "internal", "系统出错，已记录并通知维护人员"
    advice = "请把 request_id 告诉维护人员。"
