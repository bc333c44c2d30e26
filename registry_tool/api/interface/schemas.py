"""What the schemas of manifests allow."""

from __future__ import annotations

from registry_tool.manifests.data import get
from registry_tool.manifests.schema import schema_data

__all__ = ["allowed_words"]


def allowed_words(schema: str, *path: str) -> list[str]:
    """The words that a definition of a schema allows.

    Args:
        schema: Its id, such as ``version/v1``.
        path: Where the ``enum`` is, below ``$defs``.
    """
    found = get(schema_data(schema), "$defs", *path, "enum")
    return [str(word) for word in found] if isinstance(found, list) else []
