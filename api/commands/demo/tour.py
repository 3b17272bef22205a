"""The story of the demo: one matter well looked after, one neglected. Every sentence of it is checked."""

import time
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pyotp

from api.commands.demo import commons, town
from api.commands.demo.guide import WAIT_S, Actor, Broken, Chapter, Guide
from api.commands.demo.phones import Phones
from api.commands.demo.seeding import Seeded
from api.kit import clock
from api.rules.cases import STATE_TITLES, CaseState
from api.rules.notices import Template

TITLE = "三单元楼道灯不亮"
NEGLECTED = "小区东门井盖松动"
NOTE = "已联系电工班，材料在仓库。"


class Tour:
    """Plays the story; what one chapter learns, the next one uses."""

    def __init__(self, guide: Guide, phones: Phones, seeded: Seeded) -> None:
        self._guide = guide
        self._phones = phones
        self._seeded = seeded
        self._actors: dict[str, Actor] = {}
        self._openid = ""
        self._building = ""
        self._case: dict[str, Any] = {}
        self._forgotten: dict[str, Any] = {}

    def chapters(self) -> list[Chapter]:
        """In the order in which they are played."""
        return [
            Chapter("居民登录", "小程序用 wx.login 的 code 换取会话；code 只能用一次。", self.log_in),
            Chapter("找书记", "从所住的楼栋往上，离得最近的书记排在最前。", self.find_the_secretary),
            Chapter("写给书记", "立即得到回执号和承诺的时限；断网重试不会重复提交。", self.write),
            Chapter("派单与签收", "后台进程按规则派给社区书记台，社区工作者签收。", self.sign),
            Chapter("答复与办结", "先联系居民才能办结；内部备注居民看不到。", self.handle),
            Chapter("核查与评价", "自己办的不能自己核查；居民评价五星，结案。", self.check_and_rate),
            Chapter("居民看到的", "时间线、应用内通知、手机上的订阅消息。", self.look_back),
            Chapter("看不到的人", "不在范围内的诉求与不存在的一样：404。", self.keep_out),
            Chapter("被忘记的一件", "没有人签收；演示的时钟走过期限，超时通知到社区负责人。", self.neglect),
            Chapter("控制台", "用户名、密码和动态口令登录，督办看到这件超时的诉求。", self.supervise),
            Chapter(
                "有事好商量", "居民提议，协商，把关，一户一票，公示，备案；结果人人可以验算。", self.agree
            ),
        ]

    def log_in(self) -> None:
        resident = Actor(town.RESIDENT.name)
        code, self._openid = self._phones.login(town.RESIDENT.login)
        self._guide.act(resident.name, "wx.login()", f"{town.RESIDENT.what}，手机给出一次性 code")
        session = self._guide.call(
            resident,
            "POST",
            "/sessions",
            wanted=201,
            body={"code": code},
            why="换取会话，session_key 不出服务器",
        ).json()
        self._guide.expect("登录的是", resident.name, session["person"]["nickname"])
        again = self._guide.call(
            resident, "POST", "/sessions", wanted=401, body={"code": code}, why="同一个 code 再用一次"
        ).json()
        self._guide.expect("问题代码", "wechat_code_invalid", again["code"])
        resident.token = session["token"]
        self._actors[resident.name] = resident
        home = self._guide.call(resident, "GET", "/me", why="我住在哪里").json()["residencies"][0]
        self._building = home["home"]["building"]["id"]
        where = f"{home['community']['name']} {home['home']['building']['name']} {home['home']['room']}"
        self._guide.expect("住在", "梅园新村社区 3 幢 301", where)

    def find_the_secretary(self) -> None:
        resident = self._actors[town.RESIDENT.name]
        found = self._guide.call(
            resident, "GET", f"/secretaries?place={self._building}", why="谁是我的书记"
        ).json()["items"]
        near_first = [f"{s['title']} {s['name']}" for s in found]
        wanted = [f"{p.what} {p.name}" for p in (town.SECRETARY, town.TOWN_SECRETARY)]
        self._guide.expect("由近及远", wanted, near_first)
        self._guide.expect("书记台", "梅园新村社区书记台", found[0]["desk"]["name"])
        self._phones.agree(self._openid, Template.case_progress)
        self._guide.act(resident.name, "点“允许”", "同意接收一条订阅消息")
        agreed = self._guide.call(
            resident,
            "POST",
            "/subscriptions",
            body={"template": Template.case_progress, "result": "accept"},
            why="告诉后端",
        ).json()
        self._guide.expect("还可以发送的条数", 1, agreed["credits"])

    def write(self) -> None:
        resident, key = self._actors[town.RESIDENT.name], uuid4().hex
        body = {
            "category": "help",
            "title": TITLE,
            "text": "三单元二楼到三楼的楼道灯坏了一周，老人晚上下楼不安全。",
            "place_id": self._building,
        }

        def submit(why: str) -> httpx.Response:
            return self._guide.call(resident, "POST", "/cases", wanted=201, body=body, key=key, why=why)

        self._case = submit("求助：楼道灯不亮").json()
        self._guide.say(f"回执号 {self._case['number']}，办结期限 {_local(self._case['due']['finish'])}")
        self._guide.expect("状态", "待受理", _state(self._case))
        self._guide.expect("回执号以社区代码开头", town.HERE, self._case["number"][:12])
        again = submit("断网重试，同一个 Idempotency-Key")
        self._guide.expect("Idempotent-Replayed", "true", again.headers.get("idempotent-replayed"))
        self._guide.expect("仍是同一件", self._case["number"], again.json()["number"])

    def sign(self) -> None:
        case = f"/cases/{self._case['id']}"
        dispatched = self._guide.wait(
            self._actors[town.RESIDENT.name],
            case,
            why="后台进程派单",
            seen=lambda it: it["state"] == CaseState.dispatched,
        )
        self._guide.expect("承办单位", "梅园新村社区书记台", dispatched["unit"]["name"])
        self._guide.say(f"签收期限 {_local(dispatched['due']['sign'])}（4 个工作小时）")
        worker = self._enter(town.WORKER)
        listed = self._guide.call(worker, "GET", "/cases?state=dispatched", why="待签收的诉求").json()[
            "items"
        ]
        self._guide.expect("列表里有", [self._case["number"]], [it["number"] for it in listed])
        signed = self._guide.call(worker, "POST", f"{case}/moves/sign", body={}, why="签收").json()
        self._guide.expect("状态", "处置中", _state(signed))

    def handle(self) -> None:
        worker, case = self._actors[town.WORKER.name], f"/cases/{self._case['id']}"
        done = {"outcome": "solved", "reply": "灯具已更换，当晚恢复照明。"}
        early = self._guide.call(
            worker, "POST", f"{case}/moves/finish", wanted=409, body=done, why="还没联系居民就想办结"
        ).json()
        self._guide.expect("问题代码", "resident_not_contacted", early["code"])
        for kind, text, why in (
            ("reply", "您好，已安排电工今天上门。", "公开答复"),
            ("note", NOTE, "内部备注"),
        ):
            said = {"kind": kind, "text": text}
            self._guide.call(worker, "POST", f"{case}/messages", wanted=201, body=said, why=why)
        finished = self._guide.call(worker, "POST", f"{case}/moves/finish", body=done, why="办结").json()
        self._guide.expect("状态", "已处置待核查", _state(finished))
        self._guide.require("首次联系在时限内", not finished["due"]["contact"]["overdue"], finished["due"])

    def check_and_rate(self) -> None:
        case = f"/cases/{self._case['id']}"
        own = self._guide.call(
            self._actors[town.WORKER.name],
            "POST",
            f"{case}/moves/pass_check",
            wanted=409,
            body={},
            why="自己核查自己办的",
        ).json()
        self._guide.expect("问题代码", "same_hands", own["code"])
        checker = self._enter(town.CHECKER)
        passed = self._guide.call(
            checker, "POST", f"{case}/moves/pass_check", body={}, why="另一位核查通过"
        ).json()
        self._guide.expect("状态", "待评价", _state(passed))
        rated = self._guide.call(
            self._actors[town.RESIDENT.name],
            "POST",
            f"{case}/ratings",
            body={"overall": 5, "text": "很快，谢谢。"},
            why="评价五星",
        ).json()
        self._guide.expect("状态与星级", ["已结案", 5], [_state(rated), rated["rating"]])

    def look_back(self) -> None:
        resident, case = self._actors[town.RESIDENT.name], f"/cases/{self._case['id']}"
        told = self._guide.call(resident, "GET", f"{case}/events", why="公开的时间线").json()["items"]
        steps = ["submit", "dispatch", "sign", "reply", "finish", "pass_check", "rate"]
        self._guide.expect("经过", steps, [event["move"] for event in told])
        said = self._guide.call(resident, "GET", f"{case}/messages", why="往来的话").json()["items"]
        self._guide.require("没有内部备注", NOTE not in [m["text"] for m in said], said)
        wanted = {"诉求已派单", "诉求已签收", "收到答复", "请您评价"}
        self._guide.wait(
            resident,
            "/notices",
            why="通知：" + "、".join(sorted(wanted)),
            seen=lambda page: wanted <= {n["title"] for n in page["items"]},
        )
        message = self._message()
        self._guide.act(
            "手机", "收到订阅消息", f"{message['values']['thing4']}：{message['values']['thing1']}"
        )
        self._guide.expect("说的是", TITLE, message["values"]["thing1"])
        self._guide.expect("同意一条，只收到一条", 1, len(self._phones.messages(self._openid)))

    def _message(self) -> dict[str, Any]:
        until = time.monotonic() + WAIT_S
        while not (arrived := self._phones.messages(self._openid)):
            if time.monotonic() > until:
                raise Broken(f"{WAIT_S:.0f} 秒内订阅消息到达手机", "到达", "没有")
            time.sleep(0.1)
        return arrived[0]

    def keep_out(self) -> None:
        for player in (town.STRANGER, town.NEIGHBOUR):
            actor = self._enter(player)
            refused = self._guide.call(
                actor, "GET", f"/cases/{self._case['id']}", wanted=404, why="想看这件诉求"
            ).json()
            self._guide.expect("问题代码", "not_found", refused["code"])

    def neglect(self) -> None:
        resident = self._enter(town.SECOND_RESIDENT)
        place = self._guide.call(resident, "GET", "/me", why="我住在哪里").json()["residencies"][0]
        body = {
            "category": "complain",
            "title": NEGLECTED,
            "text": "东门内侧的井盖松动，已经反映过一次。",
            "place_id": place["home"]["building"]["id"],
        }
        self._forgotten = self._guide.call(
            resident, "POST", "/cases", wanted=201, body=body, why="投诉：井盖松动"
        ).json()
        case = f"/cases/{self._forgotten['id']}"
        waiting = self._guide.wait(
            resident, case, why="后台进程派单", seen=lambda it: it["state"] == CaseState.dispatched
        )
        due = datetime.fromisoformat(waiting["due"]["sign"]["due_at"])
        clock.move(due - clock.now() + timedelta(minutes=1))
        self._guide.act("时钟", f"走到 {clock.local(clock.now()):%m 月 %d 日 %H:%M}", "签收期限过去一分钟")
        secretary = self._enter(town.SECRETARY)
        self._guide.wait(
            secretary,
            "/notices",
            why="超时通知到了社区书记",
            seen=lambda page: any(NEGLECTED in n["text"] and "签收超时" in n["text"] for n in page["items"]),
        )
        seen = self._guide.call(resident, "GET", case, why="居民也看得到").json()
        self._guide.require("签收超时", seen["due"]["sign"]["overdue"], seen["due"])
        self._guide.expect("升级到第几级", 1, seen["level"])
        neighbour = self._enter(town.NEIGHBOUR_SECRETARY)
        theirs = self._guide.call(neighbour, "GET", "/notices", why="相邻社区的书记").json()["items"]
        self._guide.require("没有收到", not any(NEGLECTED in n["text"] for n in theirs), theirs)

    def supervise(self) -> None:
        login = self._seeded.supervisor
        console = Actor(login.name, prefix="/admin/v1")
        form = {
            "username": login.username,
            "password": login.password,
            "otp": pyotp.TOTP(login.totp_secret).at(int(clock.wall())),
        }
        session = self._guide.call(console, "POST", "/sessions", form=form, why="密码与动态口令").json()
        replayed = self._guide.call(
            console, "POST", "/sessions", wanted=401, form=form, why="同一个动态口令再用一次"
        ).json()
        self._guide.expect("问题代码", "bad_credentials", replayed["code"])
        console.token = session["access_token"]
        self._actors[login.name] = console
        place = self._seeded.places[town.TOWN]
        listed = self._guide.call(
            console, "GET", f"/cases?place={place}&state=dispatched", why="辖区内待签收的诉求"
        ).json()["items"]
        self._guide.expect("看到", [self._forgotten["number"]], [it["number"] for it in listed])
        seen = self._guide.call(console, "GET", f"/cases/{self._forgotten['id']}", why="打开它").json()
        self._guide.expect("标题", NEGLECTED, seen["title"])
        self._guide.require("签收超时", seen["due"]["sign"]["overdue"], seen["due"])

    def agree(self) -> None:
        people = commons.People(
            resident=self._actors[town.RESIDENT.name],
            neighbour=self._actors[town.SECOND_RESIDENT.name],
            worker=self._actors[town.WORKER.name],
            secretary=self._actors[town.SECRETARY.name],
            console=self._actors[self._seeded.supervisor.name],
        )
        commons.play(self._guide, people, str(self._seeded.places[town.HERE]))

    def _enter(self, player: town.Player) -> Actor:
        """Log in with a code of the player's phone."""
        actor = Actor(player.name)
        code, _ = self._phones.login(player.login)
        session = self._guide.call(
            actor, "POST", "/sessions", wanted=201, body={"code": code}, why=f"登录：{player.what}"
        ).json()
        actor.token = session["token"]
        self._actors[player.name] = actor
        return actor


def _state(case: dict[str, Any]) -> str:
    return STATE_TITLES[CaseState(case["state"])]


def _local(due: dict[str, Any]) -> str:
    return f"{clock.local(datetime.fromisoformat(due['due_at'])):%m 月 %d 日 %H:%M}"
