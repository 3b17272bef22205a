"""对口渠道: what a wish or help request cannot be, and where it belongs instead. Words, not guesses: a person screens."""

import re
from dataclasses import dataclass

from api.kit.problems import Problem


class WrongChannel(Problem):
    status, code, title = 422, "wrong_channel", "这件事请走对口渠道"
    advice = "channel 说明应该找谁；确与所列情形无关时，请换一种说法再提交。"


@dataclass(frozen=True, slots=True)
class Channel:
    """One kind of matter with the words that give it away."""

    name: str
    words: re.Pattern[str]
    detail: str


def _words(*words: str) -> re.Pattern[str]:
    return re.compile("|".join(words))


CHANNELS: tuple[Channel, ...] = (
    Channel(
        "emergency",
        _words(
            "着火", "起火", "火灾", "燃气泄漏", "煤气泄漏", "漏煤气", "触电", "昏迷", "晕倒不醒", "不省人事", "大出血",
            "心梗", "呼吸困难", "割腕", "自杀", "轻生", "跳楼", "溺水", "被打", "家暴", "持刀", "抢劫", "入室盗窃",
        ),
        "紧急情况请立即拨打 110（报警）、119（火警）或 120（急救），并告知社区，不要在这里等待认领。",
    ),
    Channel(
        "money",
        _words(
            "借钱", "借款", "借我\\d*[万千百元块]", "贷款", "众筹", "募捐", "捐款", "打款", "转账", "汇款", "垫付", "发红包",
            "给我钱", "现金资助", "收款码", "银行卡号", "还债", "网贷", "理财", "投资",
        ),
        "涉及钱款的困难请找社区救助窗口：在“找书记”选择“求助”，由社区按临时救助、低保等政策办理。",
    ),
    Channel(
        "trade",
        _words(
            "出售", "转让", "求购", "收购", "低价卖", "高价收", "代购", "批发", "招租", "出租", "求租", "招聘", "兼职日结",
            "加微信购买", "有偿", "付费服务", "包月", "优惠价",
        ),
        "买卖、租赁和有偿服务请到“找商家”，志愿服务是无偿的。",
    ),
)  # fmt: skip


def check_channel(*texts: str | None) -> None:
    """Raises WrongChannel, naming the right route, for an emergency, money or trade; an emergency first."""
    said = "".join(text for text in texts if text)
    said = re.sub(r"\s", "", said)
    for channel in CHANNELS:
        if channel.words.search(said):
            raise WrongChannel(channel.detail, channel=channel.name)
