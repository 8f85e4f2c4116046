from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import CommandError, load_command_class

from session_backend.management.commands import clearsessions

Run = Callable[..., str]
COMMANDS = ("clearsessions", "enrichsessions", "migratesessions")


@pytest.mark.parametrize("name", [*COMMANDS, "download_geoip_db"])
def test_help_says_what_it_does(name: str) -> None:
    command = load_command_class("session_backend", name)
    text = command.create_parser("manage.py", name).format_help()
    assert " ".join(command.help.split()[:6]) in " ".join(text.split())
    assert ("--batch-size N" in text) == (name in COMMANDS)


@pytest.mark.parametrize("size", ["0", "5001", "many", "-3", "²"])
def test_a_batch_size_out_of_bounds_is_an_error(size: str, run: Run) -> None:
    with pytest.raises(CommandError, match="is not a number from 1 to 5000"):
        run("clearsessions", f"--batch-size={size}")


def test_a_batch_size_within_them_is_taken(db: None, run: Run) -> None:
    assert "Deleted 0 expired" in run("clearsessions", "--batch-size=5000")


def test_ctrl_c_says_how_to_go_on(db: None, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*args: Any) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(clearsessions.Command, "delete", interrupted)
    with pytest.raises(CommandError, match="run it again for the rest") as raised:
        run("clearsessions")
    assert raised.value.returncode == 130
