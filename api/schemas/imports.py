"""批量导入 on the wire."""

from pydantic import Field

from api.rules.imports import RegisterKind
from api.schemas.base import Out


class ImportFaultOut(Out):
    """一行的错误"""

    line: int = Field(description="文件中的行号，表头为第 1 行")
    reason: str = Field(description="原因")


class ImportOut(Out):
    """一次导入或试运行的结果"""

    kind: RegisterKind
    file_name: str
    dry_run: bool = Field(description="是否试运行")
    applied: bool = Field(description="是否已经写入；有一行有误则全部不写入")
    lines: int = Field(description="记录数")
    created: int = Field(description="新增（试运行则为将要新增）")
    updated: int = Field(description="变更")
    unchanged: int = Field(description="已有且相同")
    refused: int = Field(description="有误")
    faults: list[ImportFaultOut] = Field(description="逐行的错误，最多 1000 条")
