"""观点图 as data: what a drawing found, and what may be said of it. Shapes only; drawn by api/rules/opinions.py."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Counts:
    """Stances on one statement: of everybody, or of one group."""

    agree: int
    disagree: int
    passed: int

    @property
    def given(self) -> int:
        return self.agree + self.disagree + self.passed

    @property
    def likely_agree(self) -> float:
        """Share agreeing with one pseudo-count each way, so that few stances say little."""
        return (self.agree + 1) / (self.given + 2)

    @property
    def likely_disagree(self) -> float:
        return (self.disagree + 1) / (self.given + 2)


@dataclass(frozen=True, slots=True)
class Spoken:
    """One statement on the map; `statement` is its index."""

    statement: int
    x: float
    y: float
    mean: float
    all: Counts
    groups: tuple[Counts, ...]
    consensus: float
    """Product over the groups of the likely share agreeing, 0–1: high only where every group agrees."""
    dividing: float
    """Largest difference between two groups' likely shares agreeing, 0–1."""


@dataclass(frozen=True, slots=True)
class Typical:
    """A statement that tells a group from the others: how it stands, and by how much (z of two proportions)."""

    statement: int
    agrees: bool
    share: float
    z: float


@dataclass(frozen=True, slots=True)
class Group:
    """观点群体: its size, centre and typical statements, the most telling first."""

    size: int
    x: float
    y: float
    typical: tuple[Typical, ...]


@dataclass(frozen=True, slots=True)
class Base:
    """People with nearly the same opinions, drawn as one dot."""

    x: float
    y: float
    people: int
    group: int


@dataclass(frozen=True, slots=True)
class OpinionMap:
    """The map of one consultation. Without groups where too few people took part."""

    people: int
    placed: int
    stances: int
    silhouette: float | None
    groups: tuple[Group, ...]
    bases: tuple[Base, ...]
    statements: tuple[Spoken, ...]
    membership: tuple[int, ...] = field(repr=False)
    """The group of each person by index, -1 for one without a place. Not for publication."""

    def agreed(self) -> list[Spoken]:
        """Statements every group agrees on more likely than not, the most agreed first."""
        found = [
            s for s in self.statements if s.groups and all(g.agree and g.likely_agree > 0.5 for g in s.groups)
        ]
        return sorted(found, key=lambda s: (-s.consensus, s.statement))

    def dividing(self) -> list[Spoken]:
        """Statements on which two groups stand on different sides, the most dividing first."""
        found = [
            s
            for s in self.statements
            if s.groups
            and max(g.likely_agree for g in s.groups) > 0.5
            and max(g.likely_disagree for g in s.groups) > 0.5
        ]
        return sorted(found, key=lambda s: (-s.dividing, s.statement))
