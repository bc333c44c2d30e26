"""Where this program keeps things between runs."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["cache_folder"]


def cache_folder() -> Path:
    """The cache: ``$REGISTRY_CACHE``, or ``registry-tool`` in the system's cache folder (``$XDG_CACHE_HOME``)."""
    named = os.environ.get("REGISTRY_CACHE")
    if named:
        return Path(named).expanduser().absolute()
    from platformdirs import user_cache_path

    return user_cache_path("registry-tool")
