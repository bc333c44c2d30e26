"""Where the webhooks of a served registry are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from registry_tool.server.state_files import find_state_folder

if TYPE_CHECKING:
    from registry_tool.server.service import Service

__all__ = ["find_folder"]


def find_folder(service: Service, api: str) -> Path:
    """The folder of a protocol's webhooks; it exists where some were registered.

    Args:
        service: The registry.
        api: The protocol.
    """
    return find_state_folder("webhooks", service.registry.repository.git.git_dir) / api
