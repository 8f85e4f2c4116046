"""``{templates}``: a table of the templates, made from the comment at the top of each.

The comment says what the template is, what it can read, and after "Blocks:" which blocks it has, so
the table is always up to date.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from docutils import nodes
from docutils.parsers.rst import directives
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective

if TYPE_CHECKING:
    from sphinx.application import Sphinx

__all__ = ["FOLDER", "Template", "setup", "templates"]

FOLDER = Path(__file__).parents[2] / "templates" / "session_ui"
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
    """Return the templates."""
    return [Template.read(path) for path in sorted(FOLDER.rglob("*.*"))]


class TemplatesDirective(SphinxDirective):
    """``{templates}``."""

    option_spec = {"class": directives.class_option}

    def run(self) -> list[nodes.Node]:
        lines = ["| template | what it is; what it can read | blocks |", "|---|---|---|"]
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
