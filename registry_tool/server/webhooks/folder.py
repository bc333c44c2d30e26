"""Where the webhooks of a served registry are."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from registry_tool.paths import state_folder

if TYPE_CHECKING:
    from registry_tool.server.service import Service

__all__ = ["find_folder"]


def find_folder(service: Service, api: str) -> Path:
    """The folder of a protocol's webhooks; it exists where some were registered.

    Args:
        service: The registry.
        api: The protocol.
    """
    place = str(service.registry.repository.git.git_dir.resolve())
    key = hashlib.sha256(place.encode(errors="surrogateescape")).hexdigest()[:24]
    return state_folder() / "webhooks" / key / api
