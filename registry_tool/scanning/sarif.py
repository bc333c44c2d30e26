"""What scans found as SARIF 2.1.0 (OASIS), which code scanning services and editors read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from urllib.parse import quote
from zlib import crc32

from registry_tool.scanning.report import JSON, LEVELS, OWN, Finding, Level

__all__ = ["scan_sarif"]

_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
_SEVERITIES: Final[dict[Level, str]] = {
    "dangerous": "error",
    "unknown": "error",
    "unread": "error",
    "unsafe": "note",
}
_TITLES: Final[dict[Level, str]] = {
    "dangerous": "The file is harmful when it is loaded, or crashes its reader",
    "unknown": "Loading the file runs code that is not known to be harmless",
    "unread": "A scan could not read the file, or a part of it",
    "unsafe": "The format of the file runs code when it is loaded",
}


def _rule(level: Level) -> JSON:
    return {
        "id": level,
        "name": level,
        "shortDescription": {"text": _TITLES[level]},
        "defaultConfiguration": {"level": _SEVERITIES[level]},
    }


def _result(finding: Finding, *, accepted: bool) -> JSON:
    place, _, member = finding.path.partition("!")
    by = "" if finding.scanner == OWN else f"{finding.scanner}: "
    inner = f"{member}: " if member else ""
    # `[words](address)` is a link in a SARIF message (3.11.6), and the words may be anybody's.
    text = f"{by}{inner}{finding.message}".replace("](", "] (")
    subject = f"{finding.scanner}\0{finding.level}\0{finding.path}\0{finding.message}"
    return {
        "ruleId": finding.level,
        "ruleIndex": LEVELS.index(finding.level),
        "level": "note" if accepted else _SEVERITIES[finding.level],
        "message": {"text": text},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": quote(place.encode(errors="surrogateescape"))}
                }
            }
        ],
        "partialFingerprints": {"registryToolScan/v1": f"{crc32(subject.encode()):08x}"},
        "properties": {"scanner": finding.scanner},
    }


def scan_sarif(found: Iterable[tuple[Finding, bool]], version: str) -> JSON:
    """One run of this program.

    Args:
        found: What was found, and whether it is accepted.
        version: Of this program.
    """
    return {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": OWN,
                        "version": version,
                        "rules": [_rule(level) for level in LEVELS],
                    }
                },
                "columnKind": "unicodeCodePoints",
                "results": [_result(finding, accepted=accepted) for finding, accepted in found],
            }
        ],
    }
