"""Where the endpoints are."""

from __future__ import annotations

from typing import Final

__all__ = ["PREFIXES", "SIGNED_PATH"]

PREFIXES: Final = ("/api/svc/v1", "/api/ml/v1")
"""That of SDK 0.4 and later, and that of earlier ones; the bodies are the same."""
SIGNED_PATH: Final = "signed"
"""Below a prefix: where signed addresses are."""
