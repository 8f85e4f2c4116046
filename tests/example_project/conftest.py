from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.example_project.site import demo, serving


@pytest.fixture(scope="package")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Where the demo has put its files, and what it printed."""
    var = tmp_path_factory.mktemp("example")
    return var, demo(var)


@pytest.fixture(scope="package")
def site(built: tuple[Path, str]) -> Iterator[str]:
    """The address of the example, started on what an earlier run has built."""
    with serving(built[0]) as address:
        yield address
