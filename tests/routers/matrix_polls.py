"""The matrix's lines of polls: drafts are for staff in reach, the supervisor's kind manages, the desk records."""

from tests.routers.matrix import BECAUSE, NOBODY, PUBLIC, TABLE, Line, P, holds, somewhere

NOWHERE = "0" * 8 + "-0000-7000-8000-" + "0" * 12
"""An entry or elector that is none: who may act is told that it is not there."""
READ = holds(P.poll_read)
ON = {"see": READ, "subject": {"poll_id": "poll"}}
MANAGED = holds(P.poll_manage)
RECORDED = holds(P.poll_record)
TIMES = {"opens_at": "2026-12-01T00:00:00Z", "closes_at": "2026-12-08T00:00:00Z"}


def _entry(body: dict[str, object], ok: int = 404, **names: str) -> Line:
    """Who may record finds no such elector (404) or a poll that is not open (409), who only sees may not (403)."""
    subject = {"poll_id": "poll", **names}
    return Line(see=READ, may=RECORDED, ok=ok, body=body, subject=subject)


def _move(name: str, ok: int, **body: str) -> Line:
    return Line(see=READ, may=MANAGED, ok=ok, body=body, subject={"poll_id": "poll", "move": name})


TABLE |= {
    "GET /polls": Line(see=READ, listed="poll"),
    "POST /polls": Line(
        may=MANAGED,
        ok=201,
        body={"place_id": "{place}", "title": "电梯", "text": "同意？", "basis": "person", "rule": {"method": "yes_no"}, **TIMES},
    ),
    "GET /polls/{poll_id}": Line(**ON),
    # A draft is its author's alone.
    "PATCH /polls/{poll_id}": Line(
        see=READ, may=NOBODY, body={"title": "新的题目"}, subject={"poll_id": "poll"}
    ),
    "POST /polls/{poll_id}/roll-import": Line(
        see=READ, may=NOBODY, query="?name=x", content=b"x", subject={"poll_id": "poll"}
    ),
    "GET /polls/{poll_id}/events": Line(**ON),
    "GET /polls/{poll_id}/result": Line(**ON, ok=409),
    "GET /polls/{poll_id}/result/picture": Line(**ON, ok=409),
    "GET /polls/{poll_id}/bulletin": Line(**ON, ok=409),
    "GET /polls/{poll_id}/proof": Line(**ON, ok=404, query=f"?leaf={'0' * 64}"),
    "GET /polls/{poll_id}/roll-preview": Line(**ON),
    "GET /polls/{poll_id}/roll": Line(**ON),
    "GET /seals": PUBLIC,
    "GET /events/{event_id}/proof": Line(
        gate=somewhere(P.audit_read), ok=404, subject={"event_id": "poll"}
    ),
    # A draft is not there for whoever would vote.
    "POST /polls/{poll_id}/ballots": Line(ok=404, body={"choices": ["yes"]}, subject={"poll_id": "poll"}),
    "POST /polls/{poll_id}/moves/{move}": [
        _move("announce", 200),
        _move("open", 409),
        _move("close", 409),
        Line(see=READ, may=NOBODY, body={}, subject={"poll_id": "poll", "move": "tally"}),
        _move("recount", 409),
        _move("revote", 409, reason="重来", **TIMES),
        _move("void", 200, **BECAUSE),
    ],
    "POST /polls/{poll_id}/representatives": Line(
        see=READ, may=RECORDED, body={"home_id": "{home}", "person_id": "{blocked}"}, subject={"poll_id": "poll"}
    ),
    "POST /polls/{poll_id}/proxies": _entry({"elector_id": NOWHERE, "holder_id": "{person}"}),
    "POST /polls/{poll_id}/proxies/{entry_id}/confirm": _entry({}, 409, entry_id="poll"),
    "POST /polls/{poll_id}/papers": _entry({"elector_id": NOWHERE, "choices": ["yes"]}),
    "POST /polls/{poll_id}/papers/{entry_id}/confirm": _entry({"choices": ["yes"]}, 409, entry_id="poll"),
}  # fmt: skip
