"""Every check of the project, each in an environment of its own: `nox -l` lists them.

`nox -t ci` is what has to pass before a change lands; arguments after `--` go to pytest.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import nox

nox.needs_version = ">=2024.10.9"
nox.options.default_venv_backend = "virtualenv"
nox.options.download_python = "never"
nox.options.reuse_venv = "yes"
nox.options.sessions = ["lint", "types", "coverage"]

APPS = ["session_backend", "session_ui"]
CODE = [*APPS, "tests", "example_project", "noxfile.py"]
TEMPLATES = ["templates", "tests", "example_project"]

# Held to a minor release, so that a new rule arrives with a commit and not with a date. The same
# versions stand in .pre-commit-config.yaml.
LINTERS = ["ruff==0.17.*", "djlint==1.49.*", "codespell==2.4.*"]
STUBS = ["types-netaddr", "types-pymysql", "types-tqdm"]
CHECKERS = ["mypy==2.4.*", "django-stubs==6.1.*", *STUBS]

PYTHONS = {
    "5.2": ["3.10", "3.11", "3.12", "3.13", "3.14"],
    "6.0": ["3.12", "3.13", "3.14"],
    "6.1": ["3.12", "3.13", "3.14"],
}


def pair(python: str, django: str, *tags: str) -> nox.param:
    """Name one combination so that it can be typed: `nox -s 'tests(py3.13-django6.1)'`."""
    return nox.param(python, django, id=f"py{python}-django{django}", tags=tags)


MATRIX = [pair(python, django) for django, pythons in PYTHONS.items() for python in pythons]
# Where CI is set, nox fails on an interpreter that is missing, and elsewhere skips it: so CI, which
# asks for the tag, cannot pass without these two.
ENDS = [pair("3.11", "5.2", "ci", "django52"), pair("3.13", "6.1", "ci", "django61")]


def install(session: nox.Session, django: str, *extras: str, also: tuple[str, ...] = ()) -> None:
    """Install the checkout with `extras` and the newest patch release of one Django series."""
    session.install("-e", f".[{','.join(extras)}]", f"Django~={django}.0", *also)


@nox.session
@nox.parametrize("python,django", MATRIX)
def tests(session: nox.Session, django: str) -> None:
    """Run the tests on one Python and Django (about 1 minute each)."""
    install(session, django, "test")
    session.run("pytest", *session.posargs)


@nox.session(python="3.10")
def lowest(session: nox.Session) -> None:
    """Run the tests with the oldest release of each dependency that we say will do."""
    session.install("-e", ".[test]")
    project = nox.project.load_toml("pyproject.toml")["project"]
    session.install(*(floor.replace(">=", "==") for floor in project["dependencies"]))
    # The example site has a higher floor: it shows htmx 4.
    session.run("pytest", "--ignore=tests/example_project", *session.posargs)


@nox.session
@nox.parametrize("python,django", ENDS)
def coverage(session: nox.Session, django: str) -> None:
    """Run the tests and fail unless they reach every branch of both apps."""
    install(session, django, "test")
    measured = [f"--cov={app}" for app in APPS]
    # One file for each session: two of them side by side must not mix their figures.
    env = {"COVERAGE_FILE": str(Path(session.create_tmp()) / "coverage")}
    session.run("pytest", *measured, "--cov-fail-under=100", *session.posargs, env=env)


@nox.session(tags=["ci", "once"])
def lint(session: nox.Session) -> None:
    """Check style, formatting, templates and spelling; `nox -s lint -- fix` mends what can be."""
    session.install(*LINTERS)
    if "fix" in session.posargs:
        session.run("ruff", "check", "--fix", ".")
        session.run("ruff", "format", ".")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("djlint", "--quiet", "--lint", *filter(os.path.isdir, TEMPLATES))
    session.run("codespell")


@nox.session
@nox.parametrize("python,django", ENDS)
def types(session: nox.Session, django: str) -> None:
    """Check the types of everything with mypy, strictly."""
    install(session, django, "test", "browser", "services", also=("nox", *CHECKERS))
    session.run("mypy", f"--python-version={session.python}", *filter(os.path.exists, CODE))


@nox.session
@nox.parametrize("python,django", ENDS)
def packaging(session: nox.Session, django: str) -> None:
    """Use the wheel, an editable install and the checkout in a clean environment."""
    install(session, django, "test", "browser", also=("build",))
    env = {"PACKAGING_DJANGO": f"Django~={django}.0"}
    session.run("pytest", "-m", "packaging", *session.posargs, env=env)


@nox.session
@nox.parametrize("python,django", ENDS)
def browser(session: nox.Session, django: str) -> None:
    """Drive the pages in a real Chromium: the one on the PATH, or that named by CHROMIUM."""
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if chromium is None:
        session.error("No Chromium found: install it, or name one in CHROMIUM.")
    install(session, django, "test", "browser")
    session.run("pytest", "-m", "browser", *session.posargs, env={"CHROMIUM": chromium})


@nox.session
@nox.parametrize("python,django", [pair("3.11", "5.2"), pair("3.13", "6.1")])
def services(session: nox.Session, django: str) -> None:
    """Run the tests that start servers; with DATABASE_URL or REDIS_URL set, all tests on those."""
    install(session, django, "test", "services", also=("gunicorn", "uvicorn"))
    named = {"DATABASE_URL", "REDIS_URL"} & set(os.environ)
    wanted = "not browser and not packaging" if named else "services"
    session.run("pytest", "-m", wanted, *session.posargs)


@nox.session(tags=["ci", "once"])
def docs(session: nox.Session) -> None:
    """Build the documentation into docs/_build/html; a warning is an error."""
    session.install("-e", ".[docs]")
    session.run("sphinx-build", "-W", "-n", "-q", "docs", "docs/_build/html", *session.posargs)


@nox.session
@nox.parametrize("python,django", ENDS)
def django_suite(session: nox.Session, django: str) -> None:
    """Run Django's own tests of session stores and middleware against ours (network)."""
    install(session, django, "test")
    session.run("python", "-m", "tests.django_suite", session.create_tmp())


@nox.session
def sheet(session: nox.Session) -> None:
    """Picture the list in five frameworks, into docs/images (needs npm and Chromium)."""
    session.install("-e", ".[test,browser]")
    session.run("python", "-m", "tests.browser.contact_sheet", "docs/images", *session.posargs)


@nox.session
def example(session: nox.Session) -> None:
    """Build the example site, check it and run its tests."""
    session.install("-e", ".[test]")
    env = {"EXAMPLE_VAR": session.create_tmp()}
    manage = "example_project/manage.py"
    session.run("python", manage, "demo", "--no-serve", env=env)
    session.run("python", manage, "check", "--fail-level=WARNING", env=env)
    session.run("python", manage, "makemigrations", "--check", "--dry-run", env=env)
    session.run("pytest", "tests/example_project", *session.posargs)
