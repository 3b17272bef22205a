"""Paper that says everything it was given, in the font it is given, the same bytes every time."""

import re
import zlib
from datetime import UTC, datetime
from io import BytesIO

import pytest
import typst
from PIL import Image

from api.kit.printing import LONGEST, rastered, typeset, undrawable
from api.kit.svg import bars

AT = datetime(2026, 11, 23, 1, 30, 3, 300_040, tzinfo=UTC)
PAGE = "= #data.title\n#for line in data.lines [- #line \n]"


def characters(pdf: bytes) -> set[str]:
    """The characters that have a glyph in the document, from the fonts' maps back to Unicode."""
    found = set()
    for part in re.findall(rb"stream\n(.*?)\nendstream", pdf, re.DOTALL):
        try:
            content = zlib.decompress(part)
        except zlib.error:
            continue
        for block in re.findall(rb"beginbfchar(.*?)endbfchar", content, re.DOTALL):
            for _, text in re.findall(rb"<(\w+)> <(\w+)>", block):
                found |= set(bytes.fromhex(text.decode()).decode("utf-16-be"))
    return found


def test_a_page_carries_a_chinese_font_and_is_the_same_twice() -> None:
    first = typeset(PAGE, {"title": "议事记录", "lines": ["同意", "䶮先生与𠮷女士"]}, at=AT)
    assert first.pdf.startswith(b"%PDF-")
    assert set("议事记录同意䶮先生与𠮷女士") <= characters(first.pdf)
    assert first.missing == ()
    assert typeset(PAGE, {"title": "议事记录", "lines": ["同意", "䶮先生与𠮷女士"]}, at=AT) == first


def test_a_character_the_font_lacks_is_spelled_out_and_reported() -> None:
    odd = "王𰻝𰻝"  # the noodles' character: beyond the font's plane
    printed = typeset(PAGE, {"title": odd, "lines": [odd, "😀"]}, at=AT)
    assert printed.missing == tuple(dict.fromkeys((*undrawable(odd), "😀")))
    assert "😀" in printed.missing
    spelled = typeset(PAGE, {"title": odd, "lines": [odd, "〔U+1F600〕"]}, at=AT)
    assert spelled.pdf == printed.pdf


def test_what_a_person_wrote_is_never_read_as_markup() -> None:
    wicked = '#panic("no") *b* $x$ ] #import "/etc/passwd"'
    printed = typeset(PAGE, {"title": wicked, "lines": [wicked]}, at=AT)
    assert set(wicked) - {" "} <= characters(printed.pdf)


def test_a_picture_made_here_is_set_into_the_page() -> None:
    square = (
        '<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"><rect width="10" height="10"/></svg>'
    )
    without = typeset("= 图", {}, at=AT)
    assert len(typeset("= 图\n#image(pictures.at(0))", {}, at=AT, pictures=[square]).pdf) > len(without.pdf)


def _decoded(png: bytes) -> Image.Image:
    with Image.open(BytesIO(png), formats=["PNG"]) as opened:
        return opened.convert("L")


def test_a_picture_of_ours_is_drawn_for_those_who_show_no_svg() -> None:
    made = rastered(bars("加装电梯：通过", [("赞成", 3.0, "3 票 75.0%"), ("反对", 1.0, "1 票 25.0%")]))
    drawn = _decoded(made.png)
    assert (drawn.size, made.missing) == ((1280, 2 * (60 + 2 * 34)), ())
    assert len(made.png) < 100_000
    title = drawn.crop((32, 20, 300, 80))
    assert 0.02 < sum(v < 128 for v in title.tobytes()) / (268 * 60) < 0.5, "its words are there, in ink"
    yes, no = (drawn.crop((200, y, 305, y + 48)).tobytes() for y in (100, 168))
    assert yes != no, "each its own characters, and not the same empty box"
    assert drawn.getpixel((1270, 10)) == 255
    assert drawn.getpixel((330, 124)) < 200, "the bar"


def test_a_picture_says_in_its_own_words_what_the_font_lacks_and_a_long_one_has_its_bound() -> None:
    made = rastered(bars("票数😀", [(f"项目{n}", n, f"{n} 票") for n in range(200)]))
    assert made.missing == ("😀",)
    width, height = _decoded(made.png).size
    assert height <= LONGEST
    assert width > 700


def test_a_font_that_is_not_there_is_an_error_and_no_empty_page() -> None:
    with pytest.raises(ValueError, match="font"):
        typeset('#set text(font: "No Such Font")\n#data.title', {"title": "证书"}, at=AT)


def test_a_template_with_a_fault_says_so() -> None:
    with pytest.raises(typst.TypstError):
        typeset("#data.nothing", {}, at=AT)
