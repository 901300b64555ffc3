"""Makes `[project.urls]` from the one address that the project's owner fills in.

It is `repository` under `[tool.hatch.metadata.hooks.custom]` in pyproject.toml. While it is empty there are no links.
"""

from __future__ import annotations

from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface


class ProjectUrls(MetadataHookInterface):
    """Adds the links that the package index shows."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Set `urls`, when the repository has an address."""
        metadata["urls"] = urls_of(str(self.config.get("repository", "")))


def urls_of(repository: str) -> dict[str, str]:
    """The project's links, from the address of its repository.

    >>> urls_of("https://code.example/team/zefnb/")["Issues"]
    'https://code.example/team/zefnb/issues'
    >>> urls_of("")
    {}
    """
    address = repository.rstrip("/")
    if not address:
        return {}
    return {
        "Repository": address,
        "Issues": f"{address}/issues",
        "Changes": f"{address}/blob/main/CHANGELOG.md",
        "Security": f"{address}/blob/main/SECURITY.md",
    }
