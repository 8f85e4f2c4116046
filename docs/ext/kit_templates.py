"""``{templates}``: a table of the kit's templates, made from the comment that each begins with.

The comment says what the template is, what it may read, and after "Blocks:" which blocks it has.
So the table is never behind the templates.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from docutils import nodes
from docutils.parsers.rst import directives
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective

if TYPE_CHECKING:
    from sphinx.application import Sphinx

__all__ = ["FOLDER", "Template", "packs", "setup", "templates"]

FOLDER = Path(__file__).parents[2] / "templates" / "session_ui"
# The folders that hold parts of the plain set; any other is a pack.
PARTS = ("cells", "icons")
COMMENT = re.compile(r"\{# (?P<text>.*?)\.?(?: Blocks: (?P<blocks>.*?)\.?)? #\}")


class Template(NamedTuple):
    """A template by its name below ``session_ui/``."""

    name: str
    text: str
    blocks: list[str]

    @classmethod
    def read(cls, path: Path) -> Template:
        """Read what the template's own comment says."""
        name = path.relative_to(FOLDER).as_posix()
        comment = COMMENT.match(path.read_text())
        if comment is None:
            return cls(name, "", [])
        return cls(name, comment["text"], (comment["blocks"] or "").split(", "))


def templates() -> list[Template]:
    """Return the templates of the plain set, without the icons, which read nothing."""
    paths = [*FOLDER.glob("*.html"), *(FOLDER / "cells").glob("*.html")]
    return [Template.read(path) for path in sorted(paths)]


def packs() -> Iterator[tuple[str, list[str]]]:
    """Yield each pack and the names of its templates."""
    for folder in sorted(FOLDER.iterdir()):
        if folder.is_dir() and folder.name not in PARTS:
            paths = sorted(folder.rglob("*.html"))
            yield folder.name, [path.relative_to(folder).as_posix() for path in paths]


class TemplatesDirective(SphinxDirective):
    """``{templates}``, or ``{templates} packs``."""

    optional_arguments = 1
    option_spec = {"class": directives.class_option}

    def run(self) -> list[nodes.Node]:
        if self.arguments == ["packs"]:
            lines = ["| pack | its own |", "|---|---|"]
            for name, names in packs():
                lines.append(f"| `{name}` | {', '.join(f'`{piece}`' for piece in names)} |")
        else:
            lines = ["| template | what it is; what it may read | blocks |", "|---|---|---|"]
            for template in templates():
                blocks = ", ".join(f"`{block}`" for block in template.blocks if block)
                lines.append(f"| `{template.name}` | {template.text} | {blocks} |")
        node = nodes.Element()
        self.state.nested_parse(StringList(lines, source="templates"), self.content_offset, node)
        return node.children


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive."""
    app.add_directive("templates", TemplatesDirective)
    return {"parallel_read_safe": True}
