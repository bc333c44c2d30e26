"""Reading plain data of manifests: fields by name and type, empty where they are absent."""

from __future__ import annotations

from registry_tool.manifests.data import Data, get, member, records, text, texts

__all__ = ["Data", "get", "member", "records", "text", "texts"]
