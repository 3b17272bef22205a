"""What a person is told when the platform refuses or is away."""

from api.kit.problems import Internal, Problem, Unavailable
from api.wechat import errors

_PHONE_CALL = "phone_number"


class WechatCodeInvalid(Problem):
    status, code, title = 401, "wechat_code_invalid", "微信登录凭证无效，请重新登录"
    advice = "凭证五分钟内有效且只能使用一次。请重新调用 wx.login 取得新的 code，不要重复提交旧的。"


class WechatPhoneCodeInvalid(Problem):
    """Not a 401: logging in again would not mend it, only a new tap on the phone number button does."""

    status, code, title = 422, "wechat_phone_code_invalid", "手机号授权凭证无效，请重新授权"
    advice = "凭证五分钟内有效且只能使用一次。请让用户再次点击手机号授权按钮，取得新的 code。"


class WechatUserBlocked(Problem):
    status, code, title = 403, "wechat_user_blocked", "微信判定该账号存在风险，暂不能登录"
    advice = "请使用其他微信账号，或联系社区工作人员线下办理。"


class WechatUnavailable(Unavailable):
    status, code, title = 503, "wechat_unavailable", "微信服务暂时不可用，请稍后再试"
    advice = "等待 Retry-After 给出的秒数后再试。"


def translate(error: errors.WeChatError) -> Problem:
    """The problem (RFC 9457) a person is shown for `error`; details never repeat what the platform said."""
    match error:
        case errors.LoginAgain() if error.call == _PHONE_CALL:
            return WechatPhoneCodeInvalid()
        case errors.CodeLost():
            return WechatCodeInvalid("与微信的通信中断，登录未能确认，请重新登录。")
        case errors.LoginAgain():
            return WechatCodeInvalid("登录凭证无效、已过期或已被使用，请重新登录。")
        case errors.UserBlocked():
            return WechatUserBlocked()
        case errors.InputRejected() | errors.Refused() | errors.NoCredit():
            return Internal()
        case errors.MinuteLimited():
            return WechatUnavailable("当前使用人数较多，请稍后再试。", retry_after=error.retry_after or 60)
        case _:
            return WechatUnavailable(retry_after=error.retry_after or 5)
