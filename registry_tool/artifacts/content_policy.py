"""Scan the content of new artifacts before it is stored, and apply the registry's policy to the findings.

The policy is ``scan`` of ``registry.yaml``: ``refuse``, ``warn`` or ``off`` for each level of finding. A check of a
registry cannot see content; the gate ``{evidence: scan, verdict: pass}`` keeps unscanned versions out of a stage.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from registry_tool.errors import RefusedError, UsageError
from registry_tool.installation import package_for
from registry_tool.manifests.data import Data, text

if TYPE_CHECKING:
    from registry_tool.artifacts.transfer.ingest import IngestedBlob
    from registry_tool.scanning import Finding, Level

__all__ = ["ALLOWED", "accepted_by", "check_allowed", "list_files", "look_at_files"]

_DEFAULTS: Final[Mapping[Level, str]] = MappingProxyType(
    {"dangerous": "refuse", "unknown": "warn", "unread": "warn", "unsafe": "warn"}
)
_SHOWN: Final = 5
# What content is refused for until the author says that it is meant.
ALLOWED: Final = ("empty", "mislabelled")


def list_files(ingested: IngestedBlob, called: str) -> Iterator[tuple[str, Path]]:
    """Every file of an artifact in the cache, under its path in the artifact."""
    places = dict(ingested.blobs)
    if not ingested.members:
        yield called, places[ingested.md5]
    for member in ingested.members:
        yield f"{called}/{member.path}", places[member.md5]


def check_allowed(allow: Iterable[str]) -> frozenset[str]:
    """What an author says is meant, of ``ALLOWED``.

    Raises:
        UsageError: There is no such word.
    """
    found = frozenset(allow)
    for word in sorted(found - frozenset(ALLOWED)):
        raise UsageError(f"allow: {word!a} is unknown", remedy=f"choose from {', '.join(ALLOWED)}")
    return found


def _meant(word: str) -> str:
    return f'accept it with --allow {word}, in Python allow=["{word}"]'


def _check_mistakes(files: Sequence[tuple[str, Path]], called: str, allow: frozenset[str]) -> None:
    """See that an artifact is not what a broken download, or a program that stopped, leaves under a model's name."""
    from registry_tool.artifacts.filesystem import on_disk
    from registry_tool.scanning import HEAD_LIMIT, contradiction

    for path, place in files:
        with on_disk(f"{place} cannot be read"), place.open("rb") as stream:
            head = stream.read(HEAD_LIMIT)
        size = len(head) if len(head) < HEAD_LIMIT else place.stat().st_size
        if not size and len(files) == 1 and path == called and "empty" not in allow:
            remedy = f"write it again, or {_meant('empty')}"
            raise RefusedError(f"{path} is empty: 0 bytes", remedy=remedy)
        held = "" if "mislabelled" in allow else contradiction(path, head, size)
        if held:
            first = (
                "git lfs pull fetches the file" if "LFS" in held else "download or export it again"
            )
            raise RefusedError(
                f"{path} is {held}, but its name says otherwise",
                remedy=f"{first}, or {_meant('mislabelled')}",
            )


def look_at_files(
    files: Iterable[tuple[str, Path]], called: str, settings: Data, *, allow: Collection[str] = ()
) -> tuple[Finding, ...]:
    """Scan the files of an artifact.

    Args:
        files: The path of each in the artifact, and on disk.
        called: What the artifact's file or folder is called.
        settings: The data of ``registry.yaml``.
        allow: What the author says is meant: ``empty`` for one file without bytes, ``mislabelled`` for content that
            contradicts its name. Empty files in folders need no word.

    Returns:
        The findings that the policy warns of.

    Raises:
        RefusedError: The policy refuses one; or it is a mistake that ``allow`` does not name.
        UsageError: ``allow`` has an unknown word.
        OperationalError: A file cannot be read.
    """
    files = list(files)
    _check_mistakes(files, called, check_allowed(allow))
    policy = {level: text(settings, "scan", level) or _DEFAULTS[level] for level in _DEFAULTS}
    if set(policy.values()) == {"off"}:
        return ()
    from registry_tool.scanning import installed_scanners, scan_files

    with package_for("a scan of YAML"):
        findings = scan_files(files, installed_scanners()).findings
    refused = [found for found in findings if policy[found.level] == "refuse"]
    if refused:
        shown = "; ".join(str(found) for found in refused[:_SHOWN])
        more = f"; and {len(refused) - _SHOWN} more" if len(refused) > _SHOWN else ""
        raise RefusedError(
            f"the content of {called} is refused by the registry's policy: {shown}{more}",
            remedy="use a format without code, such as safetensors or ONNX;"
            " `scan` in registry.yaml is the policy",
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
