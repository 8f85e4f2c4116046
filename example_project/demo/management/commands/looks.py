"""The command that fetches the stylesheets of the frameworks."""

from __future__ import annotations

import re
import subprocess
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandError
from example.looks import LOOKS

__all__ = ["Command"]


class Command(BaseCommand):
    """``manage.py looks``: asks npm for each framework, and keeps its stylesheet in ``var``."""

    help = "Fetches the stylesheets of the CSS frameworks with npm, for the site to be shown in."
    requires_system_checks = []

    def handle(self, **options: Any) -> None:
        for look in LOOKS:
            for package, files in look.packages.items():
                fetch(package, files, settings.LOOKS_DIR)
                self.stdout.write(f"{look.label}: {', '.join(files.values())}")


def fetch(package: str, files: dict[str, str], folder: Path) -> None:
    """Put files of an npm package into the folder, under the names given."""
    with TemporaryDirectory() as scratch:
        pack(package, Path(scratch))
        (archive,) = Path(scratch).glob("*.tgz")
        with tarfile.open(archive) as package_files:
            for name, target in files.items():
                content = package_files.extractfile(f"package/{name}")
                if content is None:
                    raise CommandError(f"{package} has no file {name}.")
                (folder / target).write_bytes(readable(content.read(), target))


def pack(package: str, folder: Path) -> None:
    """Have npm download the package, as it is published, into the folder."""
    command = ["npm", "pack", package, "--silent", "--pack-destination", str(folder)]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except FileNotFoundError as error:
        raise CommandError("npm is not installed; only the site's own look is offered.") from error
    except subprocess.CalledProcessError as error:
        raise CommandError(f"npm cannot fetch {package}: {error.stderr}") from error


def readable(content: bytes, name: str) -> bytes:
    """Return the stylesheet as a browser wants it: Tailwind's base is written for its compiler."""
    if name != "preflight.css":
        return content
    # Variables of the theme, of which there are none here: what stands for them. And below the
    # layers of daisyUI.
    plain = re.sub(rb"--theme\(\s*--[\w-]+,\s*([^()]*)\)", rb"\1", content)
    return b"@layer base {\n" + plain + b"}\n"
