"""The working calendar as administrators see and replace it."""

from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from api.kit import clock
from api.kit.problems import Malformed, WrongMoment
from api.rules.calendar import KIND_TITLES, WorkingCalendar, provisional_warning
from api.rules.calendar_import import parse_calendar
from api.rules.roles import Permission
from api.services import calendars
from api.services.access import Viewer, require_anywhere
from api.services.people.accounts import title_of


class CalendarFaulty(Malformed):
    status, code, title = 422, "calendar_faulty", "放假安排文件有误"
    advice = "按 errors 中的行号更正后整份重新提交；有误的文件不会写入任何内容。"


async def current(tx: AsyncSession, viewer: Viewer) -> dict[str, Any]:
    """The calendar in force, with a warning when it runs out. For everybody who handles cases."""
    await require_anywhere(tx, viewer, Permission.case_read)
    return _view(await calendars.current(tx))


async def replace(tx: AsyncSession, viewer: Viewer, csv: bytes, note: str) -> dict[str, Any]:
    """A new version in which the years of the file are replaced. Raises NotAllowed, CalendarFaulty, WrongMoment."""
    await require_anywhere(tx, viewer, Permission.calendar_write)
    before = await calendars.current(tx)
    read = parse_calendar(_decoded(csv), before)
    if read.faults:
        raise CalendarFaulty(
            f"放假安排有 {len(read.faults)} 处错误，未写入：{read.faults[0]}",
            errors=[{"loc": ["line", f.line], "msg": f.text, "type": "calendar"} for f in read.faults],
        )
    try:
        async with tx.begin_nested():
            after = await calendars.add_version(
                tx, read.days, note, viewer.person_id, await title_of(tx, viewer)
            )
    except IntegrityError:
        raise WrongMoment("别人刚刚更新了工作日历，请查看后再决定", moves=[]) from None
    return _view(after)


def _decoded(csv: bytes) -> str:
    """UTF-8, or what Excel saves in China. Raises CalendarFaulty."""
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return csv.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise CalendarFaulty(
        "文件不是 UTF-8 或 GB 18030 编码的文字",
        errors=[{"loc": ["line", 1], "msg": "编码不能识别", "type": "encoding"}],
    )


def _view(calendar: WorkingCalendar) -> dict[str, Any]:
    return {
        "version": calendar.version,
        "known_from": calendar.known_from,
        "known_through": calendar.known_through,
        "warning": provisional_warning(calendar, clock.local(clock.now()).date()),
        "office_hours": str(calendar.office_hours),
        "service_hours": str(calendar.service_hours),
        "days": [
            {"date": day, "kind": special.kind, "kind_title": KIND_TITLES[special.kind], "name": special.name}
            for day, special in sorted(calendar.exceptions.items())
        ],
    }
