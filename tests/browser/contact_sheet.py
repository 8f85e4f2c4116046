"""The device list in five frameworks, light and dark, on a desk and in a hand, on one picture.

``python -m tests.browser.contact_sheet docs/images`` writes ``looks.png`` there, and
``looks-rtl.png``, the same from right to left. It needs npm, Chromium and Pillow.
"""

from __future__ import annotations

import io
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from PIL import Image
from playwright.sync_api import sync_playwright

from tests.browser.looks import LOOKS, fetched, opened, signed_in
from tests.example_project.site import serving

if TYPE_CHECKING:
    from playwright.sync_api import Browser

__all__ = ["main"]

PAGE = "/account/sessions/"
SCHEMES = ["light", "dark"]
DESK, HAND = (1120, 800), (390, 800)
SCALE = 0.5
GAP = 12
COLOURS = 256


def shots(browser: Browser, site: str, look: str, cookies: list[Any]) -> Iterator[Image.Image]:
    """Yield the four pictures of a look: at a desk and in the hand, light and dark."""
    for width, height in (DESK, HAND):
        for scheme in SCHEMES:
            options: Any = {
                "viewport": {"width": width, "height": height},
                "color_scheme": scheme,
                "device_scale_factor": 1,
            }
            with opened(browser, site, look, cookies, PAGE, **options) as page:
                yield Image.open(io.BytesIO(page.screenshot(animations="disabled")))


def sheet(rows: list[list[Image.Image]]) -> Image.Image:
    """Put the pictures together, a row for each look, in a few colours."""
    smaller = [
        [
            shot.resize(
                (int(shot.width * SCALE), int(shot.height * SCALE)), Image.Resampling.LANCZOS
            )
            for shot in row
        ]
        for row in rows
    ]
    width = sum(shot.width + GAP for shot in smaller[0]) + GAP
    height = sum(row[0].height + GAP for row in smaller) + GAP
    whole = Image.new("RGB", (width, height), "#8a8f98")
    y = GAP
    for row in smaller:
        x = GAP
        for shot in row:
            whole.paste(shot.convert("RGB"), (x, y))
            x += shot.width + GAP
        y += row[0].height + GAP
    return whole.quantize(palette=palette(whole), dither=Image.Dither.NONE)


def palette(whole: Image.Image) -> Image.Image:
    """Choose the colours, by how many there are of a kind more than by the area they cover.

    Else the greys of all the letters would leave none for a red button.
    """
    found = whole.getcolors(whole.width * whole.height) or []
    sample = [colour for area, colour in found for _ in range(max(1, int(area**0.3)))]
    side = int(len(sample) ** 0.5)
    square = Image.new("RGB", (side, side))
    square.putdata(sample[: side * side])
    return square.quantize(COLOURS, kmeans=4)


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        program = os.environ.get("CHROMIUM") or shutil.which("chromium")
        # Containers have no sandbox to offer.
        arguments = ["--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        browser = playwright.chromium.launch(executable_path=program, args=arguments)
        yield browser
        browser.close()


def main(folder: Path, looks: list[str]) -> None:
    """Write both sheets into the folder."""
    for name, switches in {"looks": {}, "looks-rtl": {"LANGUAGE_CODE": "ar"}}.items():
        with TemporaryDirectory() as var:
            fetched(Path(var))
            with serving(Path(var), **switches) as site, chromium() as browser:
                cookies = signed_in(browser, site)
                picture = sheet([list(shots(browser, site, look, cookies)) for look in looks])
        path = folder / f"{name}.png"
        picture.save(path, optimize=True)
        print(path, picture.size, path.stat().st_size // 1000, "kB")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:] or LOOKS)
