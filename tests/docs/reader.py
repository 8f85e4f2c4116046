"""A reader who follows a page: runs its commands and edits its files."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.docs.pages import Block

__all__ = ["Reader"]


class Reader:
    """Works in a folder with one shell: a `cd` or an `export` stays in force."""

    def __init__(self, folder: Path, **env: str) -> None:
        self.folder = folder
        # The shell's environment and folder after the last command.
        self._state = folder / "state.sh"
        self._state.touch()
        own = {"PYTHONPATH", "DJANGO_SETTINGS_MODULE", "VIRTUAL_ENV"}
        self.env = {name: value for name, value in os.environ.items() if name not in own} | env

    @property
    def here(self) -> Path:
        """The folder the shell is in."""
        return Path(self.run("pwd").strip())

    def follow(self, block: Block) -> None:
        """Follow a block: run it, apply it to its file, or write it as its file."""
        if block.language == "sh":
            self.run(block.text)
            return
        assert block.caption, f"{block.place}: which file is that?"
        file = self.here / block.caption
        if block.language == "diff":
            patch(file, block)
        else:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block.text)

    def run(self, commands: str) -> str:
        """Run commands and return their output, which is in the error if one fails."""
        keep = f"{{ export -p; echo \"cd '$PWD'\"; }} > {self._state}"
        done = subprocess.run(
            ["bash", "-euc", f". {self._state}\n{commands}\n{keep}"],
            cwd=self.folder,
            env=self.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{commands}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def start(self, command: str, log: Path) -> subprocess.Popen[bytes]:
        """Start a command that keeps running, in a process group with its children."""
        with log.open("wb") as file:
            return subprocess.Popen(
                ["bash", "-euc", f". {self._state}\nexec {command}"],
                cwd=self.folder,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )


def patch(file: Path, block: Block) -> None:
    """Apply a diff without line numbers: its lines have to be in the file exactly once."""
    lines = block.text.splitlines(keepends=True)
    before = "".join(line[1:] for line in lines if line[0] in " -")
    after = "".join(line[1:] for line in lines if line[0] in " +")
    source = file.read_text()
    assert source.count(before) == 1, f"{block.place}: not once in {file}:\n{before}\n{source}"
    file.write_text(source.replace(before, after))
