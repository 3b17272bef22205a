"""A child that ends when its parent does, wherever it runs: it looks who its parent is."""

import os
import signal
import threading
import time

ENVIRONMENT = "LINLI_PARENT"
_EVERY_S = 0.5
_PATIENCE_S = 30.0
"""Longer than a drain takes; nobody is left who would kill a child that hangs."""


def tie() -> None:
    """End this process politely (SIGTERM to itself) once the parent named in the environment is gone."""
    parent = os.environ.pop(ENVIRONMENT, "")
    if not parent.isdigit():
        return

    def watch() -> None:
        while os.getppid() == int(parent):
            time.sleep(_EVERY_S)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(_PATIENCE_S)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, name="lifeline", daemon=True).start()
