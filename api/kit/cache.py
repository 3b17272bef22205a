"""Redis: what may be lost. One client a process; its pool must exceed the server's concurrency."""

import redis.asyncio as redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

Redis = redis.Redis
TIMEOUT_S = 2.0


def connect(url: str, *, max_connections: int = 1024) -> Redis:
    """A client that connects on first use and fails within two seconds when Redis is away."""
    return redis.Redis.from_url(
        url,
        max_connections=max_connections,
        socket_timeout=TIMEOUT_S,
        socket_connect_timeout=TIMEOUT_S,
        retry=Retry(NoBackoff(), 1),  # a connection Redis closed is opened again at once
    )
