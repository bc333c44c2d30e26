"""The evidence about exactly one record.

Evidence counts when it names the SHA-256 of the ``version.yaml`` next to it: what was measured or read, and nothing else.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from registry_tool.catalog.catalog import VersionView
from registry_tool.manifests.data import Data, last_values, records, text
from registry_tool.manifests.document import Document
from registry_tool.manifests.problems import JSON

__all__ = ["EvidenceItem", "pieces", "read_metrics"]


class EvidenceItem(NamedTuple):
    """One readable file of evidence.

    Attributes:
        document: The file.
        data: What it says.
        fits: True when it is about the record as it is.
    """

    document: Document
    data: Data
    fits: bool


def pieces(version: VersionView, kind: str) -> list[EvidenceItem]:
    """The evidence of one kind that lies beside a record, by file name."""
    record = version.document
    digest = "" if record is None else hashlib.sha256(record.source).hexdigest()
    return [
        EvidenceItem(document, document.data, text(document.data, "subject", "sha256") == digest)
        for document in version.evidence()
        if document.data is not None and text(document.data, "kind") == kind
    ]


def read_metrics(version: VersionView) -> dict[str, JSON]:
    """The last value of each metric: of the record, and of evidence of kind metrics about it, by the time it was added."""
    found = [*records(version.data, "metrics")]
    fitting = [piece for piece in pieces(version, "metrics") if piece.fits]
    revised = {text(piece.data, "revises") for piece in fitting}
    for piece in sorted(fitting, key=lambda one: text(one.data, "at")):
        if piece.document.place.name not in revised:
            found += records(piece.data, "metrics")
    return last_values(found)
