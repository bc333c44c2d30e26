"""Where the endpoints are."""

from __future__ import annotations

from typing import Final

__all__ = ["PREFIX", "SIGNED_PATH"]

PREFIX: Final = "/v1"
SIGNED_PATH: Final = "signed"
"""Below the prefix: where signed addresses are."""
