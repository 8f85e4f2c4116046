from __future__ import annotations

import sys
from io import StringIO

import pytest

from session_backend.management.progress import progress


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def on_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    # Not a fixture: between that and the test, pytest puts its own file in place.
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    return terminal


def never() -> int:
    pytest.fail("counted for nobody")


def test_a_terminal_sees_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_terminal(monkeypatch)
    with progress(lambda: 4, "sessions") as advance:
        advance(4)
    assert "/4 [" in terminal.getvalue()
    assert " sessions/s]" in terminal.getvalue()


def test_anything_else_sees_and_counts_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with progress(never, "sessions") as advance:
        advance(2)
    assert capsys.readouterr().err == ""


def test_verbosity_0_is_silent_on_a_terminal_too(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_terminal(monkeypatch)
    with progress(never, "sessions", 0) as advance:
        advance(2)
    assert terminal.getvalue() == ""


def test_without_tqdm_there_is_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_terminal(monkeypatch)
    monkeypatch.setitem(sys.modules, "tqdm", None)
    with progress(never, "sessions") as advance:
        advance(2)
    assert terminal.getvalue() == ""
