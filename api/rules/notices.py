"""通知: the subscription templates people can agree to."""

from enum import StrEnum


class Template(StrEnum):
    """订阅消息模板：诉求进展"""

    case_progress = "case_progress"


class Consent(StrEnum):
    """对一次订阅请求的回答：接受、拒绝、模板已被平台封禁"""

    accept = "accept"
    reject = "reject"
    ban = "ban"
