"""名单 of a roll by file: xlsx or csv, looked at before it is taken, all or nothing."""

import asyncio
import re
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.kit.secrets import Vault
from api.models import Person
from api.rules.people import PersonState
from api.rules.polls import RollBasis
from api.services.access import Viewer
from api.services.imports.faults import LineFault
from api.services.imports.registers import MOST_SHOWN, Line, read_lines
from api.services.people.belonging import PHONE
from api.services.polls.amending import draft_of, set_entries
from api.services.polls.drafting import PollMalformed

NEEDED, OPTIONAL = ("名称",), ("手机号", "票数", "面积")
MOST_PERSONS, MOST_AREA = 1_000, Decimal(10_000_000)
SAMPLE = 50

_PHONE = re.compile(r"\+?[0-9]{7,15}")
_COUNT = re.compile(r"[1-9][0-9]{0,3}")


async def run(
    tx: AsyncSession, vault: Vault, viewer: Viewer, poll_id: UUID, content: bytes, *, name: str, dry_run: bool
) -> dict[str, Any]:
    """Make the file the list of a draft's roll. One refused line and nothing is written, nor with `dry_run`.

    A line without 手机号, or with one nobody has bound, is an elector who votes on paper. Raises NotFound,
    NotAllowed, WrongMoment, PollMalformed for a roll that is no list, ImportFault for the file.
    """
    poll = await draft_of(tx, viewer, poll_id)
    if RollBasis(poll.row["basis"]) is not RollBasis.list:
        raise PollMalformed("选民册按名单的表决才能导入名单")
    lines, faults = await asyncio.to_thread(read_lines, content, name, NEEDED, OPTIONAL)
    people = await _people(tx, vault, lines)
    entries, taken = [], set[UUID]()
    for line in lines:
        entry, reason = _entry(line, people, taken)
        if reason is not None:
            faults.append(LineFault(line.number, reason))
        else:
            entries.append(entry)
    if not entries and not faults:
        faults.append(LineFault(1, "名单是空的"))
    applied = not dry_run and not faults
    if applied:
        await set_entries(tx, viewer, poll, entries, {"file": name, "entries": len(entries)})
    bad = sorted(faults, key=lambda fault: fault.line)
    return {
        "file_name": name,
        "dry_run": dry_run,
        "applied": applied,
        "lines": len(lines) + len(faults) - sum(fault.line in {x.number for x in lines} for fault in faults),
        "persons": sum(e["persons"] for e in entries),
        "area": str(sum((Decimal(e["area"]) for e in entries), Decimal(0))),
        "with_account": len(taken),
        "refused": len(bad),
        "faults": [{"line": fault.line, "reason": fault.reason} for fault in bad[:MOST_SHOWN]],
        "sample": [{k: e[k] for k in ("label", "persons", "area")} for e in entries[:SAMPLE]],
    }


async def _people(tx: AsyncSession, vault: Vault, lines: list[Line]) -> dict[str, UUID]:
    """Who has bound which of the numbers."""
    index = {vault.index(PHONE, line["手机号"]): line["手机号"] for line in lines if line["手机号"]}
    found = await tx.execute(
        select(col(Person.phone_index), col(Person.id)).where(
            col(Person.phone_index).in_(list(index)), col(Person.state) == PersonState.active
        )
    )
    return {index[bytes(key)]: person for key, person in found if key is not None}


def _entry(line: Line, people: dict[str, UUID], taken: set[UUID]) -> tuple[dict[str, Any], str | None]:
    """The entry, or why the line is refused."""
    phone, count, area = line["手机号"], line["票数"] or "1", _area(line["面积"])
    person = people.get(phone)
    if phone and not _PHONE.fullmatch(phone):
        return {}, f"手机号“{phone}”不是号码"
    if not _COUNT.fullmatch(count) or int(count) > MOST_PERSONS:
        return {}, f"票数应为 1–{MOST_PERSONS} 的整数，实为“{count}”"
    if area is None:
        return {}, f"面积应为不小于 0、至多两位小数的数，实为“{line['面积']}”"
    if person is not None and person in taken:
        return {}, f"手机号“{phone}”在名单上出现了两次"
    if person is not None:
        taken.add(person)
    label = {"label": line["名称"], "person_id": str(person) if person is not None else None}
    return {**label, "persons": int(count), "area": str(area)}, None


def _area(text: str) -> Decimal | None:
    try:
        value = Decimal(text or "0")
    except InvalidOperation:
        return None
    exponent = value.as_tuple().exponent
    good = isinstance(exponent, int) and exponent >= -2 and 0 <= value <= MOST_AREA
    return value if good else None
