"""The pages of the documentation, and the code in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

__all__ = ["DOCS", "PAGES", "ROOT", "Block", "blocks", "cells", "page", "rows"]

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.rglob("*.md"), ROOT / "README.md", ROOT / "SECURITY.md"])

# ```sh, or ```{code-block} python with options before its text.
FENCE = re.compile(
    r"^```(?:\{code-block\} )?(?P<language>[\w+]+)\n"
    r"(?P<options>(?::\w+: [^\n]*\n)*)\n*"
    r"(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
CAPTION = re.compile(r"^:caption: (.*)$", re.MULTILINE)
FILE = re.compile(r"`([\w/]+\.(?:py|html))`")
HEADING = re.compile(r"^## (.*)$", re.MULTILINE)


class Block(NamedTuple):
    """A block of code on a page; ``caption`` is the file it belongs to, if any.

    ``heading`` is that of the section it stands in.
    """

    language: str
    caption: str
    text: str
    place: str
    """The page and the line, for the message of a test that fails."""
    heading: str = ""


def page(name: str) -> str:
    return (DOCS / name).read_text()


def blocks(path: Path) -> Iterator[Block]:
    """Read the blocks of code of a page, from top to bottom."""
    source = path.read_text()
    for match in FENCE.finditer(source):
        caption = CAPTION.search(match["options"])
        line = source.count("\n", 0, match.start("text"))
        place = f"{path.relative_to(ROOT)}:{line + 1}"
        file = caption[1] if caption else file_named_above(source[: match.start()])
        headings = HEADING.findall(source, 0, match.start())
        heading = headings[-1] if headings else ""
        yield Block(match["language"], file, match["text"], place, heading)


def file_named_above(source: str) -> str:
    """Return the last file that the paragraph above a block names, if it ends with a colon."""
    paragraph = source.rstrip("\n").rpartition("\n\n")[2]
    files = FILE.findall(paragraph) if paragraph.endswith(":") else []
    return files[-1] if files else ""


def rows(source: str) -> Iterator[list[str]]:
    """Read the rows of all Markdown tables, their headings among them, as cells."""
    for line in source.splitlines():
        if line.startswith("|") and not set(line) <= set("|-: "):
            # A bar inside of a cell is written \|.
            yield [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def cells(source: str, column: int = 0) -> list[str]:
    """Return one column of all Markdown tables on a page, without code marks."""
    return [row[column].strip("`") for row in rows(source) if len(row) > column]
