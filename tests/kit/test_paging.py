"""Keyset pages: a cursor is the last id seen, and nothing else is one."""

from base64 import urlsafe_b64encode
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.kit.paging import FIRST, LAST, BadCursor, page, read_cursor, write_cursor

ids = st.uuids(version=None)


@given(ids)
def test_a_cursor_comes_back_as_the_id_it_was_made_of(last: UUID) -> None:
    cursor = write_cursor(last)
    assert read_cursor(cursor) == last
    assert len(cursor) == 22
    assert cursor.isascii()
    assert not set(cursor) & set("+/=%& ")


def test_without_a_cursor_a_list_begins_at_its_end() -> None:
    assert read_cursor(None) == FIRST == UUID(int=2**128 - 1)
    assert read_cursor(None, LAST) == LAST == UUID(int=0)


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "A",
        "!!!",
        "梅园新村",
        "\ud800",
        "A" * 21,
        "A" * 23,
        "A" * 64,
        write_cursor(FIRST) + "=",
        write_cursor(FIRST)[:10] + "!" + write_cursor(FIRST)[10:],
        " " + write_cursor(LAST),
        "A" * 21 + "B",
        urlsafe_b64encode(b"x" * 15).decode(),
        str(FIRST),
    ],
)
def test_what_no_page_has_given_is_refused(cursor: str) -> None:
    with pytest.raises(BadCursor) as refused:
        read_cursor(cursor)
    assert (refused.value.status, refused.value.code) == (422, "bad_cursor")


@given(st.text(max_size=64))
def test_any_text_is_a_cursor_or_refused(text: str) -> None:
    try:
        last = read_cursor(text)
    except BadCursor:
        return
    assert write_cursor(last) == text


@given(st.lists(ids.filter(lambda i: i != FIRST), unique=True, max_size=40), st.integers(1, 15))
def test_walking_the_pages_meets_every_row_once(found: list[UUID], limit: int) -> None:
    rows = sorted(found, reverse=True)
    met: list[UUID] = []
    cursor: str | None = None
    for _ in range(len(rows) // limit + 1):
        fetched = [{"id": i} for i in rows if i < read_cursor(cursor)][: limit + 1]
        shown = page(fetched, limit)
        assert len(shown["items"]) <= limit
        met += [row["id"] for row in shown["items"]]
        cursor = shown["next"]
        if cursor is None:
            break
    assert cursor is None
    assert met == rows


def test_a_page_that_is_just_full_has_no_next() -> None:
    rows = [{"id": UUID(int=n)} for n in (3, 2, 1)]
    assert page(rows, 3) == {"items": rows, "next": None}
    assert page(rows, 2) == {"items": rows[:2], "next": write_cursor(UUID(int=2))}
    assert page([], 2) == {"items": [], "next": None}
