"""Numbers that people type, as a manifest can store them."""

from __future__ import annotations

from registry_tool.manifests.values import typed_float, typed_integer

__all__ = ["typed_float", "typed_integer"]
