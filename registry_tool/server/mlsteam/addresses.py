"""Where the endpoints are."""

from __future__ import annotations

from typing import Final

__all__ = ["API", "DESCRIPTION", "PREFIX", "UPLOADS"]

API: Final = "mlsteam"
PREFIX: Final = "/api/v2"
DESCRIPTION: Final = "swagger.json"
"""Below the prefix: the document that the SDK reads first."""
UPLOADS: Final = "uploads"
"""Below the prefix: where files are uploaded to."""
