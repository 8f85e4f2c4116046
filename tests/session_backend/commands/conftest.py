from __future__ import annotations

from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command

Run = Callable[..., str]


@pytest.fixture
def run() -> Run:
    """Run a command and return what it printed."""

    def run(name: str, *arguments: str, **options: Any) -> str:
        printed = StringIO()
        call_command(name, *arguments, stdout=printed, stderr=printed, **options)
        return printed.getvalue()

    return run
