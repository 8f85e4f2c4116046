"""On what was measured: no names of hosts and no paths."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from datetime import date
from importlib.metadata import version
from pathlib import Path

__all__ = ["machine", "versions"]


def machine() -> str:
    """Return processor, memory and system in a sentence."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{os.cpu_count()} cores ({processor()}), {memory:.0f} GB of memory, "
        f"{platform.system()} {platform.release().partition('-')[0]}"
    )


def processor() -> str:
    """Return the model's name, where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def versions(distributions: Iterable[str]) -> dict[str, str]:
    """Return the date, and the versions of Python and of some distributions."""
    names = dict.fromkeys(distributions)
    installed = {name: version(name) for name in names if name != "django-session-ui"}
    return {
        "Date": date.today().isoformat(),
        "Python": platform.python_version(),
        **installed,
    }
