"""Pictures from strangers made into pictures of our own: decoded, turned upright, shrunk, written anew.

Nothing of the file that came survives but its pixels: no EXIF, no position, no comment, no second file hidden
behind the first. CPU-bound and hungry: run in a thread, few at a time.
"""

from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING

from api.kit.late import late
from api.kit.problems import Problem

if TYPE_CHECKING:
    from PIL import Image, ImageOps
else:
    Image, ImageOps = late("PIL.Image"), late("PIL.ImageOps")

MEDIA_TYPE = "image/jpeg"
LONGEST_SIDE, THUMB_SIDE = 2560, 480
MOST_PIXELS = 40_000_000
"""Of a picture to be decoded (120 MB in memory); a phone's camera makes twelve to fifty million."""
_QUALITY = 85
_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
)


class NotAPicture(Problem):
    status, code, title = 415, "not_a_picture", "不是可以使用的图片"
    advice = "请上传 JPEG、PNG、WebP 或 GIF 图片；按文件内容判断，与扩展名无关。"


class PictureTooLarge(Problem):
    status, code, title = 422, "picture_too_large", "图片的像素过多"


@dataclass(frozen=True, slots=True)
class Picture:
    """A JPEG and its thumbnail."""

    content: bytes = field(repr=False)
    thumbnail: bytes = field(repr=False)
    width: int
    height: int


def kind_of(content: bytes) -> str | None:
    """The format by the file's first bytes; None for none that is taken."""
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "WEBP"
    return next((name for magic, name in _MAGIC if content.startswith(magic)), None)


def remade(content: bytes) -> Picture:
    """The picture in `content`. Raises NotAPicture, and PictureTooLarge before anything large is decoded."""
    kind = kind_of(content)
    if kind is None:
        raise NotAPicture
    try:
        with Image.open(BytesIO(content), formats=[kind]) as opened:
            width, height = opened.size
            if width * height > MOST_PIXELS:
                raise PictureTooLarge(
                    f"图片不能超过 {MOST_PIXELS // 10_000} 万像素", width=width, height=height
                )
            opened.draft("RGB", (LONGEST_SIDE, LONGEST_SIDE))
            upright = ImageOps.exif_transpose(opened)
            upright.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
            flat = _flat(upright)
    except Problem:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise PictureTooLarge from None
    except Exception:  # decoders of strangers' files raise whatever they stumble over
        raise NotAPicture("图片已损坏或不完整") from None
    small = flat.copy()
    small.thumbnail((THUMB_SIDE, THUMB_SIDE))
    return Picture(_written(flat), _written(small), *flat.size)


def _flat(image: "Image.Image") -> "Image.Image":
    """Pixels alone, on white where they were transparent."""
    see_through = image.convert("RGBA") if image.mode in ("RGBA", "LA", "PA", "P", "RGBa") else None
    flat = Image.new("RGB", image.size, "white")
    flat.paste(see_through or image.convert("RGB"), mask=see_through)
    return flat


def _written(image: "Image.Image") -> bytes:
    out = BytesIO()
    image.save(out, "JPEG", quality=_QUALITY, optimize=True)
    return out.getvalue()
