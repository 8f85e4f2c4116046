"""Run Django's own tests of session stores and of the middleware against ours.

Usage: python -m tests.django_suite [FOLDER]

They come with the source distribution of the installed Django, which pip downloads into the
folder, by default a temporary one.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory

import django

__all__ = ["main"]

ROOT = Path(__file__).parents[2]
# The tests, and the broken cache that some of them use.
WANTED = ("tests/sessions_tests/", "tests/cache/__init__.py", "tests/cache/failing_cache.py")


def download(folder: Path) -> Path:
    """Return Django's source distribution; download it if it is not in the folder."""
    pattern = f"[Dd]jango-{django.__version__}.tar.gz"
    if not list(folder.glob(pattern)):
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        source = ["--no-binary", ":all:", f"Django=={django.__version__}"]
        subprocess.run([*pip, "--dest", str(folder), *source], check=True)
    return next(folder.glob(pattern))


def unpack(archive: Path, folder: Path) -> Path:
    """Unpack the wanted files and return the folder to import them from."""
    with tarfile.open(archive) as members:
        for member in members:
            path = member.name.partition("/")[2]
            content = members.extractfile(member) if path.startswith(WANTED) else None
            if content is not None:
                target = folder / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content.read())
    return folder / "tests"


def run(tests: Path) -> int:
    """Run the adapted tests in a process of their own and return its exit status."""
    command = [sys.executable, "-W", "error", "-m", "django", "test", "tests.django_suite.adapted"]
    env = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(map(str, (tests, ROOT))),
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "SESSION_ENGINE": "session_backend.backends.db",
        # Django's tests import the models of its own sessions.
        "EXTRA_APPS": "django.contrib.sessions sessions_tests tests.django_suite",
    }
    return subprocess.run(command, cwd=ROOT, env=env, check=False).returncode


def main(folder: Path) -> int:
    """Fetch Django's tests into a folder and run them."""
    return run(unpack(download(folder), folder))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        sys.exit(main(Path(sys.argv[1]).resolve()))
    with TemporaryDirectory() as temporary:
        sys.exit(main(Path(temporary)))
