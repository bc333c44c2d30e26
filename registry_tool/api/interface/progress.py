"""Progress of long reads, uploads and downloads."""

from __future__ import annotations

from registry_tool.artifacts.progress import SILENT, Progress

__all__ = ["SILENT", "Progress"]
