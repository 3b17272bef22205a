"""What is wrong with a file, told so that its owner can mend it."""

from dataclasses import dataclass

from api.kit.problems import Problem


class ImportFault(Problem):
    """The file as a whole cannot be brought in. `line` is where it was noticed, the head being line 1."""

    status, code, title = 422, "import_fault", "导入的文件有误"
    advice = "请按提示更正文件后重新导入；已经导入的内容不会重复。"

    def __init__(self, reason: str, *, file: str, line: int | None = None) -> None:
        where = f"{file} 第 {line} 行" if line is not None else file
        super().__init__(f"{where}：{reason}", file=file, line=line)


class ImportBusy(Problem):
    """Another process is bringing in the same thing."""

    status, code, title = 409, "import_busy", "同样的内容正在导入"
    advice = "请等另一处导入结束后再试。"


@dataclass(frozen=True, slots=True)
class LineFault:
    """A line that was refused, and why (Chinese)."""

    line: int
    reason: str
