"""How far a long command has come."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib import import_module
from typing import Any

__all__ = ["progress"]


@contextmanager
def progress(
    count: Callable[[], int | None], unit: str, verbosity: int = 1, *, scaled: bool = False
) -> Iterator[Callable[[int], object]]:
    """Draw a bar on standard error and yield the function that moves it on by so many units.

    Only a terminal gets one, and only where ``tqdm`` is installed (the extra ``progress``); the
    total is not counted for anything else. ``scaled`` shortens large numbers: bytes, say.
    """
    tqdm = _tqdm() if verbosity > 0 and sys.stderr.isatty() else None
    if tqdm is None:
        yield _nothing
        return
    with tqdm(total=count(), unit=f" {unit}", unit_scale=scaled, leave=False) as bar:
        yield bar.update


def _tqdm() -> Callable[..., AbstractContextManager[Any]] | None:
    try:
        return import_module("tqdm").tqdm  # type: ignore[no-any-return]
    except ImportError:
        return None


def _nothing(steps: int) -> None:
    """Stand in for a bar that nobody sees."""
