"""How often a person or an address may do what; logging in and binding a phone most strictly."""

from enum import StrEnum

from api.kit.throttle import Rate


class Limited(StrEnum):
    """What is counted by itself: 微信登录、控制台登录、绑定手机号、导出、小程序码、证明查验、上传图片、封存头；
    所有写操作另计总数"""

    login = "login"
    console_login = "console_login"
    phone = "phone"
    export = "export"
    code = "code"
    check = "check"
    upload = "upload"
    seals = "seals"
    write = "write"


BY_PERSON: dict[Limited, Rate] = {
    Limited.phone: Rate(5, 600),
    Limited.export: Rate(5, 3600),
    Limited.code: Rate(60, 60),
    Limited.upload: Rate(120, 600),
    Limited.write: Rate(1200, 60),
}
"""`write` is of everything that is no read, in the mini-program and the console alike (api/routers/deps.py)."""
BY_ADDRESS: dict[Limited, Rate] = {
    Limited.login: Rate(600, 60),
    Limited.console_login: Rate(60, 60),
    Limited.phone: Rate(300, 600),
    Limited.check: Rate(300, 60),
    Limited.seals: Rate(300, 60),
}
"""Wide: thousands of phones share one address of a carrier."""

UNKNOWN_NAME = Rate(5, 900)
"""Of a console user nobody has: the same lock as a real one's (api/services/login.py)."""
