"""Embedded PostgreSQL and Valkey: the program's own engines, from binaries that come with it.

Private unix sockets only, passwords always, no account made, no permission widened, no orphan left.
"""

from api.kit.engines.embedded import EmbeddedEngines, is_running
from api.kit.engines.faults import EngineFault
from api.kit.engines.layout import Addresses

__all__ = ["Addresses", "EmbeddedEngines", "EngineFault", "is_running"]
