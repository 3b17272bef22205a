"""Who may do what, as data: one line a route and variant, derived from the map of roles.

A line says who passes the gate of its section (else 403), who sees the subject (else 404), who may act on it
(else 403), and what the lucky ones get. Each line is tried by everybody on a subject here and one there.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from api.rules.places import UnitKind
from api.rules.roles import GRANTED, HEADS, SERVES, Permission, Role

P = Permission


@dataclass(frozen=True)
class Asker:
    """Somebody with at most one role, held here: what lies there belongs to the neighbours."""

    name: str
    role: Role | None = None


OWNER, HANDLER = Asker("owner"), Asker("handler", Role.community_worker)
RESIDENT, STRANGER = Asker("resident"), Asker("stranger")
ASKERS = (*(Asker(role.value, role) for role in Role), HANDLER, OWNER, RESIDENT, STRANGER)
"""The owner reported the cases here and asked for residency and membership here."""


class Who:
    """A set of askers, depending on whether the subject lies here."""

    def __init__(self, test: Callable[[Asker, bool], bool]) -> None:
        self.test = test

    def __call__(self, asker: Asker, here: bool) -> bool:
        return self.test(asker, here)

    def __or__(self, other: "Who") -> "Who":
        return Who(lambda asker, here: self(asker, here) or other(asker, here))


ANYONE, NOBODY = Who(lambda *_: True), Who(lambda *_: False)
OWN = Who(lambda asker, here: here and asker is OWNER)
HANDLING = Who(lambda asker, here: here and asker is HANDLER)
CALLING = Who(
    lambda asker, here: holds(Permission.case_callback)(asker, here) and not (HANDLING | DESK)(asker, here)
)
"""Calls residents back about what another unit handled."""
MEMBER = Who(lambda asker, here: here and asker.role in SERVES[UnitKind.property_company])
LEADING = Who(lambda asker, here: here and asker.role in HEADS[UnitKind.secretary_desk])
DESK = Who(lambda asker, here: here and asker.role in SERVES[UnitKind.secretary_desk])


def holds(permission: Permission) -> Who:
    """Holds it where the subject lies."""
    return Who(lambda asker, here: here and somewhere(permission)(asker, here))


def somewhere(permission: Permission) -> Who:
    """Holds it at all."""
    return Who(lambda asker, _: asker.role is not None and permission in GRANTED[asker.role])


@dataclass(frozen=True)
class Line:
    """One route, or one variant of it."""

    gate: Who = ANYONE
    see: Who = ANYONE
    may: Who = ANYONE
    ok: int = 200
    body: dict[str, Any] | None = None
    query: str = ""
    content: bytes | None = None
    subject: dict[str, str] = field(default_factory=dict)
    """Which subject stands in a parameter of the path, where it is not the parameter's own name."""
    listed: str = ""
    """A list: always `ok`, and this subject is in it for those who see it."""

    def expected(self, asker: Asker, here: bool) -> int:
        if not self.gate(asker, here):
            return 403
        if self.listed:
            return self.ok
        if not self.see(asker, here):
            return 404
        return self.ok if self.may(asker, here) else 403


CASE = OWN | holds(P.case_read)
BELONGING = OWN | holds(P.person_read)
PERSON = {"gate": somewhere(P.person_read), "see": holds(P.person_read)}
GRANT = {"gate": somewhere(P.grant_read), "see": holds(P.grant_read)}
CHECK = {"gate": somewhere(P.content_review), "see": holds(P.content_review)}
BECAUSE = {"reason": "核实情况"}


def _case_move(move: str, subject: str, may: Who, **body: Any) -> Line:
    return Line(see=CASE, may=may, body=body, subject={"case_id": subject, "move": move})


def _too_early(move: str, may: Who, **body: Any) -> Line:
    """Nothing asks for it yet: who may, hears so."""
    return Line(see=CASE, may=may, ok=409, body=body, subject={"case_id": "in_progress", "move": move})


def _belonging(needs: Permission) -> list[Line]:
    decider = holds(needs)
    return [
        Line(see=BELONGING, may=decider, body={}, subject={"move": "verify"}),
        Line(see=BELONGING, may=decider, body=BECAUSE, subject={"move": "refuse"}),
        Line(see=BELONGING, may=OWN | decider, body={}, subject={"move": "end"}),
    ]


LOGS_IN = Line()
"""Proves who one is instead of asking for it; told by the stories of logging in."""

SIGNED = Line()
"""The address itself is the key, and it lasts minutes; told by the stories of pictures."""

PUBLIC = Line()
"""For everybody, with a session or without; told by the stories of votes."""

TABLE: dict[str, Line | list[Line]] = {
    "POST /sessions": LOGS_IN,
    "GET /sessions": Line(),
    "GET /sessions/current": Line(),
    "DELETE /sessions/{which}": Line(see=NOBODY, subject={"which": "session"}),
    # 本人
    "GET /me": Line(),
    "PATCH /me": Line(body={"nickname": "老周"}),
    "POST /me/phone": Line(body={"code": "nothing"}, ok=422),
    "GET /notices": Line(see=OWN, listed="notice"),
    "POST /notices/read": Line(body={}),
    "POST /subscriptions": Line(body={"template": "case_progress", "result": "accept"}),
    # 地域与找书记
    "GET /places": Line(query="?parent={place}", listed="building"),
    "GET /places/{place_id}": Line(subject={"place_id": "place"}),
    "GET /places/{place_id}/homes": Line(subject={"place_id": "building"}, listed="home"),
    "GET /estates": Line(query="?place={place}", listed="estate"),
    "GET /branches": Line(query="?place={place}", listed="branch"),
    "GET /secretaries": Line(query="?place={place}", listed="secretary"),
    "GET /secretaries/{person_id}": Line(subject={"person_id": "secretary"}),
    "GET /contacts": Line(query="?place={place}", listed="unit"),
    # 预约接待
    "GET /secretaries/{person_id}/slots": Line(subject={"person_id": "secretary"}, listed="slot"),
    "GET /secretaries/{person_id}/statistics": Line(subject={"person_id": "secretary"}),
    "GET /secretaries/{person_id}/office-hours": Line(subject={"person_id": "secretary"}),
    "POST /secretaries/{person_id}/office-hours": Line(
        may=holds(P.grant_write),
        ok=201,
        body={"place_id": "{place}", "weekday": 7, "opens": "09:00", "closes": "10:00"},
        subject={"person_id": "secretary"},
    ),
    "POST /office-hours/{hours_id}/end": Line(may=holds(P.grant_write), subject={"hours_id": "hours"}),
    "GET /secretaries/{person_id}/delegations": Line(subject={"person_id": "secretary"}),
    "POST /secretaries/{person_id}/delegations": Line(
        may=NOBODY, body={"delegate_id": "{person}", "place_id": "{place}"}, subject={"person_id": "secretary"}
    ),
    "POST /delegations/{delegation_id}/end": Line(see=NOBODY, subject={"delegation_id": "hours"}),
    "POST /appointments": Line(
        ok=201, body={"secretary_id": "{secretary}", "slot_id": "{slot}", "topic": "加装电梯"}
    ),
    "GET /appointments": [
        Line(see=OWN | holds(P.case_dispatch), listed="appointment"),
        Line(see=OWN, query="?mine=true", listed="appointment"),
    ],
    "GET /appointments/{appointment_id}": Line(
        see=OWN | holds(P.case_dispatch), subject={"appointment_id": "appointment"}
    ),
    "GET /appointments/{appointment_id}/events": Line(
        see=OWN | holds(P.case_dispatch), subject={"appointment_id": "appointment"}
    ),
    "POST /appointments/{appointment_id}/moves/{move}": [
        Line(see=OWN | holds(P.case_dispatch), may=may, body={}, subject={"appointment_id": "appointment", "move": move})
        for move, may in (("confirm", NOBODY), ("meet", NOBODY), ("miss", NOBODY), ("expire", NOBODY), ("cancel", OWN))
    ],
    # 诉求
    "POST /cases": Line(ok=201, body={"category": "help", "title": "路灯", "text": "不亮", "place_id": "{place}"}),
    "GET /cases": [
        Line(see=holds(P.case_read), listed="submitted"),
        Line(see=holds(P.case_read), query="?place={place}", listed="submitted"),
        Line(see=OWN, query="?mine=true", listed="submitted"),
    ],
    "GET /cases/{case_id}": [
        Line(see=CASE, subject={"case_id": "submitted"}),
        Line(see=CASE | MEMBER, subject={"case_id": "repair"}),
        Line(see=CASE | MEMBER, subject={"case_id": "assisted"}),
    ],
    "GET /cases/{case_id}/events": Line(see=CASE, subject={"case_id": "submitted"}),
    "GET /cases/{case_id}/uploads": Line(see=CASE, subject={"case_id": "submitted"}),
    "GET /cases/{case_id}/messages": Line(see=CASE, subject={"case_id": "submitted"}),
    "POST /cases/{case_id}/messages": [
        Line(see=CASE, may=may, ok=201, body={"kind": kind, "text": "请看"}, subject={"case_id": "in_progress"})
        for kind, may in (
            ("note", holds(P.case_note)),
            ("contact", DESK | holds(P.case_dispatch)),
            ("reply", OWN | DESK | holds(P.case_dispatch)),
        )
    ],
    "POST /cases/{case_id}/ratings": Line(see=CASE, may=OWN, body={"overall": 5}, subject={"case_id": "awaiting_rating"}),
    "POST /cases/{case_id}/moves/{move}": [
        _case_move("dispatch", "submitted", holds(P.case_dispatch)),
        _case_move("assign", "dispatched", LEADING | holds(P.case_dispatch)),
        _case_move("sign", "dispatched", DESK),
        _case_move("ask", "in_progress", HANDLING, question="哪一层？"),
        _case_move("finish", "in_progress", HANDLING, outcome="solved", reply="已修好"),
        _case_move("answer", "waiting_resident", OWN, text="三层"),
        _case_move("expire", "waiting_resident", NOBODY),
        _case_move("pass_check", "handled", holds(P.case_verify)),
        _case_move("fail_check", "handled", holds(P.case_verify), reason="未修好"),
        _case_move("rate", "awaiting_rating", OWN, stars={"overall": 5}),
        _case_move("dispute", "awaiting_rating", OWN, stars={"overall": 1}),
        _case_move("withdraw", "submitted", OWN),
        _case_move("transfer", "dispatched", holds(P.case_dispatch), unit_id="{unit}", reason="属该单位职责"),
        _case_move("refer", "submitted", holds(P.case_dispatch), system="12345", number="T-1"),
        _case_move("settle", "submitted", NOBODY, outcome="solved", reply="已清理", after=[]),
        _case_move("mark_hazard", "in_progress", holds(P.case_dispatch), reason="电线裸露"),
        *(_case_move(move, "in_progress", NOBODY) for move in ("reject", "readmit", "return", "suspend")),
        _too_early("resume", holds(P.case_decide)),
        _too_early("reopen", OWN | holds(P.case_verify), reason="又坏了"),
        _too_early("plan", holds(P.case_dispatch), text="换灯"),
        _too_early("confirm", holds(P.case_dispatch), text="重新办理"),
        _too_early("call_back", CALLING, text="居民满意"),
        _too_early("report_up", holds(P.case_decide), system="12345", number="T-1"),
        _case_move("merge", "submitted", holds(P.case_dispatch), parent_id="{in_progress}"),
        _case_move("unmerge", "merged", holds(P.case_dispatch)),
        _case_move("object", "merged", OWN, reason="不是同一件"),
    ],
    "POST /cases/{case_id}/requests": [
        Line(see=CASE, may=may, ok=201, body={"kind": kind, "reason": "情况属实", **more}, subject={"case_id": state})
        for kind, state, may, more in (
            ("return", "in_progress", DESK, {}),
            ("suspend", "in_progress", holds(P.case_dispatch), {"days": 7, "suspend_reason": "season"}),
            ("supervise", "in_progress", holds(P.case_dispatch), {}),
            ("reject", "submitted", holds(P.case_dispatch), {"reject_reason": "in_court"}),
        )
    ],
    "POST /cases/{case_id}/requests/{request_id}/moves/{move}": [
        Line(
            see=CASE,
            may=holds(P.case_decide),
            body={"text": "已阅"},
            subject={"case_id": "dispatched", "request_id": "request", "move": move},
        )
        for move in ("approve", "refuse")
    ],
    "POST /cases/{case_id}/tasks/{task_id}/moves/{move}": [
        Line(
            see=holds(P.case_read),
            may=may,
            body={"text": "已完成"},
            subject={"case_id": "waiting_resident", "task_id": "task", "move": move},
        )
        for move, may in (("finish", DESK), ("waive", holds(P.case_dispatch)))
    ],
    "POST /cases/{case_id}/urges": Line(see=CASE, may=OWN, ok=201, subject={"case_id": "in_progress"}),
    "GET /cases/{case_id}/clock": Line(see=CASE, subject={"case_id": "submitted"}),
    "GET /cases/similar": Line(
        see=holds(P.case_read),
        query="?place_id={place}&category=help&title=路灯&text=不亮",
        listed="submitted",
    ),
    "POST /cases/{case_id}/supports": Line(
        see=CASE, may=holds(P.case_read), ok=201, body={}, subject={"case_id": "submitted"}
    ),
    "DELETE /cases/{case_id}/supports": Line(see=CASE, subject={"case_id": "submitted"}),
    # 居住关系与报到登记
    "POST /residencies": Line(ok=201, body={"home_id": "{other_home}", "relation": "owner", "is_registered": True}),
    "GET /residencies": Line(see=BELONGING, query="?place={place}", listed="residency"),
    "GET /residencies/{residency_id}": Line(see=BELONGING),
    "GET /residencies/{residency_id}/events": Line(see=BELONGING),
    "POST /residencies/{residency_id}/moves/{move}": _belonging(P.residency_verify),
    "POST /memberships": Line(ok=201, body={"kind": "party", "place_id": "{place}"}),
    "GET /memberships": Line(see=BELONGING, query="?place={place}", listed="membership"),
    "GET /memberships/{membership_id}": Line(see=BELONGING),
    "GET /memberships/{membership_id}/events": Line(see=BELONGING),
    "POST /memberships/{membership_id}/moves/{move}": _belonging(P.membership_verify),
    # 人员与授权
    "GET /people": Line(**PERSON, listed="person"),
    "POST /people/lookup": Line(**PERSON, body={"phone": "{phone}"}),
    "GET /people/{person_id}": Line(**PERSON, subject={"person_id": "person"}),
    "POST /people/{person_id}/unmask": Line(
        **PERSON, may=holds(P.person_unmask), body=BECAUSE, subject={"person_id": "person"}
    ),
    "POST /people/{person_id}/moves/{move}": [
        Line(**PERSON, may=holds(P.person_block), body=BECAUSE, subject={"person_id": who, "move": move})
        for move, who in (("block", "person"), ("unblock", "blocked"))
    ],
    "GET /grants": Line(**GRANT, listed="grant"),
    "POST /grants": Line(
        may=holds(P.grant_write),
        ok=201,
        body={"person_id": "{person}", "role": "grid_worker", "place_id": "{place}"},
    ),
    "POST /grants/{grant_id}/end": Line(**GRANT, may=holds(P.grant_write)),
    "PUT /officials/{person_id}": Line(
        gate=somewhere(P.grant_write),
        see=holds(P.grant_write),
        body={"name": "周敏", "title": "书记"},
        subject={"person_id": "secretary"},
    ),
    "GET /permissions": Line(),
    # 建档
    "POST /places": Line(
        may=holds(P.place_write),
        ok=201,
        body={"parent_id": "{place}", "level": "building", "number": "99", "name": "99 幢"},
    ),
    "POST /estates": Line(may=holds(P.home_write), ok=201, body={"place_id": "{place}", "name": "新苑"}),
    "POST /homes": Line(may=holds(P.home_write), ok=201, body={"building_id": "{building}", "room": "999"}),
    "POST /branches": Line(may=holds(P.place_write), ok=201, body={"place_id": "{place}", "name": "第九党支部"}),
    "GET /units": Line(gate=somewhere(P.case_read), see=holds(P.case_read), listed="unit"),
    "POST /units": Line(
        may=holds(P.place_write), ok=201, body={"kind": "grid_team", "place_id": "{place}", "name": "网格"}
    ),
    # 找物业
    "GET /me/tasks": [
        Line(see=DESK, listed="dispatched"),
        Line(see=MEMBER, listed="repair"),
        Line(see=DESK | MEMBER, listed="assisted"),
        Line(see=HANDLING, query="?mine=true", listed="assisted"),
        Line(see=NOBODY, query="?mine=true", listed="repair"),
    ],
    "GET /case-categories": Line(),
    "GET /assets": Line(query="?place={place}", listed="asset"),
    "GET /units/{unit_id}/members": [
        Line(see=DESK | holds(P.case_dispatch), subject={"unit_id": "unit"}),
        Line(see=MEMBER | holds(P.case_dispatch), subject={"unit_id": "property"}),
    ],
    "GET /companies": Line(gate=somewhere(P.case_read), see=holds(P.case_read), listed="company"),
    "POST /companies": Line(may=holds(P.place_write), ok=201, body={"place_id": "{place}", "name": "新物业"}),
    "PATCH /units/{unit_id}": Line(
        gate=somewhere(P.place_write), see=holds(P.place_write), body={"phone": "025-84400009"}, subject={"unit_id": "unit"}
    ),
    "POST /assets": Line(
        may=holds(P.home_write), ok=201, body={"estate_id": "{estate}", "kind": "lift", "name": "9 号电梯"}
    ),
    "PATCH /assets/{asset_id}": Line(
        gate=somewhere(P.home_write), see=holds(P.home_write), body={"active": False}, subject={"asset_id": "asset"}
    ),
    # 找商家
    "GET /merchants": Line(query="?place={place}", listed="merchant"),
    "POST /merchants": Line(
        may=holds(P.place_write), ok=201, body={"place_id": "{place}", "category": "repair", "name": "新店"}
    ),
    "PATCH /merchants/{merchant_id}": Line(
        gate=somewhere(P.place_write),
        see=holds(P.place_write),
        body={"active": False},
        subject={"merchant_id": "merchant"},
    ),
    "POST /imports": Line(gate=somewhere(P.import_run), query="?kind=homes&name=test", content=b"x", ok=422),
    # 运行
    "GET /calendar": Line(gate=somewhere(P.case_read)),
    "POST /calendar": Line(gate=somewhere(P.calendar_write), query="?note=test", content=b"x", ok=422),
    "GET /settings": Line(query="?place={place}", may=holds(P.case_read)),
    "POST /settings": Line(
        may=holds(P.setting_write), ok=201, body={"place": "{place}", "terms": {"help": {"finish": 3}}, "note": "试行"}
    ),
    "GET /events": Line(
        gate=somewhere(P.audit_read), see=holds(P.audit_read), query="?subject={submitted}", listed="event"
    ),
    "GET /statistics": Line(query="?place={place}&period=2026-11"),
    "GET /statistics/export": Line(query="?place={place}&period=2026-11"),
    "POST /exports/cases": Line(may=holds(P.case_read), body={"place": "{place}"}),
    "POST /statistics/exclusions": Line(
        see=CASE, may=holds(P.case_verify), ok=201, body={"case_id": "{handled}", "reason": "malicious"}
    ),
    "POST /statistics/exclusions/{case_id}/confirm": Line(
        see=CASE, may=holds(P.case_verify), body={}, subject={"case_id": "excluded"}
    ),
    "GET /queue": Line(gate=somewhere(P.queue_read)),
    "POST /queue/{event_id}/retry": Line(gate=somewhere(P.queue_retry), body={}, subject={"event_id": "event"}),
    # 附件与内容审核
    "POST /uploads": Line(content=b"no form", ok=422),
    "GET /uploads/{upload_id}/content": SIGNED,
    "GET /moderation": Line(**CHECK, listed="check"),
    "GET /moderation/{check_id}": Line(**CHECK, subject={"check_id": "check"}),
    "POST /moderation/{check_id}/moves/{move}": [
        Line(**CHECK, body={}, subject={"check_id": "check", "move": "pass"}),
        Line(**CHECK, body=BECAUSE, subject={"check_id": "check", "move": "refuse"}),
        Line(**CHECK, may=NOBODY, body={}, subject={"check_id": "check", "move": "clear"}),
    ],
}  # fmt: skip

from tests.routers import matrix_activities as matrix_activities  # noqa: E402  (adds its lines to the table above)
from tests.routers import matrix_disclosures as matrix_disclosures  # noqa: E402  (adds its lines too)
from tests.routers import matrix_dispatch as matrix_dispatch  # noqa: E402  (adds its lines to the table above)
from tests.routers import matrix_grid as matrix_grid  # noqa: E402  (adds its lines to the table above)
from tests.routers import matrix_needs as matrix_needs  # noqa: E402  (adds its lines to the table above)
from tests.routers import matrix_polls as matrix_polls  # noqa: E402  (adds its lines to the table above)
from tests.routers import matrix_wechat as matrix_wechat  # noqa: E402  (adds its lines to the table above)
