"""What people install: the wheel, an editable install, or the bare checkout.

Each is installed alone in one clean environment and must render the list there, from a folder
outside the checkout. A mistake would silently leave out templates and static files.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path
from typing import NamedTuple

import pytest

pytestmark = pytest.mark.packaging

ROOT = Path(__file__).parent.parent
DISTRIBUTION = "django-session-ui"
APPS = ("session_backend", "session_ui")


class Built(NamedTuple):
    sdist: Path
    wheel: Path


def run(*command: str | Path, cwd: Path, **env: str) -> str:
    """Run a command and return its output, or fail the test with it."""
    # The path of this process must not supply what the clean environment lacks.
    own = {"PYTHONPATH", "DJANGO_SETTINGS_MODULE"}
    inherited = {name: value for name, value in os.environ.items() if name not in own}
    done = subprocess.run(
        command, cwd=cwd, env=inherited | env, capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.fail(f"{command} failed:\n{done.stdout}\n{done.stderr}")
    return done.stdout


def files(folder: Path) -> list[Path]:
    """Return the files in a folder, without Python's caches and what links lead to."""
    return [
        Path(here, name)
        for here, _, names in os.walk(folder)
        for name in names
        if not here.endswith("__pycache__")
    ]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Build the sdist, and the wheel from the sdist, as a release does."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--outdir", folder, ROOT, cwd=folder)
    (sdist,) = folder.glob("*.tar.gz")
    (wheel,) = folder.glob("*.whl")
    return Built(sdist, wheel)


@pytest.fixture(scope="module")
def clean_python(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make an environment with the distribution and its dependencies, and nothing else."""
    folder = tmp_path_factory.mktemp("clean")
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    django = os.environ.get("PACKAGING_DJANGO", "Django")
    run(python, "-m", "pip", "install", "--quiet", built.wheel, django, cwd=folder)
    run(python, "-m", "pip", "check", cwd=folder)
    return python


@pytest.mark.parametrize("way", ["wheel", "editable", "checkout"])
def test_renders_the_list(way: str, built: Built, clean_python: Path, tmp_path: Path) -> None:
    pip = (str(clean_python), "-m", "pip", "--quiet")
    env = {}
    run(*pip, "uninstall", "--yes", DISTRIBUTION, cwd=tmp_path)
    if way == "wheel":
        run(*pip, "install", "--no-deps", built.wheel, cwd=tmp_path)
    elif way == "editable":
        run(*pip, "install", "--no-deps", "--editable", ROOT, cwd=tmp_path)
    else:
        env = {"PYTHONPATH": str(ROOT)}
    # Python finds modules in the folder it is started from, and that must not be the checkout.
    shutil.copytree(ROOT / "tests", tmp_path / "tests")

    wanted = [file.relative_to(ROOT / "static") for file in files(ROOT / "static")]
    printed = run(clean_python, "-m", "tests.installed", *wanted, cwd=tmp_path, **env)

    environment = clean_python.parent.parent
    assert Path(printed.strip()).is_relative_to(environment if way == "wheel" else ROOT)


def test_wheel_holds_the_apps_and_nothing_else(built: Built) -> None:
    with zipfile.ZipFile(built.wheel) as archive:
        names = [name for name in archive.namelist() if ".dist-info/" not in name]
    wanted = {str(file.relative_to(ROOT)) for app in APPS for file in files(ROOT / app)}
    for folder in ("templates", "static"):
        there = files(ROOT / folder)
        assert there
        wanted |= {f"session_ui/{file.relative_to(ROOT)}" for file in there}
    assert sorted(names) == sorted(wanted)


def test_links_of_the_pypi_page_lead_to_the_repository(tmp_path: Path) -> None:
    for name in ("README.md", "LICENSE", "hatch_build.py"):
        shutil.copy(ROOT / name, tmp_path)
    url = "https://github.com/owner/name"
    project = (ROOT / "pyproject.toml").read_text()
    project = re.sub('^repository = ".*"$', f'repository = "{url}"', project, flags=re.MULTILINE)
    (tmp_path / "pyproject.toml").write_text(project)

    run(sys.executable, "-m", "build", "--sdist", tmp_path, cwd=tmp_path)

    (sdist,) = tmp_path.glob("dist/*.tar.gz")
    with tarfile.open(sdist) as archive:
        name = next(name for name in archive.getnames() if name.endswith("/PKG-INFO"))
        info = archive.extractfile(name)
        assert info is not None
        page = info.read().decode()
    tag = "v" + sdist.name.removesuffix(".tar.gz").rpartition("-")[2]
    targets = re.findall(r'\]\(([^)]+)\)|(?:src|srcset)="([^"]+)"', page)
    assert [target for target in map("".join, targets) if not target.startswith("https://")] == []
    assert f"({url}/blob/{tag}/docs/tutorial.md)" in page
    assert f'src="{url}/raw/{tag}/docs/images/sessions-light.png"' in page
    assert f"Project-URL: Source, {url}\n" in page


def test_every_translation_is_compiled_and_in_the_wheel(built: Built) -> None:
    with zipfile.ZipFile(built.wheel) as archive:
        names = set(archive.namelist())
    sources = [po for app in APPS for po in (ROOT / app).rglob("*.po")]
    assert {str(po.relative_to(ROOT).with_suffix(".mo")) for po in sources} <= names


def test_sdist_can_be_tested(built: Built) -> None:
    with tarfile.open(built.sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    # Tests of the documentation read these pages.
    pages = {"README.md", "CONTRIBUTING.md", "SECURITY.md", "docs/index.md"}
    wanted = {"pyproject.toml", "noxfile.py", "LICENSE", "tests/settings.py", *pages}
    assert wanted <= names
    left_out = ("session_ui/templates", "session_ui/static", "benchmarks")
    assert not [name for name in names if name.startswith(left_out)]
