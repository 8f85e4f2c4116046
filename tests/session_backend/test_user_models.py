"""The tests that concern users, on a site whose users have a UUID for a primary key."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

FILES = [
    "test_matrix.py",
    "test_models.py",
    "test_owner.py",
    "test_querysets.py",
    "test_receivers.py",
]


def test_a_user_model_with_a_uuid_key() -> None:
    tests = [f"tests/session_backend/{name}" for name in FILES]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--no-cov", *tests],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.uuid_site.settings"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert " passed" in run.stdout
