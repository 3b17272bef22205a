"""Hash trees as RFC 6962, section 2.1, defines them: SHA-256, 0x00 before a leaf's content, 0x01 before a node."""

from collections.abc import Sequence
from hashlib import sha256

EMPTY = sha256(b"").digest()


def leaf_hash(content: bytes) -> bytes:
    return sha256(b"\x00" + content).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def _levels(leaves: Sequence[bytes]) -> list[list[bytes]]:
    """From the leaves up to the root. An odd last node moves up as it is, which is what RFC 6962's split comes to."""
    levels = [list(leaves)]
    while len(levels[-1]) > 1:
        below = levels[-1]
        level = [_node(below[i], below[i + 1]) for i in range(0, len(below) - 1, 2)]
        levels.append(level + ([below[-1]] if len(below) % 2 else []))
    return levels


def root(leaves: Sequence[bytes]) -> bytes:
    """The tree head of leaf hashes in this order."""
    return _levels(leaves)[-1][0] if leaves else EMPTY


def path(leaves: Sequence[bytes], index: int) -> list[tuple[str, bytes]]:
    """From leaf `index` to the root: at each step on which side ("left", "right") the other node stands, and it."""
    found = []
    for level in _levels(leaves)[:-1]:
        other = index ^ 1
        if other < len(level):
            found.append(("left" if other < index else "right", level[other]))
        index //= 2
    return found


def climb(leaf: bytes, steps: Sequence[tuple[str, bytes]]) -> bytes:
    """The root a path leads to."""
    for side, other in steps:
        leaf = _node(other, leaf) if side == "left" else _node(leaf, other)
    return leaf
