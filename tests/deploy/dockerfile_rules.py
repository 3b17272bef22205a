"""Rules for the Dockerfile that a general linter does not know."""

import json
import re
from collections.abc import Iterator
from typing import NamedTuple

from tests.deploy.shipped import ROOT

SECRET = re.compile(r"\b\w*(PASSWORD|SECRET|TOKEN|_KEY|DATABASE_URL|REDIS_URL)\w*=", re.I)


class Instruction(NamedTuple):
    stage: int
    name: str
    value: str


def parse(text: str) -> list[Instruction]:
    """Instructions with their continuation lines joined and comments dropped; no heredocs, which we do not use."""
    lines = (line for line in text.splitlines() if not line.lstrip().startswith("#"))
    joined = re.sub(r"\\\n", " ", "\n".join(lines))
    found, stage = [], -1
    for line in filter(None, map(str.strip, joined.splitlines())):
        name, _, value = line.partition(" ")
        stage += name.upper() == "FROM"
        found.append(Instruction(stage, name.upper(), value.strip()))
    return found


def faults(text: str) -> list[str]:
    """Every fault of a Dockerfile, by name."""
    return list(_faults(parse(text)))


def healthcheck(text: str) -> list[str]:
    """The command of the last HEALTHCHECK, which must be in exec form."""
    value = [i.value for i in parse(text) if i.name == "HEALTHCHECK"][-1]
    command: list[str] = json.loads(value[value.index("CMD") + 3 :])
    return command


def _faults(instructions: list[Instruction]) -> Iterator[str]:
    last = max(i.stage for i in instructions)
    final = [i for i in instructions if i.stage == last]
    yield from _images(instructions)
    yield from _user(final)
    yield from _commands(final)
    yield from _installs(instructions, last)
    yield from _copies(instructions)
    for instruction in instructions:
        if instruction.name in ("ENV", "ARG") and SECRET.search(instruction.value + "="):
            yield f"secret-in-image: {instruction.value}"
    if not any(i.name == "ENV" and "LINLI_MODE=production" in i.value for i in final):
        yield "not-production: the image must refuse development defaults"


def _images(instructions: list[Instruction]) -> Iterator[str]:
    stages: set[str] = set()
    for instruction in instructions:
        if instruction.name == "FROM":
            image, _, name = instruction.value.partition(" AS ")
            if image not in stages and not re.search(r":\d+\.\d+\.\d+|@sha256:", image):
                yield f"unpinned-image: {image}"
            stages.add(name)
    if len(stages) < 2:
        yield "single-stage: what builds the image must not be in it"


def _user(final: list[Instruction]) -> Iterator[str]:
    users = [i.value for i in final if i.name == "USER"]
    if not users or not re.fullmatch(r"[1-9]\d*:[1-9]\d*", users[-1]):
        yield f"root-user: the last USER must be a fixed uid:gid, not {users[-1:]}"


def _commands(final: list[Instruction]) -> Iterator[str]:
    found = {i.name: i.value for i in final}
    for name in ("CMD", "ENTRYPOINT"):
        if name in found and not _is_exec(found[name]):
            yield f"shell-form: {name} would put a shell between the signals and linli"
    if "CMD" not in found:
        yield "no-command: CMD"
    if "CMD" not in found.get("HEALTHCHECK", ""):
        yield "no-healthcheck: the image must tell how it feels"
    elif not _is_exec(found["HEALTHCHECK"].partition("CMD")[2].strip()):
        yield "shell-form: HEALTHCHECK"
    if found.get("STOPSIGNAL") != "SIGTERM":
        yield "stop-signal: linli drains on SIGTERM"


def _installs(instructions: list[Instruction], last: int) -> Iterator[str]:
    for instruction in instructions:
        for command in re.split(r"&&|;", instruction.value) if instruction.name == "RUN" else ():
            if not re.search(r"\bpip\b.*\binstall\b", command):
                continue
            if instruction.stage == last:
                yield f"builds-in-image: {command.strip()}"
            hashed = "--require-hashes" in command and "--only-binary :all:" in command
            ours = "--no-deps" in command and "--no-build-isolation" in command and " -r " not in command
            if not hashed and not ours:
                yield f"unhashed-install: {command.strip()}"
    if not any("-r requirements.lock" in i.value for i in instructions):
        yield "unlocked: requirements.lock is not installed"


def _copies(instructions: list[Instruction]) -> Iterator[str]:
    for instruction in instructions:
        if instruction.name == "ADD":
            yield f"add: {instruction.value}"
        if instruction.name == "COPY" and not instruction.value.startswith("--from="):
            for source in instruction.value.split()[:-1]:
                if source == "." or not (ROOT / source).exists():
                    yield f"missing-source: {source}"


def _is_exec(value: str) -> bool:
    try:
        words = json.loads(value)
    except ValueError:
        return False
    return isinstance(words, list) and all(isinstance(word, str) for word in words)
