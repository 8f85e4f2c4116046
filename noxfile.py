"""Every check of the project, each in its own environment: `nox -l` lists them.

`nox -t ci` is what has to pass before a change lands; arguments after `--` go to pytest. The times
were taken on two cores; a first run also makes the environment.
"""

from __future__ import annotations

import os
import re
import shutil
from itertools import chain
from pathlib import Path

import nox
from nox.command import CommandFailed

nox.needs_version = ">=2024.10.9"
nox.options.default_venv_backend = "virtualenv"
nox.options.download_python = "never"
nox.options.reuse_venv = "yes"
nox.options.sessions = ["lint", "types", "coverage"]

APPS = ["session_backend", "session_ui"]
CODE = [*APPS, "benchmarks", "tests", "example_project", "noxfile.py"]
TEMPLATES = ["templates", "session_backend/templates", "tests", "example_project"]

# Pinned to a minor release, so that a new rule arrives with a commit and not with a date. The same
# versions are in .pre-commit-config.yaml.
LINTERS = ["ruff==0.17.*", "djlint==1.49.*", "codespell==2.4.*"]
FORMS = ["check-jsonschema==0.39.*", "zizmor==1.32.*"]
# What GitHub and Read the Docs read, by its schema.
SCHEMAS = {
    "github-workflows": ".github/workflows/*.yml",
    "github-issue-forms": ".github/ISSUE_TEMPLATE/[!c]*.yml",
    "github-issue-config": ".github/ISSUE_TEMPLATE/config.yml",
    "dependabot": ".github/dependabot.yml",
    "readthedocs": ".readthedocs.yaml",
}
# The other packages that `bench` measures. django-user-sessions imports pkg_resources.
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
# compares the classifiers and the pages with it.
PYTHONS = {
    "5.2": ["3.10", "3.11", "3.12", "3.13", "3.14"],
    "6.0": ["3.12", "3.13", "3.14"],
    "6.1": ["3.12", "3.13", "3.14"],
    # Not a release, so it may fail.
    "main": ["3.14"],
}
DJANGO_MAIN = "Django @ https://github.com/django/django/archive/refs/heads/main.tar.gz"

# The major version that Debian 12 has beside a newer one, which ignores keys in software.
BINDING_CHROMIUM = "150"

# Where servers listen by default; in Redis, a database that few use.
DATABASES = [
    "postgres://postgres@127.0.0.1:5432/postgres?options=-c%20synchronous_commit%3Doff",
    "mysql://root@127.0.0.1:3306/test",
]
REDIS = "redis://127.0.0.1:6379/15"
# What depends on the database. The endpoints of bindings send the statements of saves.
DATABASE_TESTS = [
    "tests/session_backend",
    *(f"--ignore=tests/session_backend/binding/test_{name}.py" for name in ("endpoints", "sites")),
    *(f"tests/session_ui/test_{name}.py" for name in ("sessions", "views")),
]
# What depends on the primary key of users.
USER_TESTS = [
    f"tests/session_backend/test_{name}.py"
    for name in ("apps", "auth", "matrix", "models", "querysets")
]


def pair(python: str, django: str, *tags: str) -> nox.param:
    """Name one combination so that it can be typed: `nox -s 'tests(py3.13-django6.1)'`."""
    return nox.param(python, django, id=f"py{python}-django{django}", tags=tags)


# With the environment variable CI set, nox fails if an interpreter is missing; otherwise it skips.
# The workflow on GitHub runs every session. The tag "ci" leaves out what a faster one finds too:
# it has the tests in between and with the oldest releases, and at both ends what depends on Django.
BETWEEN = ("3.12", "6.0")
MATRIX = [
    pair(python, django, *(("ci",) if (python, django) == BETWEEN else ()))
    for django, pythons in PYTHONS.items()
    for python in pythons
]
ENDS = [pair("3.11", "5.2", "ci"), pair("3.13", "6.1", "ci")]
# For sessions whose result could differ on the oldest Django only if the tests failed there.
NEWEST = [pair("3.11", "5.2"), pair("3.13", "6.1", "ci")]
# The script and htmx run in Chromium whatever Django serves them, so each end takes one htmx.
BROWSER_TESTS = {"5.2": "not htmx4", "6.1": "not htmx2"}


def install(session: nox.Session, django: str, *extras: str, also: tuple[str, ...] = ()) -> None:
    """Install the checkout with `extras` and the newest patch release of one Django series."""
    series = DJANGO_MAIN if django == "main" else f"Django~={django}.0"
    session.install("-e", f".[{','.join(extras)}]", series, *also)


def run_tests(session: nox.Session, *arguments: str, **env: str) -> None:
    """Run pytest, with what follows `--`; a path there takes the place of those in `arguments`."""
    if any(Path(argument.partition("::")[0]).exists() for argument in session.posargs):
        arguments = tuple(argument for argument in arguments if not Path(argument).exists())
    session.run("pytest", *arguments, *session.posargs, env=env)


@nox.session
@nox.parametrize("python,django", [pair("3.11", "5.2", "ci"), pair("3.13", "6.1")])
def services(session: nox.Session, django: str) -> None:
    """Start PostgreSQL, Redis and web servers, and break them under load (5 minutes)."""
    install(session, django, "test", "services", also=("gunicorn", "uvicorn"))
    run_tests(session, "tests/services", "-m", "services", "-rs")


@nox.session
@nox.parametrize("python,django", [pair("3.11", "5.2", "ci"), pair("3.13", "6.1")])
def databases(session: nox.Session, django: str) -> None:
    """Run what depends on the database on PostgreSQL and MariaDB, with Redis (4 minutes).

    With DATABASE_URL or REDIS_URL set, run all tests on those instead.
    """
    install(session, django, "test", "services")
    if {"DATABASE_URL", "REDIS_URL"} & set(os.environ):
        # In one process: those of several would empty each other's cache.
        session.run("pytest", "--numprocesses=0", *session.posargs)
        return
    urls = [*DATABASES, REDIS]
    answer = session.run("python", "-m", "tests.services.reached", *urls, silent=True)
    reached = str(answer).split()
    for url in urls:
        if url not in reached:
            session.warn(f"SKIPPED: the tests on {url}, where no server answers.")
    cache = {"REDIS_URL": REDIS} if REDIS in reached else {}
    for url in filter(reached.__contains__, DATABASES):
        run_tests(session, *DATABASE_TESTS, DATABASE_URL=url, **cache)


@nox.session
@nox.parametrize("python,django", ENDS)
def browser(session: nox.Session, django: str) -> None:
    """Drive the pages in the Chromium on the PATH, or that named by CHROMIUM (4 minutes).

    With htmx 2 on Django 5.2, and with htmx 4 on 6.1. On a busy machine a browser may be too slow
    for a test, so what has failed runs once more by itself.
    """
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if chromium is None:
        session.error("No Chromium found: install it, or name one in CHROMIUM.")
    install(session, django, "test", "browser")
    # Two of these sessions may run at the same time, and each has its own failures.
    cache = f"cache_dir={session.create_tmp()}/pytest"
    selected = ("-m", "browser", "-k", BROWSER_TESTS[django], "-o", cache)
    try:
        run_tests(session, "tests/browser", *selected, CHROMIUM=chromium)
    except CommandFailed:
        session.warn("What has failed runs once more.")
        again = ("--last-failed", "--numprocesses=0")
        run_tests(session, "tests/browser", *selected, *again, CHROMIUM=chromium)


@nox.session(python="3.13", tags=["ci"])
def binding(session: nox.Session) -> None:
    """Bind sessions in a Chromium that does, fetched from Debian's archive (2 minutes)."""
    chromium = os.environ.get("BINDING_CHROMIUM") or fetched_chromium(session)
    if chromium is None:
        session.warn("SKIPPED: the tests of bound sessions, for which no Chromium can be fetched.")
        return
    install(session, "6.1", "test", "browser")
    env = {"BINDING_CHROMIUM": chromium, "CHROMIUM": chromium}
    run_tests(session, "tests/browser/test_binding.py", "-m", "browser", **env)


def fetched_chromium(session: nox.Session) -> str | None:
    """Unpack, and do not install, the last Chromium that has keys in software; None without one.

    It takes its libraries from the Chromium that is installed.
    """
    place = Path(session.create_tmp())
    chromium = place / "usr/lib/chromium/chromium"
    if not chromium.exists() and shutil.which("apt-get"):
        listed = session.run("apt-cache", "madison", "chromium", external=True, silent=True)
        found = re.findall(rf"\| *({BINDING_CHROMIUM}\.\S+) *\|", str(listed))
        with session.chdir(place):
            for package in ("chromium", "chromium-common") if found else ():
                name = f"{package}={found[0]}"
                session.run("apt-get", "download", name, external=True, success_codes=[0, 100])
            for file in Path().glob("*.deb"):
                session.run("dpkg", "-x", str(file), ".", external=True)
    return str(chromium) if chromium.exists() else None


@nox.session
@nox.parametrize("python,django", ENDS)
def packaging(session: nox.Session, django: str) -> None:
    """Use the wheel in clean environments: the tutorial, peers, other packages (4 minutes)."""
    install(session, django, "test", "browser", also=("build",))
    paths = ["tests/test_packaging.py", "tests/docs", "tests/switch/test_leaving.py"]
    if django == "5.2":
        # The only series that all of the peers install on; the import reads only their tables.
        paths.append("tests/switch/test_switch.py")
    run_tests(session, *paths, "-m", "packaging", PACKAGING_DJANGO=f"Django~={django}.0")


@nox.session
@nox.parametrize("python,django", NEWEST)
def coverage(session: nox.Session, django: str) -> None:
    """Run the tests and fail unless they reach every branch of both apps (2 minutes)."""
    install(session, django, "test")
    measured = [f"--cov={app}" for app in APPS]
    # A file for each session: two at the same time must not mix their data.
    env = {"COVERAGE_FILE": str(Path(session.create_tmp()) / "coverage")}
    session.run("pytest", *measured, "--cov-fail-under=100", *session.posargs, env=env)


@nox.session
@nox.parametrize("python,django", MATRIX)
def tests(session: nox.Session, django: str) -> None:
    """Run the tests on one Python and Django (1 minute)."""
    install(session, django, "test")
    session.run("pytest", *session.posargs)


@nox.session(python="3.10", tags=["ci"])
def lowest(session: nox.Session) -> None:
    """Run the tests with the oldest supported release of each dependency (1 minute)."""
    session.install("-e", ".[test]")
    project = nox.project.load_toml("pyproject.toml")["project"]
    optional = project["optional-dependencies"]
    extras = (optional[name] for name in ("binding", "countries", "progress"))
    floors = [*project["dependencies"], *chain.from_iterable(extras)]
    session.install(*(floor.replace(">=", "==") for floor in floors))
    session.run("pytest", *session.posargs)


@nox.session
@nox.parametrize("python,django", NEWEST)
def types(session: nox.Session, django: str) -> None:
    """Check the types of everything with mypy, strictly (1 minute)."""
    install(session, django, "test", "browser", "services", also=("nox", *CHECKERS))
    session.run("mypy", f"--python-version={session.python}", *filter(os.path.exists, CODE))


@nox.session
@nox.parametrize("python,django", ENDS)
def django_suite(session: nox.Session, django: str) -> None:
    """Run Django's own tests of session engines against ours, from the network (30 seconds)."""
    install(session, django, "test")
    session.run("python", "-m", "tests.django_suite", session.create_tmp())


@nox.session(python="3.13", tags=["ci"])
def races(session: nox.Session) -> None:
    """Run requests and revocations in every order; `-- -m races`: more of them (4 minutes)."""
    install(session, "6.1", "test")
    run_tests(session, "tests/races")


@nox.session(python="3.13", tags=["ci"])
def uuid_user(session: nox.Session) -> None:
    """Run the tests that concern users, whose primary key is a UUID (30 seconds)."""
    install(session, "6.1", "test")
    run_tests(session, *USER_TESTS, USER_MODEL="uuid_user.User")


@nox.session(python="3.13", tags=["ci"])
def example(session: nox.Session) -> None:
    """Build the example site, check it and run its tests (1 minute)."""
    install(session, "6.1", "test")
    env = {"EXAMPLE_VAR": session.create_tmp()}
    manage = "example_project/manage.py"
    session.run("python", manage, "demo", "--no-serve", env=env)
    session.run("python", manage, "check", "--fail-level=WARNING", env=env)
    session.run("python", manage, "makemigrations", "--check", "--dry-run", env=env)
    run_tests(session, "tests/example_project")


@nox.session(python="3.13", tags=["ci"])
def check_benchmarks(session: nox.Session) -> None:
    """Run the tests of the benchmarks, and each operation in one round (1 minute)."""
    install(session, "6.1", "test")
    run_tests(session, "benchmarks")
    once = ["--stack", "embedded", "--rounds", "1"]
    session.run("python", "-m", "benchmarks", *once, silent=True)


@nox.session(python="3.13", tags=["ci"])
def docs(session: nox.Session) -> None:
    """Build the documentation into docs/_build/html; a warning is an error (20 seconds)."""
    session.install("-e", ".[docs]")
    session.run("sphinx-build", "-W", "-n", "-q", "docs", "docs/_build/html", *session.posargs)


@nox.session(python="3.13", tags=["ci"])
def lint(session: nox.Session) -> None:
    """Check style, templates, spelling and workflows (30 seconds); `-- fix` fixes what it can."""
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


@nox.session(python="3.13")
def bench(session: nox.Session) -> None:
    """Measure session engines side by side (10 minutes); `-- scale`: ours with 10,000,000 rows."""
    # The newest Django that all of the peers are known to run on.
    install(session, "5.2", "test", "services", also=tuple(PEERS))
    module, file = "benchmarks", "benchmark.inc"
    arguments = list(session.posargs)
    if arguments[:1] == ["scale"]:
        module, file = "benchmarks.scale", "scale.inc"
        del arguments[0]
    session.run("python", "-m", module, *(arguments or ["--write", f"docs/explanation/{file}"]))


@nox.session(python="3.13")
def sheet(session: nox.Session) -> None:
    """Take pictures of the list in five frameworks, into docs/images, with npm and Chromium."""
    install(session, "6.1", "test", "browser")
    session.run("python", "-m", "tests.browser.contact_sheet", "docs/images", *session.posargs)
