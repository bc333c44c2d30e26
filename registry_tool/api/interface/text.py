"""Text that is safe to print: manifests, paths and Git may contain anything."""

from __future__ import annotations

from registry_tool.manifests.problems import inert, inert_json, json_lines, one_line

__all__ = ["inert", "inert_json", "json_lines", "one_line"]
