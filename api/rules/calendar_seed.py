"""The holiday arrangements 放假安排 of 2024 to 2026, as the State Council's office published them."""

from collections.abc import Iterator
from datetime import date, timedelta

from api.rules.calendar import DayKind, SpecialDay, WorkingCalendar

# name, first and last day off (month, day), weekend days worked for it
_Arrangement = tuple[str, tuple[int, int], tuple[int, int], tuple[tuple[int, int], ...]]

_ARRANGEMENTS: dict[int, tuple[_Arrangement, ...]] = {
    2024: (  # 国办发明电〔2023〕7号, 2023-10-25
        ("元旦", (1, 1), (1, 1), ()),
        ("春节", (2, 10), (2, 17), ((2, 4), (2, 18))),
        ("清明节", (4, 4), (4, 6), ((4, 7),)),
        ("劳动节", (5, 1), (5, 5), ((4, 28), (5, 11))),
        ("端午节", (6, 10), (6, 10), ()),
        ("中秋节", (9, 15), (9, 17), ((9, 14),)),
        ("国庆节", (10, 1), (10, 7), ((9, 29), (10, 12))),
    ),
    2025: (  # 国办发明电〔2024〕12号, 2024-11-12
        ("元旦", (1, 1), (1, 1), ()),
        ("春节", (1, 28), (2, 4), ((1, 26), (2, 8))),
        ("清明节", (4, 4), (4, 6), ()),
        ("劳动节", (5, 1), (5, 5), ((4, 27),)),
        ("端午节", (5, 31), (6, 2), ()),
        ("国庆节、中秋节", (10, 1), (10, 8), ((9, 28), (10, 11))),
    ),
    2026: (  # 国办发明电〔2025〕7号, 2025-11-04
        ("元旦", (1, 1), (1, 3), ((1, 4),)),
        ("春节", (2, 15), (2, 23), ((2, 14), (2, 28))),
        ("清明节", (4, 4), (4, 6), ()),
        ("劳动节", (5, 1), (5, 5), ((5, 9),)),
        ("端午节", (6, 19), (6, 21), ()),
        ("中秋节", (9, 25), (9, 27), ()),
        ("国庆节", (10, 1), (10, 7), ((9, 20), (10, 10))),
    ),
}


def _days() -> Iterator[tuple[date, SpecialDay]]:
    for year, arrangements in _ARRANGEMENTS.items():
        for name, first, last, makeups in arrangements:
            day = date(year, *first)
            while day <= date(year, *last):
                yield day, SpecialDay(DayKind.holiday, name)
                day += timedelta(days=1)
            for makeup in makeups:
                yield date(year, *makeup), SpecialDay(DayKind.makeup, name)


SEED_2024_2026 = WorkingCalendar(
    version=1,
    exceptions=dict(_days()),
    known_from=date(2024, 1, 1),
    known_through=date(2026, 12, 31),
)
