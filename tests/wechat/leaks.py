"""Looks for secrets where they must not be."""

import logging
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus

_plain = logging.Formatter("%(message)s")


def leaks(records: Iterable[logging.LogRecord], secrets: Iterable[str]) -> Iterator[str]:
    """The messages, tracebacks included, that show one of `secrets`, as it is or as in a URL."""
    wanted = {
        form for secret in secrets if secret for form in (secret, quote(secret), quote_plus(secret, safe=""))
    }
    for record in records:
        written = _plain.format(record)
        yield from (f"{record.name}: {written}" for form in wanted if form in written)
