"""Where this program keeps things between runs."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["cache_folder", "state_folder"]


def cache_folder() -> Path:
    """The cache: ``$REGISTRY_CACHE``, or ``registry-tool`` in the system's cache folder (``$XDG_CACHE_HOME``)."""
    named = os.environ.get("REGISTRY_CACHE")
    if named:
        return Path(named).expanduser().absolute()
    from platformdirs import user_cache_path

    return user_cache_path("registry-tool")


def state_folder() -> Path:
    """What is kept for good, such as the hosts that get credentials.

    It is ``registry-tool`` in the system's state folder (``$XDG_STATE_HOME``).
    """
    from platformdirs import user_state_path

    return user_state_path("registry-tool")
