"""The lists in the documentation are complete."""

from __future__ import annotations

import argparse
import ast
import re
from importlib import import_module
from pathlib import Path

import pytest
from django.core.management import load_command_class
from django.core.management.base import BaseCommand
from django.dispatch import Signal
from django.urls import get_resolver

from session_backend import signals
from session_backend.conf import conf as backend_conf
from session_backend.models import PastSession, Session
from session_ui.conf import conf as ui_conf
from tests.docs.pages import DOCS, PAGES, ROOT, cells, page, rows

SOURCES = [path for app in ("session_backend", "session_ui") for path in (ROOT / app).rglob("*.py")]
CONTRIBUTING = ROOT / "CONTRIBUTING.md"
TEMPLATES = ROOT / "templates" / "session_ui"
COMMANDS = ROOT / "session_backend" / "management" / "commands"


def test_settings_and_their_defaults() -> None:
    listed = {
        row[0].strip("`"): eval(row[1].strip("`"))
        for row in rows(page("reference/settings.md"))
        if row[0].startswith(("`SESSION_BACKEND_", "`SESSION_UI_"))
    }
    assert listed == {
        conf.prefix + name: default
        for conf in (backend_conf, ui_conf)
        for name, default in conf.defaults.items()
    }


def test_checks() -> None:
    pattern = re.compile(r'id="(session_(?:backend|ui)\.[EW]\d{3})"')
    raised = {id for path in SOURCES for id in pattern.findall(path.read_text())}
    listed = [cell for cell in cells(page("reference/checks.md")) if "." in cell]
    assert sorted(listed) == sorted(raised)


def own_options(command: BaseCommand) -> set[str]:
    def options(parser: argparse.ArgumentParser) -> set[str]:
        return {option for action in parser._actions for option in action.option_strings}

    everyone = options(BaseCommand().create_parser("manage.py", "any"))
    return {name for name in options(command.create_parser("manage.py", "any")) - everyone if name}


def test_commands_and_their_options() -> None:
    source = page("reference/commands.md")
    headings = re.findall(r"^## `(\w+)`$", source, re.MULTILINE)
    names = {path.stem for path in COMMANDS.glob("[a-z]*.py")}
    assert set(headings) == names
    options = set[str]().union(
        *(own_options(load_command_class("session_backend", name)) for name in names)
    )
    mentioned = set(re.findall(r"`(--[a-z-]+)`", source))
    assert mentioned == options


def test_signals() -> None:
    sent = {name for name in signals.__all__ if isinstance(getattr(signals, name), Signal)}
    listed = {cell for cell in cells(page("reference/signals.md")) if cell.startswith("session_")}
    assert listed == sent


def test_columns() -> None:
    listed = re.findall(r"^\| (`.*?`) \|", page("reference/models.md"), re.MULTILINE)
    names = re.findall(r"`(\w+)`", " ".join(listed))
    sessions, past = (
        [field.name for field in model._meta.concrete_fields] for model in (Session, PastSession)
    )
    assert names == sessions + [name for name in past if name not in sessions]


def test_urls() -> None:
    ours = get_resolver("session_ui.urls").reverse_dict
    names = {f"session_ui:{name}" for name in ours if isinstance(name, str)}
    listed = {cell for cell in cells(page("reference/views.md")) if cell.startswith("session_ui:")}
    assert listed == names


@pytest.mark.parametrize("path", sorted(TEMPLATES.rglob("*.*")), ids=lambda path: path.name)
def test_templates_document_their_blocks(path: Path) -> None:
    """The table in the documentation is made from the comment at the top of each template."""
    source = path.read_text()
    comment = re.match(r"\{# (?P<text>.*?)\.?(?: Blocks: (?P<blocks>.*?)\.?)? #\}", source)
    assert comment, "it has to begin with a comment"
    blocks = re.findall(r"\{% block ([\w.]+) %\}", source)
    extended = "{% extends" in source
    assert extended or sorted((comment["blocks"] or "").split(", ")) == sorted(blocks or [""])


def test_tags_and_filters() -> None:
    library = import_module("session_ui.templatetags.session_ui")
    source = page("reference/templates.md")
    assert [name for name in library.__all__ if name not in source] == []


def test_custom_properties() -> None:
    style = (ROOT / "static" / "session_ui" / "session_ui.css").read_text()
    listed = [cell for cell in cells(page("how-to/theming.md")) if cell.startswith("--sui-")]
    assert sorted(listed) == sorted(set(re.findall(r"var\((--sui-[\w-]+)", style)))


def public_and_private() -> list[set[str]]:
    """Return the names that the page lists as public, and those that it lists as not public."""
    parts = page("reference/names.md").split("are not public:")
    return [{cell for cell in cells(part) if "." in cell} for part in parts]


def test_public_names_match_all() -> None:
    public, private = public_and_private()
    modules = {name.rpartition(".")[0] for name in public}
    offered = {f"{module}.{name}" for module in modules for name in import_module(module).__all__}
    assert public & private == set()
    assert public | private == offered


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_modules_define_all(path: Path) -> None:
    """All but packages, which are empty, and what Django finds by its path."""
    if path.name == "__init__.py":
        assert path.read_text() == ""
    elif path.parent.name not in ("commands", "migrations"):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        assert import_module(module).__all__


def test_reference_describes_public_names_only() -> None:
    pattern = re.compile(r"^\.\. auto(?:class|function):: (session_\w+\.\S+)$", re.MULTILINE)
    reference = "".join(path.read_text() for path in (DOCS / "reference").glob("*.md"))
    described = set(pattern.findall(reference))
    assert described
    assert described - public_and_private()[0] == set()


def test_the_comparison() -> None:
    """Each row has its proof, and the README repeats some rows."""
    source = page("explanation/comparison.md")
    compared = [row for row in rows(source) if re.match(r"\d+\. ", row[0])]
    numbers = [row[0].partition(".")[0] for row in compared]
    _, proof = source.split("## Proof")
    assert re.findall(r"^(\d+)\. ", proof, re.MULTILINE) == numbers

    known = [[row[0].partition(". ")[2], *row[1:]] for row in compared]
    shown = [row for row in rows((ROOT / "README.md").read_text()) if len(row) == len(known[0])]
    assert shown[0][-1] == "this"
    assert [row for row in shown[1:] if row not in known] == []


def test_versions_match_noxfile() -> None:
    """Those of Python and Django, wherever they are named."""
    matrix: dict[str, list[str]] = next(
        ast.literal_eval(node.value)
        for node in ast.parse((ROOT / "noxfile.py").read_text()).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "PYTHONS"
    )
    djangos = [django for django in matrix if django != "main"]
    pythons = sorted({python for django in djangos for python in matrix[django]}, key=version)

    project = (ROOT / "pyproject.toml").read_text()
    assert re.findall(r'"Framework :: Django :: ([\d.]+)"', project) == djangos
    assert re.findall(r'"Programming Language :: Python :: (3\.\d+)"', project) == pythons
    assert f'requires-python = ">={pythons[0]}"' in project
    assert f'"Django>={djangos[0]}"' in project
    sentence = f"Python {pythons[0]} to {pythons[-1]}, Django {', '.join(djangos[:-1])} and "
    for source in (ROOT / "README.md", DOCS / "index.md"):
        assert f"{sentence}{djangos[-1]}." in source.read_text(), source


def version(text: str) -> list[int]:
    return [int(part) for part in text.split(".")]


def test_sessions_of_nox() -> None:
    """CONTRIBUTING.md and the pages name all of them, and no others."""
    sessions = {
        node.name
        for node in ast.parse((ROOT / "noxfile.py").read_text()).body
        if isinstance(node, ast.FunctionDef)
        and any("nox.session" in ast.unparse(decorator) for decorator in node.decorator_list)
    }
    named = set[str]()
    for path in (*PAGES, CONTRIBUTING):
        named |= set(re.findall(r'nox -s "?(\w+)', path.read_text()))
    assert named == sessions


@pytest.mark.parametrize("path", [*PAGES, CONTRIBUTING], ids=lambda path: path.name)
def test_internal_links(path: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", path.read_text(), flags=re.MULTILINE | re.DOTALL)
    links = re.findall(r"\]\((?![a-z]+:|#)([^)#\s]+)", text)
    assert [link for link in links if not (path.parent / link).exists()] == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_named_tests_and_modules_exist(path: Path) -> None:
    if path == ROOT / "README.md":
        return
    named = re.findall(r"`((?:tests|session_backend)/[\w/.]+)`", path.read_text())
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_every_page_is_in_the_contents() -> None:
    index = (DOCS / "index.md").read_text()
    here = {path.relative_to(DOCS).with_suffix("").as_posix() for path in DOCS.rglob("*.md")}
    assert [name for name in here - {"index"} if f"\n{name}\n" not in index] == []
