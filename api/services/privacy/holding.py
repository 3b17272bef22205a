"""个人信息登记的一行: one table that refers to people or holds their words, and what a 注销 leaves behind."""

from dataclasses import dataclass

GONE = "已注销"
"""Stands where a name stood."""
WITHDRAWN = "（反映人已注销）"

MY_CASES = "select id from cases where reporter_id = :person"
MY_NEEDS = "select id from needs where author_id = :person"
MY_TOPICS = "select id from topics where author_id = :person"
MY_IDENTITIES = "select id from wechat_identities where person_id = :person"
MY_SUBJECTS = " union all ".join(
    (
        "select cast(:person as uuid)",
        MY_CASES,
        MY_NEEDS,
        f"select id from case_requests where case_id in ({MY_CASES})",  # noqa: S608
        f"select id from case_tasks where case_id in ({MY_CASES})",  # noqa: S608
        f"select id from claims where member_id = :person or need_id in ({MY_NEEDS})",  # noqa: S608
        *(
            f"select id from {table} where {column} = :person"  # noqa: S608
            for table, column in (
                ("appointments", "person_id"),
                ("residencies", "person_id"),
                ("memberships", "person_id"),
                ("redemptions", "person_id"),
                ("uploads", "owner_id"),
                ("content_checks", "author_id"),
                ("data_exports", "person_id"),
                ("erasures", "person_id"),
                ("seats", "person_id"),
                ("added_hours", "person_id"),
                ("certificates", "person_id"),
                ("team_members", "person_id"),
                ("objections", "person_id"),
            )
        ),
    )
)
"""What is the person's own affair: all that was said of it goes, whoever said it."""


@dataclass(frozen=True, slots=True)
class Holding:
    """One table that refers to people, or holds what they wrote."""

    table: str
    title: str
    columns: tuple[str, ...]
    """Every column that refers to a person or holds what only one person has."""
    words: tuple[str, ...] = ()
    """Every column that may hold a person's words, names or pictures; `erase` empties or rids the row of them."""
    mine: str = ""
    """SQL condition on `t` for the rows that are about the person `:person`; empty where none is exported."""
    untold: str = ""
    """Why nothing of it is exported."""
    hidden: tuple[str, ...] = ()
    """Columns not exported: sealed bytes, hashes, keys."""
    erase: tuple[str, ...] = ()
    """SQL that a 注销 carries out, in this order; bound: `person`, `erasure`, `now`. Empty: the row tells nothing
    personal."""
