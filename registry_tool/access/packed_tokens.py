"""Tokens as MLSteam's SDK writes them: three parts, the last of which is a token of this server.

The first two are JSON objects in base64; the SDK takes the address of the server from them, unless its configuration or
environment names one. They say nothing to the server.
"""

from __future__ import annotations

import base64
import json
from typing import Final

__all__ = ["pack_token", "unpack_token"]

_PARTS: Final = 3


def _encode(data: dict[str, str]) -> str:
    raw = json.dumps(data, separators=(",", ":")).encode()
    return base64.b64encode(raw).rstrip(b"=").decode()


def pack_token(token: str, address: str = "") -> str:
    """A token in three parts.

    Args:
        token: The token.
        address: The address of the server; empty where the client is told in another way.
    """
    return f"{_encode({})}.{_encode({'api_address': address})}.{token}"


def unpack_token(text: str) -> str:
    """The token in a text of three parts; empty for other text."""
    parts = text.split(".")
    return parts[-1] if len(parts) == _PARTS else ""
