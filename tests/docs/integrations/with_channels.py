"""Channels: a WebSocket knows its user, and a revoked cookie cannot connect."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from django.contrib.auth import get_user_model
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.browsers import LAPTOP, PASSWORD, PHONE, Browser
from tests.docs.integrations import channels_site  # It sets the project up.
from tests.docs.integrations.project import revoke_other

HOST = "127.0.0.1"
SERVERS = {
    "daphne": ["--bind", HOST, "--port"],
    "uvicorn": ["--host", HOST, "--log-level", "warning", "--port"],
}


@contextmanager
def served_by(server: str) -> Iterator[str]:
    """Start the project and return its address."""
    with socket.socket() as free:
        free.bind((HOST, 0))
        port = free.getsockname()[1]
    application = f"{channels_site.__name__}:application"
    process = subprocess.Popen(
        [sys.executable, "-m", server, *SERVERS[server], str(port), application],
        stdout=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 30
        with socket.socket() as client:
            while client.connect_ex((HOST, port)):
                assert process.poll() is None, f"{server} stopped"
                assert time.monotonic() < deadline, f"{server} does not answer"
                time.sleep(0.1)
        yield f"ws://{HOST}:{port}/news/"
    finally:
        process.terminate()
        process.wait(10)


def signed_in(device: dict[str, Any]) -> Browser:
    browser = Browser(device)
    assert browser.login(username="ana", password=PASSWORD)
    return browser


def send(connection: ClientConnection) -> Any:
    """Send a message and return the reply, or the code with which the socket was closed."""
    connection.send(json.dumps("hello"))
    with suppress(ConnectionClosed):
        return json.loads(connection.recv(timeout=10))
    return connection.close_code


def refusal(address: str, cookie: dict[str, str]) -> int | None:
    """Try to connect and return the status of the refusal, or None."""
    try:
        connect(address, additional_headers=cookie).close()
    except InvalidStatus as refused:
        return int(refused.response.status_code)
    return None


def main() -> None:
    get_user_model().objects.create_user("ana", password=PASSWORD)
    for server in SERVERS:
        laptop, phone = signed_in(LAPTOP), signed_in(PHONE)
        cookie = {"Cookie": f"sessionid={phone.cookies['sessionid'].value}"}
        with served_by(server) as address:
            with connect(address, additional_headers=cookie) as connection:
                assert send(connection) == {"you said": "hello"}
                revoke_other(laptop)
                assert send(connection) == 4401
            assert refusal(address, cookie) == 403
        laptop.logout()


if __name__ == "__main__":
    main()
