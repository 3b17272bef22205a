"""The licences of everything linli needs at run time, as the installed packages declare them."""

import ast
import re
from dataclasses import dataclass
from importlib.metadata import Distribution, distribution

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ALLOWED: dict[str, str] = {}
"""Package → why it may stay although its declared licence is copyleft or unclear. Empty is the aim."""

_COPYLEFT = re.compile(r"\b[AL]?GPL|General Public License|\bSSPL|Server Side Public", re.IGNORECASE)
_WORD = re.compile(r"[()]|[^\s()]+")


@dataclass(frozen=True, slots=True)
class Licence:
    package: str
    version: str
    text: str
    """An SPDX expression, else what the package says in its own words; empty where it says nothing."""

    @property
    def acceptable(self) -> bool:
        """Whether one of the alternatives offered is free of copyleft; saying nothing is not acceptable."""
        words = {
            "and": " and ",
            "or": " or ",
            "with": " and ",
            "(": "(",
            ")": ")",
        }  # exceptions count as terms
        terms = (
            words.get(word.lower(), repr(not _COPYLEFT.search(word))) for word in _WORD.findall(self.text)
        )
        try:
            return _holds(ast.parse("".join(terms), mode="eval").body)
        except SyntaxError:  # not an SPDX expression but words: none of them may sound of copyleft
            return bool(self.text) and not _COPYLEFT.search(self.text)


def _holds(node: ast.expr) -> bool:
    match node:
        case ast.BoolOp(op=ast.Or(), values=values):
            return any(map(_holds, values))
        case ast.BoolOp(op=ast.And(), values=values):
            return all(map(_holds, values))
        case ast.Constant(value=bool() as value):
            return value
    raise SyntaxError


def closure(name: str) -> list[str]:
    """Canonical names of everything `name` needs on this machine, itself left out, no extras of its own."""
    seen: dict[str, set[str]] = {}
    waiting: list[tuple[str, set[str]]] = [(name, set())]
    while waiting:
        wanted, extras = waiting.pop()
        key = canonicalize_name(wanted)
        fresh = (extras | {""}) - seen.get(key, set())
        if not fresh:
            continue
        seen.setdefault(key, set()).update(fresh)
        for line in distribution(wanted).requires or ():
            needed = Requirement(line)
            if needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in fresh):
                waiting.append((needed.name, set(needed.extras)))
    return sorted(set(seen) - {canonicalize_name(name)})


def declared(package: Distribution) -> Licence:
    """The SPDX expression where there is one, else the trove classifiers, else the first line of `License`."""
    said = package.metadata.json
    classes = [
        line.rpartition("::")[2].strip()
        for line in said.get("classifier", ())
        if line.startswith("License ::") and line.count("::") > 1
    ]
    own_words = str(said.get("license", "")).strip().split("\n")[0]
    text = str(said.get("license_expression", "")) or "; ".join(classes) or own_words
    return Licence(package.name, package.version, "" if text == "UNKNOWN" else text)


def refused(found: list[Licence], allowed: dict[str, str]) -> list[str]:
    """What is wrong, a line each: licences not acceptable, and allowances nobody needs any more."""
    bad = {licence.package: licence for licence in found if not licence.acceptable}
    lines = [
        f"{licence.package} {licence.version}: {licence.text or 'no licence declared'}"
        for licence in bad.values()
        if canonicalize_name(licence.package) not in allowed
    ]
    needless = sorted(set(allowed) - {canonicalize_name(name) for name in bad})
    return lines + [f"{name}: allowed, but needs no allowance" for name in needless]


def runtime() -> list[Licence]:
    return [declared(distribution(name)) for name in closure("linli")]
