"""Becomes an engine: takes on its identity, ties its life to its parent's, then execs.

Run as a script (`python -I -S launch.py <spec as JSON>`) in a fresh, single-threaded process, where
namespaces and identities may be changed safely; a preexec function of a threaded parent may not.
Standard library only, nothing of ours.
"""

import ctypes
import errno
import json
import os
import select
import signal
import sys
from pathlib import Path
from typing import NoReturn, TypedDict

NAMESPACE_REFUSED, IDENTITY_REFUSED, FOLDER_CLOSED, NOT_EXECUTABLE, PARENT_GONE = range(70, 75)
"""Exit codes of a launch that did not become the engine; neither PostgreSQL nor Valkey uses them."""

_CLONE_NEWUSER = 0x10000000
_PR_SET_PDEATHSIG = 1
_PATIENCE = 20.0
"""Seconds the watchdog gives an engine between the polite signal and SIGKILL."""


class Spec(TypedDict):
    """What to become."""

    argv: list[str]
    drop: tuple[int, int] | None
    """(uid, gid) to change to; for root only."""
    inside: tuple[int, int] | None
    """(uid, gid) that our own shall be called in a new user namespace."""
    folders: list[str]
    """Folders that must be open to the new identity."""
    parent: int
    death_signal: int
    """What the engine receives when its parent dies."""
    lifeline: int | None
    """Read end of a pipe that the parent holds open; None where the kernel tells of its death (Linux)."""
    lock: int | None
    """The engine's lock, which the engine keeps and the watchdog must not."""


def become(spec: Spec) -> NoReturn:
    """Never returns: the engine, or one of the exit codes above with one line on stderr."""
    if spec["drop"]:
        _drop(*spec["drop"])
    if spec["inside"]:
        _enter_namespace(*spec["inside"])
    os.umask(0o077)
    for folder in spec["folders"]:
        if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            _give_up(FOLDER_CLOSED, folder)
    _forget_signals()
    if spec["lifeline"] is None:
        _die_with_parent(spec["death_signal"])
    else:
        _leave_watchdog(spec["lifeline"], spec["lock"], spec["death_signal"])
    if os.getppid() != spec["parent"]:  # it died before the tie was made
        _give_up(PARENT_GONE, "the parent is gone")
    try:
        os.execv(spec["argv"][0], spec["argv"])  # noqa: S606  (no shell is meant)
    except OSError as error:
        _give_up(NOT_EXECUTABLE, str(error))


def _give_up(code: int, why: str) -> NoReturn:
    os.write(2, f"{why}\n".encode())
    os._exit(code)


def _drop(uid: int, gid: int) -> None:
    try:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    except OSError as error:
        _give_up(IDENTITY_REFUSED, f"cannot become uid {uid}: {error}")


def _enter_namespace(uid: int, gid: int) -> None:
    """The kernel goes on seeing our real uid, the engine sees `uid`: not root, and no account is needed."""
    outer_uid, outer_gid = os.geteuid(), os.getegid()
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        if os.geteuid() == 0:
            os.setgroups([])
        if libc.unshare(_CLONE_NEWUSER) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{uid} {outer_uid} 1")
        Path("/proc/self/gid_map").write_text(f"{gid} {outer_gid} 1")
    except (OSError, AttributeError) as error:  # AttributeError: this system has no unshare
        _give_up(NAMESPACE_REFUSED, f"no user namespace: {error}")


def _forget_signals() -> None:
    """Ignored and blocked signals outlive exec: an engine must not inherit nohup's or Python's choice."""
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        try:
            signal.signal(number, signal.SIG_DFL)
        except OSError as error:
            if error.errno != errno.EINVAL:  # the C library keeps a few real-time signals to itself
                raise
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _die_with_parent(death_signal: int) -> None:
    """After the identity: the kernel forgets the wish whenever credentials change."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, death_signal, 0, 0, 0)


def _leave_watchdog(lifeline: int, lock: int | None, death_signal: int) -> None:
    """Forks twice, so that the engine never meets a child that it does not know."""
    engine = os.getpid()
    gone, held = os.pipe()
    os.set_inheritable(held, True)  # the engine and all its children hold it; its end means they are gone
    child = os.fork()
    if child == 0:
        if os.fork() == 0:
            os.close(held)
            if lock is not None:
                os.close(lock)
            _watch(engine, lifeline, gone, death_signal)
        os._exit(0)
    os.waitpid(child, 0)
    os.close(lifeline)
    os.close(gone)


def _watch(engine: int, lifeline: int, gone: int, death_signal: int) -> NoReturn:
    os.setsid()
    if gone not in select.select([lifeline, gone], [], [])[0]:
        os.kill(engine, death_signal)
        if not select.select([gone], [], [], _PATIENCE)[0]:
            os.kill(engine, signal.SIGKILL)
    os._exit(0)


if __name__ == "__main__":
    become(json.loads(sys.argv[1]))
