"""The servers that the tests start, break and stop. They listen on the loopback interface only."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

__all__ = ["Postgres", "Proxy", "Redis", "Site", "free_port", "postgres_binaries"]

ROOT = Path(__file__).parents[2]
HOST = "127.0.0.1"
ADD_ALICE = (
    "from django.contrib.auth.models import User; User.objects.get_or_create(username='alice')"
)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        return int(listener.getsockname()[1])


def is_open(port: int) -> bool:
    with socket.socket() as client:
        client.settimeout(1)
        return client.connect_ex((HOST, port)) == 0


def wait_until(true: Callable[[], bool], seconds: float = 30) -> None:
    """Wait until a condition holds, and fail if it never does."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError(true)
        time.sleep(0.02)


class Server:
    """A process in a new process group, so that it stops with all its children."""

    port: int
    process: subprocess.Popen[bytes] | None = None

    def __init__(self, directory: Path) -> None:
        self.port = free_port()
        self.log = directory / f"{type(self).__name__}-{self.port}.log"

    def run(
        self, *command: str, env: Mapping[str, str] | None = None, user: str | None = None
    ) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command,
                cwd=ROOT if user is None else "/",
                env={**os.environ, **(env or {})},
                user=user,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def send(self, number: signal.Signals) -> None:
        assert self.process is not None
        os.killpg(self.process.pid, number)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        if self.process is None:
            return
        with suppress(ProcessLookupError):
            self.send(signal.SIGCONT)
            self.process.send_signal(number)
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.send(signal.SIGKILL)
            self.process.wait(15)
        self.process = None


class Redis(Server):
    @property
    def url(self) -> str:
        return f"redis://{HOST}:{self.port}/0"

    def start(self) -> Redis:
        command = ["redis-server", "--port", str(self.port), "--bind", HOST, "--save", ""]
        self.run(*command, "--appendonly", "no", "--dir", str(self.log.parent))
        wait_until(lambda: self.send_command("PING").startswith(b"+PONG"))
        return self

    def send_command(self, command: str) -> bytes:
        """Return the response to a command, or nothing if there is none."""
        with suppress(OSError), socket.create_connection((HOST, self.port), 1) as client:
            client.sendall(f"{command}\r\n".encode())
            return client.recv(100)
        return b""


class Proxy:
    """A proxy that can be told to cut its connections."""

    def __init__(self, target: int) -> None:
        self.cuts = 0
        self._target = target
        self._is_cutting = False
        self._listener = socket.create_server((HOST, 0))
        self.port = int(self._listener.getsockname()[1])
        self._ends: set[socket.socket] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"redis://{HOST}:{self.port}/0"

    def cut(self) -> None:
        """From now on, close each connection in the middle of a response."""
        self._is_cutting = True

    def restore(self) -> None:
        self._is_cutting = False

    def close(self) -> None:
        self._listener.close()
        for end in list(self._ends):
            end.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                try:
                    server = socket.create_connection((HOST, self._target), 1)
                except OSError:
                    client.close()
                    continue
                server.settimeout(None)
                for end in client, server:
                    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._ends |= {client, server}
                for ways in (client, server, False), (server, client, True):
                    threading.Thread(target=self._pass, args=ways, daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, is_answer: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if is_answer and self._is_cutting:
                    self.cuts += 1
                    target.sendall(data[: len(data) // 2])
                    break
                target.sendall(data)
        for end in source, target:
            self._ends.discard(end)
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


def postgres_binaries() -> Path | None:
    """Return the folder of a PostgreSQL's programs, or None if none is installed."""
    on_path = shutil.which("initdb")
    found = [Path(on_path).resolve()] if on_path else []
    found += Path("/usr/lib/postgresql").glob("*/bin/initdb")
    return found[0].parent if found else None


class Postgres(Server):
    """A new cluster; PostgreSQL does not run as root."""

    def __init__(self, directory: Path, binaries: Path) -> None:
        super().__init__(directory)
        self._binaries = binaries
        self._user: str | None = None
        # Not below pytest's directories, which other users cannot read.
        self._data = Path(tempfile.mkdtemp(prefix="postgres-"))
        if os.geteuid() == 0:
            names = {user.pw_name for user in pwd.getpwall()}
            self._user = "postgres" if "postgres" in names else "nobody"
            shutil.chown(self._data, self._user)
        command = [str(binaries / "initdb"), "-D", str(self._data), "-U", "postgres"]
        self.run(*command, "-A", "trust", "--no-sync", user=self._user)
        assert self.process is not None
        assert self.process.wait(120) == 0, self.log.read_text()

    @property
    def url(self) -> str:
        return f"postgres://postgres@{HOST}:{self.port}/postgres"

    def start(self) -> Postgres:
        settings = [f"port={self.port}", f"listen_addresses={HOST}", "fsync=off"]
        settings += ["unix_socket_directories=", "max_connections=50"]
        options = [part for setting in settings for part in ("-c", setting)]
        program = str(self._binaries / "postgres")
        self.run(program, "-D", str(self._data), *options, user=self._user)
        wait_until(self._answers)
        return self

    def _answers(self) -> bool:
        import psycopg

        with suppress(psycopg.OperationalError):
            psycopg.connect(self.url, connect_timeout=1).close()
            return True
        return False

    def remove(self) -> None:
        self.stop(signal.SIGINT)
        shutil.rmtree(self._data, ignore_errors=True)


class Site(Server):
    """The site of all tests, with the pages of ``urls.py``, in several processes of a server."""

    COMMANDS = {
        "gunicorn": [
            *("gunicorn", "--workers=4", "--bind={host}:{port}", "--log-level=warning"),
            "django.core.wsgi:get_wsgi_application()",
        ],
        "uvicorn": [
            *("uvicorn", "--workers=2", "--host={host}", "--port={port}", "--no-access-log"),
            *("--factory", "django.core.asgi:get_asgi_application"),
        ],
    }

    def __init__(
        self, directory: Path, server: str, engine: str, database: str, cache: str
    ) -> None:
        super().__init__(directory)
        self.is_async = server == "uvicorn"
        self._server = server
        self._env = {
            "DJANGO_SETTINGS_MODULE": "tests.settings",
            "ROOT_URLCONF": "tests.services.urls",
            "SESSION_ENGINE": engine,
            "DATABASE_URL": database,
            "REDIS_URL": cache,
            # Short, so that a test does not have to wait for a minute.
            "ACTIVITY_INTERVAL": "2",
            # Under ASGI every request has a thread of its own, and a connection that is kept is
            # never used again.
            "CONN_MAX_AGE": "0" if self.is_async else "600",
            "PYTHONPATH": str(ROOT),
        }

    def start(self) -> Site:
        self._manage("migrate", "--run-syncdb", "--verbosity=0")
        self._manage("shell", "--command", ADD_ALICE)
        command = [part.format(host=HOST, port=self.port) for part in self.COMMANDS[self._server]]
        self.run(sys.executable, "-m", *command, env=self._env)
        wait_until(lambda: is_open(self.port))
        return self

    def _manage(self, *command: str) -> None:
        self.run(sys.executable, "-m", "django", *command, env=self._env)
        assert self.process is not None
        assert self.process.wait(60) == 0, self.log.read_text()
