"""Every check of the project, each in an environment of its own: `nox -l` lists them.

`nox -t ci` is what has to pass before a change lands; arguments after `--` go to pytest. The times
were taken on two cores that had other work too; a first run makes its environment in some of it.
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
FORMS = ["check-jsonschema==0.39.*", "zizmor==1.32.*"]
# What GitHub and Read the Docs read, by the schema that it has to follow.
SCHEMAS = {
    "github-workflows": ".github/workflows/*.yml",
    "github-issue-forms": ".github/ISSUE_TEMPLATE/[!c]*.yml",
    "github-issue-config": ".github/ISSUE_TEMPLATE/config.yml",
    "dependabot": ".github/dependabot.yml",
    "readthedocs": ".readthedocs.yaml",
}
# What `bench` measures beside ours. django-user-sessions imports pkg_resources.
PEERS = [
    "django-user-sessions",
    "django-qsessions",
    "django-user-sessions-ng",
    "django-allauth",
    "psycopg[pool]",
    "setuptools<81",
]
STUBS = ["types-netaddr", "types-pymysql", "types-tqdm"]
CHECKERS = ["mypy==2.4.*", "django-stubs==6.1.*", *STUBS]

# What is supported. The workflow on GitHub asks `nox --list --json`, and tests/docs/test_lists.py
# holds the classifiers and the pages to it.
PYTHONS = {
    "5.2": ["3.10", "3.11", "3.12", "3.13", "3.14"],
    "6.0": ["3.12", "3.13", "3.14"],
    "6.1": ["3.12", "3.13", "3.14"],
    # Not a release: allowed to fail.
    "main": ["3.14"],
}
DJANGO_MAIN = "Django @ https://github.com/django/django/archive/refs/heads/main.tar.gz"


# Where servers listen that were installed and no more; in Redis, a database that few use.
DATABASES = [
    "postgres://postgres@127.0.0.1:5432/postgres?options=-c%20synchronous_commit%3Doff",
    "mysql://root@127.0.0.1:3306/test",
]
REDIS = "redis://127.0.0.1:6379/15"
# What depends on the database.
ENGINE_TESTS = [
    "tests/session_backend",
    *(f"tests/session_ui/test_{name}.py" for name in ("listing", "paging", "views")),
    "tests/races/test_bulk.py",
]


def pair(python: str, django: str, *tags: str) -> nox.param:
    """Name one combination so that it can be typed: `nox -s 'tests(py3.13-django6.1)'`."""
    return nox.param(python, django, id=f"py{python}-django{django}", tags=tags)


# Where CI is set, nox fails on an interpreter that is missing, and elsewhere skips it: so what has
# the tag "ci" cannot pass without being run. The ends have a lane each, in which everything is run;
# "between" are one more Python and Django, and with `lowest` the oldest of all.
BETWEEN = ("3.12", "6.0")
MATRIX = [
    pair(python, django, *(("ci", "between") if (python, django) == BETWEEN else ()))
    for django, pythons in PYTHONS.items()
    for python in pythons
]
ENDS = [pair("3.11", "5.2", "ci", "django52"), pair("3.13", "6.1", "ci", "django61")]


def install(session: nox.Session, django: str, *extras: str, also: tuple[str, ...] = ()) -> None:
    """Install the checkout with `extras` and the newest patch release of one Django series."""
    series = DJANGO_MAIN if django == "main" else f"Django~={django}.0"
    session.install("-e", f".[{','.join(extras)}]", series, *also)


@nox.session
@nox.parametrize("python,django", MATRIX)
def tests(session: nox.Session, django: str) -> None:
    """Run the tests on one Python and Django (6 minutes)."""
    install(session, django, "test")
    session.run("pytest", *session.posargs)


@nox.session(python="3.10", tags=["ci", "between"])
def lowest(session: nox.Session) -> None:
    """Run the tests with the oldest release of each dependency that will do (5 minutes)."""
    session.install("-e", ".[test]")
    project = nox.project.load_toml("pyproject.toml")["project"]
    optional = project["optional-dependencies"]
    floors = [*project["dependencies"], *optional["countries"], *optional["progress"]]
    session.install(*(floor.replace(">=", "==") for floor in floors))
    # The example site has a higher floor: it shows htmx 4.
    session.run("pytest", "--ignore=tests/example_project", *session.posargs)


@nox.session
@nox.parametrize("python,django", ENDS)
def coverage(session: nox.Session, django: str) -> None:
    """Run the tests and fail unless they reach every branch of both apps (10 minutes)."""
    install(session, django, "test")
    measured = [f"--cov={app}" for app in APPS]
    # One file for each session: two of them side by side must not mix their figures.
    env = {"COVERAGE_FILE": str(Path(session.create_tmp()) / "coverage")}
    session.run("pytest", *measured, "--cov-fail-under=100", *session.posargs, env=env)


@nox.session(tags=["ci", "once"])
def lint(session: nox.Session) -> None:
    """Check style, templates, spelling and workflows (30 seconds); `-- fix` mends what can be."""
    session.install(*LINTERS, *FORMS)
    if "fix" in session.posargs:
        session.run("ruff", "check", "--fix", ".")
        session.run("ruff", "format", ".")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("djlint", "--quiet", "--lint", *filter(os.path.isdir, TEMPLATES))
    session.run("codespell")
    for schema, files in SCHEMAS.items():
        there = sorted(str(path) for path in Path().glob(files))
        session.run("check-jsonschema", f"--builtin-schema=vendor.{schema}", *there)
    session.run("zizmor", "--offline", "--quiet", "--min-severity=medium", ".github")


@nox.session
@nox.parametrize("python,django", ENDS)
def types(session: nox.Session, django: str) -> None:
    """Check the types of everything with mypy, strictly (1 minute)."""
    install(session, django, "test", "browser", "services", also=("nox", *CHECKERS))
    session.run("mypy", f"--python-version={session.python}", *filter(os.path.exists, CODE))


@nox.session
@nox.parametrize("python,django", ENDS)
def packaging(session: nox.Session, django: str) -> None:
    """Use the wheel in clean environments: the tutorial, peers, other packages (5 minutes)."""
    install(session, django, "test", "browser", also=("build",))
    env = {"PACKAGING_DJANGO": f"Django~={django}.0"}
    session.run("pytest", "-m", "packaging", *session.posargs, env=env)


@nox.session
@nox.parametrize("python,django", ENDS)
def browser(session: nox.Session, django: str) -> None:
    """Drive the pages in the Chromium on the PATH, or that named by CHROMIUM (6 minutes)."""
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if chromium is None:
        session.error("No Chromium found: install it, or name one in CHROMIUM.")
    install(session, django, "test", "browser")
    session.run("pytest", "-m", "browser", *session.posargs, env={"CHROMIUM": chromium})


@nox.session
@nox.parametrize("python,django", [pair("3.11", "5.2", "ci", "servers"), pair("3.13", "6.1")])
def services(session: nox.Session, django: str) -> None:
    """Start servers that fail, then run the engine's tests on the databases of this machine.

    With DATABASE_URL or REDIS_URL set, run all tests on those instead.
    """
    install(session, django, "test", "services", also=("gunicorn", "uvicorn"))
    wanted = "not browser and not packaging"
    on_servers = ["pytest", "-p", "tests.services.quick_flush", "-m", wanted]
    if {"DATABASE_URL", "REDIS_URL"} & set(os.environ):
        session.run(*on_servers, *session.posargs)
        return
    session.run("pytest", "-m", "services", "-rs", "tests/services", *session.posargs)
    urls = [*DATABASES, REDIS]
    answer = session.run("python", "-m", "tests.services.reached", *urls, silent=True)
    reached = str(answer).split()
    for url in urls:
        if url not in reached:
            session.warn(f"SKIPPED: what runs on {url}, where no server lets us in.")
    for url in filter(reached.__contains__, DATABASES):
        env = {"DATABASE_URL": url, **({"REDIS_URL": REDIS} if REDIS in reached else {})}
        session.run(*on_servers, *session.posargs, *ENGINE_TESTS, env=env)


@nox.session(tags=["ci", "once"])
def docs(session: nox.Session) -> None:
    """Build the documentation into docs/_build/html; a warning is an error (20 seconds)."""
    session.install("-e", ".[docs]")
    session.run("sphinx-build", "-W", "-n", "-q", "docs", "docs/_build/html", *session.posargs)


@nox.session
@nox.parametrize("python,django", ENDS)
def django_suite(session: nox.Session, django: str) -> None:
    """Run Django's own tests of session engines against ours, from the network (30 seconds)."""
    install(session, django, "test")
    session.run("python", "-m", "tests.django_suite", session.create_tmp())


@nox.session(python="3.13")
def bench(session: nox.Session) -> None:
    """Measure session engines side by side (15 minutes); `-- scale`: ours with 10,000,000 rows."""
    # The newest Django that all of the peers are known to run on.
    install(session, "5.2", "test", "services", also=tuple(PEERS))
    first, *rest = session.posargs or [""]
    if first == "scale":
        tables = rest or ["--write", "docs/explanation/scale.inc"]
        session.run("python", "-m", "tests.bench.scale", *tables)
    else:
        tables = session.posargs or ["--write", "docs/explanation/benchmark.inc"]
        session.run("python", "-m", "tests.bench", *tables)


@nox.session
def sheet(session: nox.Session) -> None:
    """Picture the list in five frameworks, into docs/images, with npm and Chromium."""
    session.install("-e", ".[test,browser]")
    session.run("python", "-m", "tests.browser.contact_sheet", "docs/images", *session.posargs)


@nox.session
def example(session: nox.Session) -> None:
    """Build the example site, check it and run its tests (1 minute)."""
    session.install("-e", ".[test]")
    env = {"EXAMPLE_VAR": session.create_tmp()}
    manage = "example_project/manage.py"
    session.run("python", manage, "demo", "--no-serve", env=env)
    session.run("python", manage, "check", "--fail-level=WARNING", env=env)
    session.run("python", manage, "makemigrations", "--check", "--dry-run", env=env)
    session.run("pytest", "tests/example_project", *session.posargs)
