"""查找: what cases can be found by, beside them, so that moving a case does not touch the index of its words."""

from sqlalchemy import Index
from sqlmodel import SQLModel

from api.kit.columns import link, texts
from api.models.cases import CaseId


class CaseWords(SQLModel, table=True):
    """诉求检索词: the grams of number, title and text (api/rules/grams.py). Derived; the worker writes it."""

    __tablename__ = "case_words"
    __table_args__ = (Index("ix_case_words_words", "words", postgresql_using="gin"),)

    case_id: CaseId = link("cases.id", primary_key=True)
    words: list[str] = texts()
