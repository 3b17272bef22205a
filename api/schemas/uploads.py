"""附件 on the wire."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from api.rules.content import MOST_UPLOADS, ContentState, UploadPurpose
from api.schemas.base import Out

UploadIds = Annotated[
    tuple[UUID, ...],
    Field(max_length=MOST_UPLOADS, description="本人上传、未被使用过的图片，最多 9 张"),
]


class UploadOut(Out):
    """上传好的图片"""

    id: UUID = Field(description="提交时放进 uploads")
    url: str = Field(description="图片地址，10 分钟内有效")
    thumbnail: str = Field(description="缩略图地址，10 分钟内有效")
    state: ContentState = Field(description="内容审核；通过之前只有本人和工作人员可见")


class PictureOut(UploadOut):
    """一张图片"""

    subject_kind: str = Field(description="属于诉求 case、一条往来 case_message、一次进展 progress 等")
    subject_id: UUID = Field(description="所属对象")
    purpose: UploadPurpose = Field(description="佐证 evidence、处置前 before、处置后 after")
    width: int | None
    height: int | None
