"""The one error of this package."""

from api.kit.start_fault import StartFault


class EngineFault(StartFault):
    """An engine cannot be had. The text tells a person, in Chinese, what is wrong and how to mend it."""

    def __init__(self, what: str, cure: str, *, log: str = "") -> None:
        super().__init__(f"{what}{cure}" + (f"\n日志末尾：\n{log}" if log else ""))
        self.what = what
        self.cure = cure
        self.log = log
