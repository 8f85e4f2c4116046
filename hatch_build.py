"""Build hook: PyPI's page is the README with absolute links, and has links to the repository.

``repository`` in pyproject.toml is the only place with the repository's URL, on GitHub. While it is
empty, the README is published as it is.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

__all__ = ["RepositoryMetadataHook"]

# What follows is a path in the repository, and no URL or anchor.
RELATIVE = r"(?![a-z]+:|#)"


class RepositoryMetadataHook(MetadataHookInterface):
    """Sets ``readme`` and ``urls``."""

    def update(self, metadata: dict[str, Any]) -> None:
        repository, tag = self.config["repository"], f"v{metadata['version']}"
        text = Path(self.root, "README.md").read_text(encoding="utf-8")
        metadata["urls"] = {}
        if repository:
            text = re.sub(rf"\]\({RELATIVE}", f"]({repository}/blob/{tag}/", text)
            text = re.sub(rf'(src|srcset)="{RELATIVE}', rf'\1="{repository}/raw/{tag}/', text)
            metadata["urls"] = {
                "Source": repository,
                "Documentation": f"{repository}/blob/{tag}/docs/index.md",
                "Changelog": f"{repository}/blob/{tag}/CHANGELOG.md",
                "Issues": f"{repository}/issues",
            }
        metadata["readme"] = {"content-type": "text/markdown", "text": text}
