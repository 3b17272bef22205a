"""Files as people hand them in: read right, or refused with the line and the reason."""

import zipfile
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path

import pytest
from openpyxl import Workbook

from api.services.imports import sheets, sniffing
from api.services.imports.faults import ImportFault
from api.services.imports.tables import Row, Table, clean, open_table

Make = Callable[[bytes], Path]
HEAD = "编号,主题\n"


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def write(content: bytes) -> Path:
        path = tmp_path / "file.csv"
        path.write_bytes(content)
        return path

    return write


def cells(table: Table) -> list[list[str]]:
    return [list(row.cells) for row in table.rows()]


def refused(path: Path) -> ImportFault:
    """What reading the file to its end is refused with."""
    with pytest.raises(ImportFault) as caught:
        list(open_table(path).rows())
    assert caught.value.facts["file"] == path.name
    return caught.value


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_the_usual_chinese_encodings_read_alike(make: Make, encoding: str) -> None:
    table = open_table(make(f"{HEAD}1,楼道灯不亮\n2,𠮷祥小区䶮路\n".encode(encoding)))
    assert table.columns == ("编号", "主题")
    assert cells(table) == [["1", "楼道灯不亮"], ["2", "𠮷祥小区䶮路"]]


def test_a_character_cut_in_two_by_the_reading_of_chunks_is_whole(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sniffing, "_CHUNK", 5)
    assert cells(open_table(make(f"{HEAD}1,楼道灯不亮\n".encode()))) == [["1", "楼道灯不亮"]]
    assert cells(open_table(make(f"{HEAD}1,楼道灯不亮\n".encode("gb18030")))) == [["1", "楼道灯不亮"]]


def test_a_damaged_utf8_file_is_told_by_its_line_and_not_taken_for_gb18030(make: Make) -> None:
    damaged = f"{HEAD}1,楼道灯不亮请修理\n2,电梯".encode() + b"\xb5\xc6\n"
    with pytest.raises(UnicodeDecodeError):
        damaged.decode()
    damaged.decode("gb18030", "strict")  # it would pass, as nonsense
    fault = refused(make(damaged))
    assert fault.facts["line"] == 3
    assert "UTF-8" in fault.detail


def test_bytes_of_no_encoding_are_told_by_their_line(make: Make) -> None:
    assert refused(make("编号,主题\n1,灯\n2,".encode("gb18030") + b"\xff\xff\n")).facts["line"] == 3


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "空的"),
        (b"code,name\n", "没有记录"),
        (b"code,name\n\n , \n", "没有记录"),
        (b"\n1,2\n", "表头"),
        ("编号,主题\n1,灯\n".encode("utf-16"), "UTF-16"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 old excel", "xlsx"),
        (b"a,b\n1,2\n3,\x004\n", "空字节"),
        (b"a,a\n1,2\n", "重名"),
        (b"PK\x03\x04 and then nothing of a zip", "xlsx"),
    ],
)
def test_what_is_no_table_is_refused_with_a_reason(make: Make, content: bytes, words: str) -> None:
    assert words in refused(make(content)).detail


def test_an_absent_file_a_folder_and_a_huge_file_are_refused(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "不存在" in refused(tmp_path / "none.csv").detail
    assert "文件夹" in refused(tmp_path).detail
    monkeypatch.setattr(sniffing, "MOST_BYTES", 8)
    assert "超过" in refused(make(b"a,b\n1,2\n3,4\n")).detail


def test_lines_are_counted_as_an_editor_counts_them(make: Make) -> None:
    text = 'code,name\n1,"两\n行"\n\n2,后面\n3\n'
    assert list(open_table(make(text.encode())).rows()) == [
        Row(2, ["1", "两\n行"]),
        Row(5, ["2", "后面"]),
        Row(6, ["3"], "应有 2 列，实有 1 列"),
    ]


@pytest.mark.parametrize("text", ['a,b\n1,2\n3,"四\n5,6\n', 'a,b\n1,2\n3,"四"五\n'])
def test_a_quote_gone_wrong_stops_the_reading_at_its_line(make: Make, text: str) -> None:
    fault = refused(make(text.encode()))
    assert fault.facts["line"] == 3
    assert "引号" in fault.detail


def test_a_cell_longer_than_any_text_is_a_quote_that_was_not_closed(make: Make) -> None:
    assert refused(make(b'a,b\n1,"' + b"x" * 200_000 + b'"\n')).facts["line"] == 2


def test_empty_cells_behind_the_last_column_are_forgiven_but_filled_ones_are_not(make: Make) -> None:
    assert list(open_table(make(b"a,b,,\n1,2,,\n3,4,,5\n")).rows()) == [
        Row(2, ["1", "2"]),
        Row(3, ["3", "4", "", "5"], "应有 2 列，实有 4 列"),
    ]


def test_cells_are_trimmed_normalised_and_without_control_characters() -> None:
    assert clean(" \u3000e\u0301\x07\r\n第二行\x00\t尾 ") == "é\n第二行\t尾"
    assert clean("  plain ") == "plain"


def test_a_mapping_to_a_column_that_is_not_there_names_those_that_are(make: Make) -> None:
    table = open_table(make(f"{HEAD}1,灯\n".encode()))
    assert table.index({"number": "编号"}, ["number"]) == {"number": 0}
    with pytest.raises(ImportFault, match="没有“subject”这一列；现有：编号、主题"):
        table.index({"number": "编号"}, ["number", "subject"])


def workbook(path: Path, rows: list[list[object]]) -> Path:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row in rows:
        sheet.append(row)
    book.save(path)
    return path


def test_a_workbook_reads_as_its_csv_would(tmp_path: Path) -> None:
    path = workbook(
        tmp_path / "named.csv",  # told apart by content
        [
            ["编号", "时间", "日期", "数"],
            [320102002001, datetime(2019, 4, 25, 9, 32, 9), date(2019, 5, 1), 1.5],  # noqa: DTZ001
            [None, None, None, None],
            ["=1+1", "#N/A", None, 2.0],
            [" 楼 ", "文", "字"],
        ],
    )
    assert list(open_table(path).rows()) == [
        Row(2, ["320102002001", "2019-04-25 09:32:09", "2019-05-01 00:00:00", "1.5"]),
        Row(4, ["", "#N/A", "", "2"], "单元格是公式错误 #N/A"),
        Row(5, ["楼", "文", "字", ""]),
    ]


def rewritten(path: Path, member: str, change: Callable[[bytes], bytes]) -> Path:
    """The workbook with one of its parts changed."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts[member] = change(parts[member])
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return path


SHEET = "xl/worksheets/sheet1.xml"


def test_a_sheet_that_lies_about_its_size_is_read_to_its_end(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx", [["a", "b"], [1, 2], [3, 4]])
    rewritten(path, SHEET, lambda xml: xml.replace(b'ref="A1:B3"', b'ref="A1:A1"'))
    assert cells(open_table(path)) == [["1", "2"], ["3", "4"]]


def test_a_damaged_sheet_is_refused_where_it_breaks(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx", [["a"], *([n] for n in range(3000))])
    rewritten(path, SHEET, lambda xml: xml[: len(xml) // 2])
    fault = refused(path)
    assert "损坏" in fault.detail
    assert 2 <= fault.facts["line"] <= 3000


def test_a_sheet_without_its_parts_is_refused(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx", [["a"], [1]])
    assert "xlsx" in refused(rewritten(path, "xl/workbook.xml", lambda _: b"<nonsense")).detail


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = workbook(tmp_path / "a.xlsx", [["a"], ["x" * 30_000]])
    assert path.stat().st_size < 20_000
    monkeypatch.setattr(sheets, "MOST_UNPACKED", 20_000)
    assert "解压后" in refused(path).detail


def test_a_forged_row_number_does_not_make_rows_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = workbook(tmp_path / "a.xlsx", [["a"], [1], [2]])
    rewritten(path, SHEET, lambda xml: xml.replace(b'r="3"', b'r="99999999999"'))
    monkeypatch.setattr(sheets, "MOST_LINES", 1000)
    assert refused(path).facts["line"] == 1001
