"""Valkey (or Redis): append-only file synced each second, private socket and a password."""

import os
import signal
import socket
import string
from pathlib import Path

from api.kit.engines.engine import Engine
from api.kit.engines.identity import Identity
from api.kit.engines.layout import Layout, Passwords, make_folder, open_private

_PLAIN = (string.ascii_letters + string.digits + "/-_.").encode()


class Valkey(Engine):
    name = "valkey"
    title = "Valkey"
    # Polite also at our sudden death: what it answered for may still wait up to two seconds to be written.
    death_signal = signal.SIGTERM
    farewell = ((signal.SIGTERM, 10.0),)

    def __init__(
        self, layout: Layout, identity: Identity, program: Path, passwords: Passwords, *, small: bool
    ) -> None:
        super().__init__(layout, identity)
        self._program = program
        self._passwords = passwords
        self._small = small

    @property
    def home(self) -> Path:
        return self.layout.valkey

    @property
    def configuration(self) -> Path:
        return self.home / "valkey.conf"

    def prepare(self, lock: int) -> None:
        if make_folder(self.home):
            self.identity.own(self.home)
        self.identity.own_all(self.home)
        settings = {
            "port": "0",
            "unixsocket": quoted(self.layout.valkey_socket),
            "unixsocketperm": "700",
            "requirepass": self._passwords.valkey,
            "dir": quoted(self.home),
            "daemonize": "no",
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": '""',
            "maxmemory": "64mb" if self._small else "512mb",
            "maxmemory-policy": "noeviction",  # sessions and queued work are refused, never silently dropped
            "maxclients": "2000",
            "set-proc-title": "no",
        }
        descriptor = open_private(self.configuration, os.O_WRONLY | os.O_TRUNC, self.identity)
        with os.fdopen(descriptor, "w") as file:  # a file, because arguments are for every user to see
            file.writelines(f"{name} {value}\n" for name, value in settings.items())

    def command(self) -> list[str]:
        return [str(self._program), str(self.configuration)]

    def answers(self) -> bool:
        return answers(self.layout, self._passwords)

    def cure(self) -> str:
        return (
            f"请查看 {self.log_file}。若是追加日志损坏，可移走 {self.home / 'appendonlydir'} 再启动："
            "其中没有不可重建的数据，只是所有人需要重新登录。"
        )


def quoted(path: Path) -> str:
    """`path` as the configuration file takes it whatever bytes it holds."""
    return '"' + "".join(chr(b) if b in _PLAIN else f"\\x{b:02x}" for b in os.fsencode(path)) + '"'


def answers(layout: Layout, passwords: Passwords) -> bool:
    """Whether it lets us in and has read its data: PONG, rather than LOADING or nothing."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(2)
            connection.connect(str(layout.valkey_socket))
            connection.sendall(f"AUTH {passwords.valkey}\r\nPING\r\n".encode())
            said = b""
            while said.count(b"\r\n") < 2 and (more := connection.recv(512)):
                said += more
            return said == b"+OK\r\n+PONG\r\n"
    except OSError:
        return False
