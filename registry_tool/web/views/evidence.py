"""Evidence about a version: what was measured, approved, scanned and signed after it was published."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from registry_tool.catalog.catalog import VersionView
from registry_tool.errors import ShallowHistoryError
from registry_tool.manifests.data import Data, records, text, texts
from registry_tool.signing import endorsements, known_since
from registry_tool.web.views.people import name_person
from registry_tool.web.views.reading import ModelReading

__all__ = ["EvidenceLine", "SignatureLine", "list_records", "list_signatures"]


@dataclass(frozen=True)
class EvidenceLine:
    """One file of evidence.

    Attributes:
        name: Its id.
        kind: ``evaluation``, ``approval`` and so on.
        at: When it was made, as it says.
        by: Who made it.
        topic: The suite, the stage, the tool or the format.
        verdict: ``pass``, ``fail``, ``approve`` or ``reject``; empty for kinds without one.
        details: Its text, or what it counted.
        path: The file.
        revises: The evidence that it replaces; empty for none.
    """

    name: str
    kind: str
    at: str
    by: str
    topic: str
    verdict: str
    details: str
    path: str
    revises: str


@dataclass(frozen=True)
class SignatureLine:
    """One signature of a record.

    Attributes:
        path: The file.
        state: ``good`` where a key of ``allowed_signers`` made it; else why it does not count.
        signer: Who signed; empty where it is not known.
        why: Why it does not count.
    """

    path: str
    state: str
    signer: str
    why: str


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _describe(data: Data) -> str:
    words = [text(data, "text")]
    if records(data, "metrics"):
        words.append(_count(len(records(data, "metrics")), "metric"))
    if records(data, "artifacts"):
        words.append(_count(len(records(data, "artifacts")), "artifact"))
    if "findings" in data:
        words.append("; ".join(texts(data, "findings")) or "no findings")
    dataset = text(data, "dataset", "name") or text(data, "dataset", "uri")
    if dataset:
        words.append(f"on {dataset}")
    return ", ".join(filter(None, words))


def list_records(view: VersionView) -> Iterator[EvidenceLine]:
    """The evidence of a version, newest first."""
    found = [one for one in view.evidence() if one.data is not None]
    for document in sorted(found, key=lambda one: text(one.data, "at"), reverse=True):
        data = document.data
        topics = ("suite", "stage", "tool", "format")
        yield EvidenceLine(
            document.place.name, text(data, "kind"), text(data, "at"), name_person(text(data, "by")),
            next((text(data, key) for key in topics if text(data, key)), ""),
            text(data, "verdict") or text(data, "decision"), _describe(data or {}), document.path,
            text(data, "revises"),
        )  # fmt: skip


def list_signatures(reading: ModelReading, view: VersionView) -> Iterator[SignatureLine]:
    """What each signature of a version is worth, by the keys and the history of this commit."""
    source = reading.source
    if not any(text(one.data, "kind") == "signature" for one in view.evidence()):
        return
    tree = source.catalog.tree
    moment = known_since(source.line, tree, tree, source.time)
    try:
        for one in endorsements(view, source.signers, moment=moment):
            signature = one.signature
            yield SignatureLine(one.path, signature.state, signature.signer, one.why)
    except ShallowHistoryError as exc:
        yield SignatureLine("", "unknown", "", f"{exc.message}; run: {exc.remedy}")
