"""An API process for the race of voters: the product's own, or a build that looks first and writes afterwards.

`python -m tests.faults.poll_main PORT [check-then-write]`: the second form reads the elector's last turn and writes
the next, as one would without the mark's key. It must be caught.
"""

import sys

import uvicorn

from api.kit import logging
from api.main import create_app
from api.services.polls import casting
from api.settings import Settings
from tests.e2e.topology import replace


def break_guard() -> None:
    """The casting statement without what makes two posts of one elector wait for each other."""
    last = "(select count(*) from marks m where m.poll_id = t.id and m.elector_id = mine.elector_id)"
    sql = replace(casting._CAST.sql, "select t.id, mine.elector_id, 1 from t, mine",
                  f"select t.id, mine.elector_id, 1 + {last} from t, mine")  # fmt: skip
    guard = "on conflict (poll_id, elector_id) do update set turn = marks.turn + 1 where $6::BOOLEAN"
    sql = replace(sql, guard, "")
    casting._CAST.sql = replace(sql, "where mine.entries = 1", "where $6::BOOLEAN and mine.entries = 1")


def main() -> None:
    if "check-then-write" in sys.argv[2:]:
        break_guard()
    logging.configure("WARNING")
    app = create_app(Settings(_env_file=None))
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(sys.argv[1]),
        log_config=None,
        access_log=False,
        loop="uvloop",
        timeout_keep_alive=600,  # a connection closed for being idle would look like a lost vote
    )


if __name__ == "__main__":
    main()
