from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from itertools import chain
from typing import Any

import pytest
from django.core.management import CommandError, load_command_class
from django.utils import timezone

from session_backend.management.base import BatchCommand, progress
from session_backend.management.commands import clearsessions
from session_backend.models import Session

Run = Callable[..., str]
COMMANDS = ("clearsessions", "enrichsessions", "migratesessions", "revokesessions")


# The options.


@pytest.mark.parametrize("name", [*COMMANDS, "download_geoip_db"])
def test_help_says_what_it_does(name: str) -> None:
    command = load_command_class("session_backend", name)
    text = command.create_parser("manage.py", name).format_help()
    assert " ".join(command.help.split()[:6]) in " ".join(text.split())
    assert ("--batch-size N" in text) == (name in COMMANDS)


@pytest.mark.parametrize("size", ["0", "5001", "many", "-3", "²"])
def test_a_batch_size_out_of_bounds_is_an_error(size: str, run: Run) -> None:
    with pytest.raises(CommandError, match="is not a number from 1 to 5000"):
        run("enrichsessions", f"--batch-size={size}")


def test_a_batch_size_within_bounds_is_accepted(db: None, run: Run) -> None:
    assert "Changed 0 sessions" in run("enrichsessions", "--batch-size=5000")


def test_ctrl_c_says_how_to_continue(db: None, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*args: Any) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(clearsessions.Command, "delete", interrupted)
    with pytest.raises(CommandError, match="Run the command again to do the rest") as raised:
        run("clearsessions")
    assert raised.value.returncode == 130


# Batches.


@pytest.mark.parametrize("column", ["session_key", "expire_date"])
@pytest.mark.parametrize(
    ("number", "sizes"), [(0, [0]), (1, [1]), (2, [2]), (3, [2, 1]), (4, [2, 2]), (5, [2, 2, 1])]
)
def test_batches_are_ranges_of_a_column(
    db: None, column: str, number: int, sizes: list[int]
) -> None:
    for day in range(number):
        expire_date = timezone.now() + timedelta(days=day)
        Session.objects.create(session_key=f"{day:032}", expire_date=expire_date)
    command = BatchCommand()
    command.batch_size, command.verbosity = 2, 0
    batches = [
        list(batch.order_by(column)) for batch in command.batches(Session.objects.all(), column)
    ]
    assert [len(batch) for batch in batches] == sizes
    assert list(chain.from_iterable(batches)) == list(Session.objects.order_by(column))


# Progress.


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def on_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    # Not a fixture: pytest replaces the file between the fixture and the test.
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    return terminal


def never() -> int:
    pytest.fail("counted without a progress bar")


def test_a_terminal_shows_a_progress_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_terminal(monkeypatch)
    with progress(lambda: 4, "sessions") as advance:
        advance(4)
    assert "/4 [" in terminal.getvalue()
    assert " sessions/s]" in terminal.getvalue()


def test_without_a_terminal_nothing_is_drawn_or_counted(capsys: pytest.CaptureFixture[str]) -> None:
    with progress(never, "sessions") as advance:
        advance(2)
    assert capsys.readouterr().err == ""


def test_verbosity_0_draws_nothing_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_terminal(monkeypatch)
    with progress(never, "sessions", 0) as advance:
        advance(2)
    assert terminal.getvalue() == ""


def test_without_tqdm_nothing_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_terminal(monkeypatch)
    monkeypatch.setitem(sys.modules, "tqdm", None)
    with progress(never, "sessions") as advance:
        advance(2)
    assert terminal.getvalue() == ""
