"""Which encoding a text file is in, and what it is known by: one pass over its bytes."""

import codecs
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from api.services.imports.faults import ImportFault

MOST_BYTES = 256 * 1024 * 1024
"""The whole country's villages are 38 MB."""

_CHUNK = 1024 * 1024
_HANZI = re.compile("[\u4e00-\u9fff]")
_SURELY_UTF8 = 8
"""So many well-formed Chinese characters do not happen by chance in GB 18030: the file is UTF-8, and damaged."""

_FOREIGN = {
    b"PK\x03\x04": "这是 xlsx 或压缩文件",
    b"\xd0\xcf\x11\xe0": "这是旧版 Excel（.xls）文件，请另存为 .xlsx",
    b"\xff\xfe": "这是 UTF-16 文件，请另存为“CSV UTF-8（逗号分隔）”",
    b"\xfe\xff": "这是 UTF-16 文件，请另存为“CSV UTF-8（逗号分隔）”",
}


@dataclass(frozen=True, slots=True)
class TextFile:
    """What one pass over a text file tells: its hash, its encoding, and how many line ends it has."""

    sha256: str
    encoding: str
    lines: int


def fingerprint(path: Path) -> str:
    """The SHA-256 of the file's bytes, in hex. Raises ImportFault for a file that is absent, empty or huge."""
    digest = hashlib.sha256()
    with _checked(path).open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def begins_with(path: Path, magic: bytes) -> bool:
    """Whether the file's first bytes are `magic`."""
    with _checked(path).open("rb") as file:
        return file.read(len(magic)) == magic


def examine(path: Path) -> TextFile:
    """Hash a text file and find its encoding: UTF-8 (with or without mark), else GB 18030.

    Raises ImportFault, with the line of the first damaged byte where there is one.
    """
    digest, lines = hashlib.sha256(), 0
    utf8 = _Trial("utf-8")
    with _checked(path).open("rb") as file:
        head = file.read(4)
        file.seek(0)
        for magic, what in _FOREIGN.items():
            if head.startswith(magic):
                raise ImportFault(what, file=path.name)
        while chunk := file.read(_CHUNK):
            if b"\0" in chunk:
                line = lines + chunk[: chunk.index(b"\0")].count(b"\n") + 1
                raise ImportFault("含有空字节，不是文本文件", file=path.name, line=line)
            digest.update(chunk)
            utf8.feed(chunk)
            lines += chunk.count(b"\n")
    utf8.finish()
    if utf8.broken_at is None:
        encoding = "utf-8-sig" if head.startswith(codecs.BOM_UTF8) else "utf-8"
        return TextFile(digest.hexdigest(), encoding, lines)
    if head.startswith(codecs.BOM_UTF8) or utf8.hanzi >= _SURELY_UTF8:
        raise ImportFault("有损坏的 UTF-8 字符", file=path.name, line=utf8.broken_at)
    chinese = _Trial("gb18030")
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            chinese.feed(chunk)
    chinese.finish()
    if chinese.broken_at is not None:
        raise ImportFault("既不是 UTF-8 也不是 GB18030 编码的文本", file=path.name, line=chinese.broken_at)
    return TextFile(digest.hexdigest(), "gb18030", lines)


class _Trial:
    """Decoding a file chunk by chunk to see where, if anywhere, it breaks."""

    def __init__(self, encoding: str) -> None:
        self._decoder = codecs.getincrementaldecoder(encoding)("strict")
        self._lines = 0
        self.hanzi = 0
        """Chinese characters before the break, counted as far as the question needs."""
        self.broken_at: int | None = None

    def feed(self, chunk: bytes, *, final: bool = False) -> None:
        if self.broken_at is not None:
            return
        try:
            text = self._decoder.decode(chunk, final)
        except UnicodeDecodeError as error:
            # `object` also holds what the decoder kept from the chunk before, which has no line end in it.
            well = error.object[: error.start]
            self._count(well.decode(error.encoding, "ignore"))
            self.broken_at = self._lines + well.count(b"\n") + 1
            return
        self._count(text)
        self._lines += text.count("\n")

    def finish(self) -> None:
        self.feed(b"", final=True)

    def _count(self, text: str) -> None:
        if self.hanzi < _SURELY_UTF8:
            self.hanzi += sum(1 for _ in zip(_HANZI.finditer(text), range(_SURELY_UTF8), strict=False))


def _checked(path: Path) -> Path:
    try:
        size = path.stat().st_size
    except OSError:
        raise ImportFault("文件不存在或不能读取", file=path.name) from None
    if path.is_dir():
        raise ImportFault("这是文件夹，不是文件", file=path.name)
    if size == 0:
        raise ImportFault("文件是空的", file=path.name)
    if size > MOST_BYTES:
        raise ImportFault(f"文件超过 {MOST_BYTES >> 20} MB", file=path.name)
    return path
