"""What the content of new artifacts may be: a scan before they are stored, and what the registry's policy makes of it.

The policy is ``scan`` of ``registry.yaml``: by level of finding ``refuse``, ``warn`` or ``off``. A check of a registry
cannot see content; a gate ``{evidence: scan, verdict: pass}`` keeps what nobody scanned out of a stage.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from registry_tool.errors import Refused
from registry_tool.manifests.data import Data, text

if TYPE_CHECKING:
    from registry_tool.artifacts.ingesting import Ingested
    from registry_tool.scanning.report import Finding, Level

__all__ = ["accepted_by", "look_at_content", "look_at_files"]

_DEFAULTS: Final[Mapping[Level, str]] = MappingProxyType(
    {"dangerous": "refuse", "unknown": "warn", "unread": "warn", "unsafe": "warn"}
)
_SHOWN: Final = 5


def _files(ingested: Ingested, called: str) -> Iterator[tuple[str, Path]]:
    """Every file of an artifact in the cache, under its path in the artifact."""
    places = dict(ingested.blobs)
    if not ingested.members:
        yield called, places[ingested.md5]
    for member in ingested.members:
        yield f"{called}/{member.path}", places[member.md5]


def look_at_files(
    files: Iterable[tuple[str, Path]], called: str, settings: Data
) -> tuple[Finding, ...]:
    """Scan the files of an artifact.

    Args:
        files: The path of each in the artifact, and where it lies.
        called: What the artifact's file or folder is called.
        settings: The data of ``registry.yaml``.

    Returns:
        The findings that the policy warns of.

    Raises:
        Refused: The policy refuses one.
        EnvironmentTrouble: A file cannot be read.
    """
    policy = {level: text(settings, "scan", level) or _DEFAULTS[level] for level in _DEFAULTS}
    if set(policy.values()) == {"off"}:
        return ()
    from registry_tool.scanning.plugins import installed_scanners
    from registry_tool.scanning.scan import scan_files

    findings = scan_files(files, installed_scanners()).findings
    refused = [found for found in findings if policy[found.level] == "refuse"]
    if refused:
        shown = "; ".join(str(found) for found in refused[:_SHOWN])
        more = f"; and {len(refused) - _SHOWN} more" if len(refused) > _SHOWN else ""
        raise Refused(
            f"the content of {called} is refused: {shown}{more}",
            remedy="store it in a format that only holds data, such as safetensors or ONNX;"
            " what is refused is said by `scan` in registry.yaml",
        )
    return tuple(found for found in findings if policy[found.level] == "warn")


def accepted_by(settings: Data) -> frozenset[Level]:
    """The levels that do not fail a scan of a version: ``unsafe``, and ``unknown`` where the registry says so itself.

    Without a word of the registry a new version with something unknown is stored with a warning, and a gate refuses it.
    """
    accepted: set[Level] = {"unsafe"}
    if text(settings, "scan", "unknown") in {"warn", "off"}:
        accepted.add("unknown")
    return frozenset(accepted)


def look_at_content(ingested: Ingested, called: str, settings: Data) -> tuple[Finding, ...]:
    """Scan an artifact that was read into the cache; see ``look_at_files``."""
    return look_at_files(_files(ingested, called), called, settings)
