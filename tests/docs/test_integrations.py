"""Other packages, from PyPI, in a project that follows the page about them."""

from __future__ import annotations

import os
import re
import venv
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, ROOT, blocks, page
from tests.test_packaging import run

pytestmark = pytest.mark.packaging

DJANGO = os.environ.get("PACKAGING_DJANGO", "Django")
PAGE = "how-to/integrations.md"
# By heading on the page: the module that tests it, and the package on PyPI.
PACKAGES = {
    "django-allauth": ("with_allauth", "django-allauth"),
    "django-two-factor-auth": ("with_two_factor", "django-two-factor-auth"),
    "Channels": ("with_channels", "channels"),
    "Django REST framework": ("with_drf", "djangorestframework"),
    "django-hijack": ("with_hijack", "django-hijack"),
    "django-impersonate": ("with_impersonate", "django-impersonate"),
    "Wagtail": ("with_wagtail", "wagtail"),
}
SERVERS = ["daphne", "uvicorn", "websockets"]


def versions() -> dict[str, str]:
    """Return the tested version of each package, as the page gives it."""
    return dict(re.findall(r"^## (.+)\n\n\*(\d+\.\d+), ", page(PAGE), re.MULTILINE))


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make an environment with this distribution and the packages, in the page's versions."""
    folder = tmp_path_factory.mktemp("integrations")
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    tried = [f"{PACKAGES[heading][1]}=={version}.*" for heading, version in versions().items()]
    run(python, "-m", "pip", "install", "--quiet", ROOT, DJANGO, *tried, *SERVERS, cwd=folder)
    return python


def test_versions_named() -> None:
    assert set(versions()) == set(PACKAGES)


@pytest.mark.parametrize("heading", PACKAGES)
def test_integration(heading: str, python: Path, tmp_path: Path) -> None:
    followed = [block for block in blocks(DOCS / PAGE) if block.heading == heading]
    assert followed
    for block in followed:
        file = tmp_path / block.caption
        file.parent.mkdir(exist_ok=True)
        file.write_text(block.text)
    module = f"tests.docs.integrations.{PACKAGES[heading][0]}"
    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    run(python, "-Wignore", "-m", module, cwd=tmp_path, PYTHONPATH=path)
