"""The simulator as a server: alone in a process (`linli wechat-simulator`) or beside a test in a thread."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import uvicorn

from api.wechat.config import WeChatConfig
from api.wechat.simulator.app import simulator_app
from api.wechat.simulator.platform import Platform

_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def serve_simulator(host: str, port: int, config: WeChatConfig, *, callback: str | None = None) -> None:
    """Serve until SIGINT or SIGTERM. `callback`: where pushes go, such as http://127.0.0.1:8000/wechat/push.

    ValueError for an address beyond this machine: `/_control/` asks nobody who they are.
    """
    if host not in _LOOPBACK:
        raise ValueError("微信模拟器只能监听本机地址")
    _server(Platform(config, callback), host, port).run()


@contextlib.contextmanager
def simulator_running(
    config: WeChatConfig, *, callback: str | None = None, port: int = 0
) -> Iterator[tuple[str, Platform]]:
    """A simulator in a thread of this process: its address and its memory. `port` 0 takes a free one."""
    platform = Platform(config, callback)
    with socket.create_server(("127.0.0.1", port)) as listener:
        server = _server(platform, "127.0.0.1", port)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="wechat-simulator")
        thread.start()
        try:
            while not server.started:
                if not thread.is_alive():
                    raise RuntimeError("the WeChat simulator did not start")
                time.sleep(0.01)
            yield f"http://127.0.0.1:{listener.getsockname()[1]}", platform
        finally:
            server.should_exit = True
            thread.join(10)


def _server(platform: Platform, host: str, port: int) -> uvicorn.Server:
    return uvicorn.Server(
        uvicorn.Config(
            simulator_app(platform),
            host=host,
            port=port,
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=1,
        )
    )
