"""The command that downloads the stylesheets of the CSS frameworks."""

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
    """``manage.py looks``: download the frameworks from npm into ``var``."""

    help = "Downloads the stylesheets of CSS frameworks from npm, for visitors to choose."
    requires_system_checks = []

    def handle(self, **options: Any) -> None:
        for look in LOOKS:
            for package, files in look.packages.items():
                fetch(package, files, settings.LOOKS_DIR)
                self.stdout.write(f"{look.label}: {', '.join(files.values())}")


def fetch(package: str, files: dict[str, str], folder: Path) -> None:
    """Copy files of an npm package into the folder, under the given names."""
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
    """Download the package from npm into the folder."""
    command = ["npm", "pack", package, "--silent", "--pack-destination", str(folder)]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except FileNotFoundError as error:
        raise CommandError(
            "npm is not installed, so only the site's own look is available."
        ) from error
    except subprocess.CalledProcessError as error:
        raise CommandError(f"npm cannot download {package}: {error.stderr}") from error


def readable(content: bytes, name: str) -> bytes:
    """Return the stylesheet as browsers need it; Tailwind's base needs its compiler."""
    if name != "preflight.css":
        return content
    # There is no theme here, so replace its variables by their defaults. The layer keeps these
    # rules below daisyUI's.
    plain = re.sub(rb"--theme\(\s*--[\w-]+,\s*([^()]*)\)", rb"\1", content)
    return b"@layer base {\n" + plain + b"}\n"
