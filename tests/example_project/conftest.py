from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.example_project.site import demo, serving


@pytest.fixture(scope="package")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of the demo's files, and what it printed."""
    var = tmp_path_factory.mktemp("example")
    return var, demo(var)


@pytest.fixture(scope="package")
def site(built: tuple[Path, str]) -> Iterator[str]:
    """The address of the example, running on the files of an earlier run."""
    with serving(built[0]) as address:
        yield address
