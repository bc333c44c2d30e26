"""The gate that requires evidence about exactly the record that is promoted."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from registry_tool.catalog.evidence import EvidenceItem, pieces
from registry_tool.git.blame import find_origins
from registry_tool.manifests.data import Data, text
from registry_tool.promotion.commands import adding
from registry_tool.promotion.context import GateAnswer, answer_failed, answer_held

if TYPE_CHECKING:
    from registry_tool.promotion.context import GateInput

__all__ = ["evidence_gate"]

# The field that separates series of evidence of one kind: in each the newest decides.
_SERIES = {"evaluation": "suite", "scan": "tool"}
# `registry-tool 0.3.0` and `registry-tool 0.4.0` are one tool: what an older release said, a newer one may take back.
_RELEASE = re.compile(r"\s+v?[0-9]\S*\Z")


def _newest(question: GateInput, series: Sequence[EvidenceItem]) -> list[EvidenceItem]:
    """Those of a series that were published last; what the change itself adds is newer than all.

    Without history the time decides that each file gives itself. More than one is left where they came together.
    """
    line = question.line
    if line is None:
        last = max(text(piece.data, "at") for piece in series)
        return [piece for piece in series if text(piece.data, "at") == last]
    paths = [piece.document.path for piece in series]
    known = find_origins(line, question.base.tree, question.version.model.catalog.tree, paths)
    ages = {path: known[path].age if path in known else -1 for path in paths}
    first = min(ages.values())
    return [piece for piece in series if ages[piece.document.path] == first]


def _series(found: Sequence[EvidenceItem], kind: str) -> Iterator[tuple[str, list[EvidenceItem]]]:
    series: dict[str, list[EvidenceItem]] = {}
    for piece in found:
        name = text(piece.data, _SERIES[kind])
        series.setdefault(_RELEASE.sub("", name) if kind == "scan" else name, []).append(piece)
    yield from series.items()


def _against(
    question: GateInput, series: Sequence[EvidenceItem], verdict: str
) -> EvidenceItem | None:
    """The evidence that decides a series otherwise than is wanted; history is asked only where verdicts differ."""
    wrong = [piece for piece in series if text(piece.data, "verdict") != verdict]
    if not wrong or len(wrong) == len(series):
        return next(iter(wrong), None)
    newest = _newest(question, series)
    return next((piece for piece in wrong if piece in newest), None)


def _name(piece: EvidenceItem) -> str:
    return piece.document.path.rpartition("/")[2]


def _tool(data: Data) -> str:
    """The tool that scanned, without its release."""
    return _RELEASE.sub("", text(data, "tool"))


def evidence_gate(question: GateInput, gate: Data) -> GateAnswer:
    """Evidence of a kind must exist; with a verdict, the newest of each suite or tool must have it."""
    kind, suite, tool = text(gate, "evidence"), text(gate, "suite"), text(gate, "tool")
    version, verdict = question.version, text(gate, "verdict")
    there = [
        piece
        for piece in pieces(version, kind)
        if (not suite or text(piece.data, "suite") == suite)
        and (not tool or _tool(piece.data) == tool)
    ]
    found = [piece for piece in there if piece.fits]
    remedy = adding(str(version), kind, suite=suite, commit=True)
    if not found:
        others = "".join(f"; {_name(p)} is for another record" for p in there)
        what = f"{kind} of {suite or tool}" if suite or tool else kind
        return answer_failed(f"{version} has no {what}{others}", remedy)
    if not verdict:
        return answer_held(f"{len(found)}, such as {_name(found[0])}")
    for name, series in _series(found, kind):
        wrong = _against(question, series, verdict)
        if wrong is not None:
            said = text(wrong.data, "verdict")
            return answer_failed(f"the newest result of {name} is {said}: {_name(wrong)}", remedy)
    return answer_held(f"{verdict} in {', '.join(_name(piece) for piece in found[:3])}")
