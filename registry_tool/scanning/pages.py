"""The tables of ``docs/scanning.md``, made from the tables that scans go by."""

from __future__ import annotations

from registry_tool.scanning.code.documents import KEYS
from registry_tool.scanning.formats import FORMATS

__all__ = ["formats_table", "keys_table"]


def formats_table() -> str:
    """What is looked at, and what is not, by format."""
    lines = ["| format | scanned | not scanned |", "| --- | --- | --- |"]
    lines += [f"| {f.name} | {f.looked_at} | {f.passed_over} |" for f in FORMATS if f.looked_at]
    return "\n".join(lines)


def keys_table() -> str:
    """The keys of JSON and YAML that can name code."""
    lines = ["| reader | keys |", "| --- | --- |"]
    lines += [f"| {reader} | {keys} |" for reader, (keys, _) in KEYS.items()]
    return "\n".join(lines)
