"""有事好商量 in the demo: a covenant raised by a resident, talked over, voted by households, shown and recorded."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import orjson

from api.commands.demo.guide import Actor, Guide
from api.kit import clock
from api.rules.voting.rule import as_json, simple_majority
from api.rules.voting.verify import verify

TITLE = "居民公约：楼道不堆物"


@dataclass(frozen=True, slots=True)
class People:
    """Who takes part: two households, the desk, the party organisation, the town in the console."""

    resident: Actor
    neighbour: Actor
    worker: Actor
    secretary: Actor
    console: Actor


def play(guide: Guide, people: People, place_id: str) -> None:
    """From the first word to the record."""
    topic = guide.call(
        people.resident,
        "POST",
        "/topics",
        wanted=201,
        body={
            "template": "covenant",
            "title": TITLE,
            "text": "楼道是大家的通道，不堆放杂物、不停放电动车。",
            "place_id": place_id,
        },
        why="居民提出",
    ).json()
    path = f"/topics/{topic['id']}"
    guide.expect("环节", "征求意见、审核把关、一户一票表决、结果公示、公布备案",
                 "、".join(stage["title"] for stage in topic["stages"]))  # fmt: skip
    _talk_over(guide, people, path)
    poll = _vote(guide, people, path, place_id)
    clock.move(timedelta(days=6))
    guide.act("时钟", f"走到 {clock.local(clock.now()):%m 月 %d 日}", "公示期满")
    guide.wait(people.resident, path, why="无异议，自动进入备案", seen=lambda it: it["position"] == 4)
    body = {"result": "已公布并报街道备案"}
    done = guide.call(people.worker, "POST", f"{path}/moves/finish", body=body, why="公布备案").json()
    guide.expect("议题状态", "completed", done["state"])
    _check(guide, people.neighbour, poll)


def _talk_over(guide: Guide, people: People, path: str) -> None:
    held = {
        "kind": "talk",
        "title": "楼道恳谈会",
        "venue": "议事室",
        "held_at": clock.now().isoformat(),
    }
    meeting = guide.call(
        people.worker, "POST", f"{path}/meetings", wanted=201, body=held, why="开民情恳谈会"
    ).json()
    said = {
        "minutes": "逐一发言，赞成为主，要求增设充电棚。",
        "conclusion": "同意提交表决。",
        "attendants": [{"name": "王桂芳", "capacity": "居民代表"}],
    }
    guide.call(people.worker, "PUT", f"{path}/meetings/{meeting['id']}/minutes", body=said, why="会议纪要")
    guide.call(people.worker, "POST", f"{path}/moves/advance", body={}, why="征求意见结束")
    body = {"result": "合法合规"}
    at = guide.call(people.secretary, "POST", f"{path}/moves/advance", body=body, why="党组织把关").json()
    guide.expect("进入", "一户一票表决", at["stages"][at["position"]]["title"])


def _vote(guide: Guide, people: People, path: str, place_id: str) -> str:
    topic = guide.call(people.resident, "GET", path, why="议题走到哪了").json()
    now = clock.now()
    asked = {
        "place_id": place_id,
        "stage_id": topic["stages"][2]["id"],
        "title": TITLE,
        "text": "是否同意这份居民公约？",
        "basis": "household",
        "rule": as_json(simple_majority()),
        "opens_at": now.isoformat(),
        "closes_at": (now + timedelta(days=1)).isoformat(),
    }
    made = guide.call(people.console, "POST", "/polls", wanted=201, body=asked, why="街道发起表决").json()
    poll = f"/polls/{made['id']}"
    guide.call(people.console, "POST", f"{poll}/moves/announce", body={}, why="公告，此后不再更改")
    opened = guide.wait(
        people.resident, poll, why="到时开始，选民册冻结", seen=lambda it: it["state"] == "open"
    )
    guide.expect("选民册几户", 2, opened["roll"]["size"])
    for household in (people.resident, people.neighbour):
        receipt = guide.call(
            household, "POST", f"{poll}/ballots", wanted=201, body={"choices": ["yes"]}, why="投票，得到回执"
        ).json()
    closes = datetime.fromisoformat(opened["closes_at"])
    clock.move(closes - clock.now() + timedelta(seconds=1))
    guide.act("时钟", f"走到 {clock.local(clock.now()):%m 月 %d 日 %H:%M}", "表决截止")
    shown = guide.wait(
        people.resident, path, why="截止、封存、计票，议题进入公示", seen=lambda it: it["position"] == 3
    )
    guide.say(f"结果：{shown['stages'][2]['result']}")
    proof = guide.call(
        people.neighbour, "GET", f"{poll}/proof?leaf={receipt['leaf']}", why="回执上的票在封存之中"
    ).json()
    guide.expect("同一张票", receipt["leaf"], proof["leaf"])
    return poll


def _check(guide: Guide, who: Actor, poll: str) -> None:
    """What `linli verify` does, on the same bytes, without the server."""
    bulletin = guide.call(who, "GET", f"{poll}/bulletin", why="下载公告，任何人可以自己验算").content
    guide.require("公告验证无误，重新计票结果一致", not verify(orjson.loads(bulletin)), poll)
