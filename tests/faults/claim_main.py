"""An API process for the race of claims: the product's own, or a build that looks first and writes afterwards.

`python -m tests.faults.claim_main PORT [check-then-write]`: the second form keeps every check in Python and drops
the conditions from the statement. It must be caught.
"""

import sys
from typing import Any

import uvicorn

from api.kit import logging
from api.main import create_app
from api.services.needs import claiming
from api.settings import Settings
from tests.e2e.topology import replace


def broken(statement: Any) -> Any:
    """The claiming statement without what makes it a claim: state, version, seat index and counter are not asked."""
    sql = replace(statement.sql, "and state = 'published' and version = ", "and 0 < ")
    sql = replace(sql, "claimants.limited_until > ", "claimants.live < -1 and claimants.limited_until > ")
    sql = replace(sql, "else 3 end", "else 30000 end")
    sql = replace(sql, "took.last_seat, 'claimed'", "1 + (random() * 30000)::int, 'claimed'")
    sql = replace(sql, "free_seats = free_seats[2:]", "free_seats = '{}'")
    statement.sql = replace(
        sql, "case when cardinality(free_seats) > 1 then 'published' else 'claimed' end", "'claimed'"
    )
    return statement


def main() -> None:
    if "check-then-write" in sys.argv[2:]:
        broken(claiming._CLAIM)
    logging.configure("WARNING")
    app = create_app(Settings(_env_file=None))
    uvicorn.run(
        app, host="127.0.0.1", port=int(sys.argv[1]), log_config=None, access_log=False, loop="uvloop"
    )


if __name__ == "__main__":
    main()
