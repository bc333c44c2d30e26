"""What becomes of a finished test run: evidence of kind ``metrics`` about the version that it tested.

Only measured values are recorded. Whether they suffice is the answer of a gate, which compares them with the thresholds of the
published policy; a client has no field to say it in. The name of a value says what was measured, so that a result of an easier
suite, of an older version of it, or of another evaluator is never taken for the one that a gate asks for.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from registry_tool.catalog.catalog import Catalog, VersionView
from registry_tool.catalog.evidence import EvidenceItem, pieces
from registry_tool.catalog.resolve import find_draft, resolve
from registry_tool.edits.annotations import add_evidence
from registry_tool.edits.changeset import ChangeSet, Edit
from registry_tool.manifests.arguments import fits
from registry_tool.manifests.data import Data, records, text
from registry_tool.manifests.problems import JSON
from registry_tool.manifests.schema_fast import same
from registry_tool.names import Reference
from registry_tool.promotion.stages import list_stages
from registry_tool.server.kolena.errors import IncorrectUsageError

__all__ = [
    "Measurement",
    "RunResult",
    "encode_name",
    "list_values",
    "name_content",
    "name_metric",
    "parse_metrics",
    "record_result",
]

_KIND: Final = "metrics"
_LONGEST_KEY: Final = 128
_LONGEST_TEXT: Final = 256
_DIGITS: Final = 16  # of the SHA-256 of a name that is too long
_MOST_VALUES: Final = 1000
_MOST_BYTES: Final = 96 << 10  # of one file of evidence, roughly; a manifest has at most 256 kB
_EXACT: Final = 1 << 53
_MARKS: Final = re.compile(r"[^ -~]|[%/\[\]]")


class Measurement(NamedTuple):
    """The metrics of a test case, or of the whole suite, with one configuration.

    Attributes:
        case: The test case, as ``name_content`` names it; empty for the suite.
        configuration: The shown name of the configuration; empty for none.
        metrics: The metrics as the client sent them: a JSON object.
    """

    case: str
    configuration: str
    metrics: str


@dataclass(frozen=True)
class RunResult:
    """What a finished test run has measured.

    Attributes:
        run: The name of its object.
        version: The version that it tested.
        suite: The test suite, as ``name_content`` names it.
        evaluator: The name of the evaluator; empty for none.
        measurements: Those of the suite first, then those of its test cases.
    """

    run: str
    version: Reference
    suite: str
    evaluator: str
    measurements: Sequence[Measurement]


# --- names


def encode_name(part: str) -> str:
    """A name in printable ASCII without the characters that separate names; two names never become one."""
    plain = _MARKS.sub(lambda found: "".join(f"%{b:02X}" for b in _to_bytes(found[0])), part)
    start, end = len(plain) - len(plain.lstrip(" ")), len(plain.rstrip(" "))
    if start > end:  # nothing but blanks
        return "%20" * len(plain)
    return "%20" * start + plain[start:end] + "%20" * (len(plain) - end)


def _to_bytes(char: str) -> bytes:
    return char.encode(errors="surrogatepass")


def name_content(title: str, version: int, *, slug: str = "") -> str:
    """A version of a test suite or test case in the name of a metric: ``name@version``.

    Args:
        title: Its name.
        version: Its version.
        slug: Its path, where the name is not the one that it was created with: another one may have had that name before, and
            a gate that asks for that one must not get this one.
    """
    return f"[{slug}]@{version}" if slug else f"{encode_name(title)}@{version}"


def name_metric(
    suite: str, evaluator: str, configuration: str, case: str, path: Sequence[str]
) -> str:
    """The name of a measured value, as a gate asks for it.

    ``kolena/SUITE@VERSION/EVALUATOR[CONFIGURATION]/suite/METRIC``, or ``…/case/CASE@VERSION/METRIC``. A name with more than
    128 characters ends in 16 digits of its SHA-256.

    Args:
        suite: The test suite, as ``name_content`` names it.
        evaluator: The name of the evaluator; empty for none.
        configuration: The shown name of the configuration; empty for none.
        case: The test case, likewise; empty for the suite.
        path: The name of the metric, below those of the groups that it is in.
    """
    how = encode_name(evaluator) or "-"
    how += f"[{encode_name(configuration)}]" if configuration else ""
    about = ["case", case] if case else ["suite"]
    name = "/".join(["kolena", suite, how, *about, *map(encode_name, path)])
    if len(name) <= _LONGEST_KEY:
        return name
    import hashlib

    digest = hashlib.sha256(name.encode()).hexdigest()[:_DIGITS]
    return f"{name[: _LONGEST_KEY - _DIGITS - 1]}~{digest}"


# --- values


def _write_value(value: JSON) -> float | str | None:
    """A value as evidence has it; None for one that it leaves out."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return value if abs(value) < _EXACT else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else json.dumps(value)
    if isinstance(value, str):
        return value if len(value) <= _LONGEST_TEXT else None
    return None


def _name_groups(groups: Sequence[JSON]) -> list[str]:
    """The names of nested metrics: their texts, which tell them apart; where they do not, also their places."""
    texts = [
        ",".join(v for v in group.values() if isinstance(v, str)) if isinstance(group, dict) else ""
        for group in groups
    ]
    is_enough = len({*texts}) == len(texts) and all(texts)
    return texts if is_enough else [f"{text}#{n}" for n, text in enumerate(texts)]


def _flatten(metrics: JSON, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], JSON]]:
    if not isinstance(metrics, dict):
        return
    for name, value in metrics.items():
        if isinstance(value, list):
            for inner, group in zip(_name_groups(value), value, strict=True):
                yield from _flatten(group, (*path, name, inner))
        elif isinstance(value, dict):
            yield from _flatten(value, (*path, name))
        elif not (path and isinstance(value, str)):  # the text of a group is in the name
            yield (*path, name), value


def parse_metrics(written: str) -> dict[str, JSON]:
    """Metrics as data. NaN and Infinity are numbers here.

    Raises:
        IncorrectUsageError: They are not a JSON object.
    """
    try:
        found = json.loads(written)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise IncorrectUsageError(f"metrics: found {written[:80]!a}; expected a JSON object")
    return found


def list_values(result: RunResult) -> Iterator[dict[str, JSON]]:
    """The measured values of a run as entries of evidence.

    Raises:
        IncorrectUsageError: Metrics are not a JSON object.
    """
    for one in result.measurements:
        try:
            found = [*_flatten(parse_metrics(one.metrics))]
        except RecursionError:
            raise IncorrectUsageError("metrics: too many levels") from None
        for path, value in found:
            said = _write_value(value)
            key = name_metric(result.suite, result.evaluator, one.configuration, one.case, path)
            entry: dict[str, JSON] = {"key": key, "value": said}
            if said is not None and fits("evidence/v1", "metrics", [entry]):
                yield entry


# --- evidence


def _wanted_metrics(catalog: Catalog, namespace: str) -> set[str]:
    stages = list_stages(catalog, namespace).values()
    return {text(gate, "metric") for stage in stages for gate in stage.require}


def _choose(
    values: Iterable[dict[str, JSON]], wanted: Collection[str]
) -> tuple[list[dict[str, JSON]], int]:
    """The values that fit into one file, those that a gate asks for first; and how many do not."""
    every = {text(one, "key"): one for one in values}
    ordered = sorted(every.values(), key=lambda one: one["key"] not in wanted)
    chosen: list[dict[str, JSON]] = []
    size = 0
    for one in ordered:
        size += len(str(one["key"])) + len(str(one["value"])) + 24
        if len(chosen) == _MOST_VALUES or size > _MOST_BYTES:
            break
        chosen.append(one)
    return chosen, len(ordered) - len(chosen)


def _find_earlier(version: VersionView, start: str) -> list[tuple[int, EvidenceItem]]:
    """The evidence of earlier evaluations of a run, the newest last."""
    found = []
    for piece in pieces(version, _KIND):
        name = piece.document.place.name
        number = name.removeprefix(start)
        if piece.fits and name.startswith(start) and number.isdecimal():
            found.append((int(number), piece))
    return sorted(found, key=lambda one: one[0])


def _describe(result: RunResult, left: int) -> str:
    by = f" by {result.evaluator}" if result.evaluator else ""
    more = f"; {left} more values are in its files" if left else ""
    return f"Kolena test run {result.run} on {result.suite}{by}{more}"


def record_result(result: RunResult, *, by: str) -> Edit:
    """Add what a finished run has measured to the version that it tested; a draft is sealed in the same change.

    A later evaluation of the same run revises the earlier one: what it does not measure any more is not found by a gate. The
    edit changes nothing where the newest evidence of the run says the same, or where nothing was measured at all.

    Args:
        result: What was measured.
        by: Who says it.

    The edit raises NotFoundError, RefusedError or InvalidManifestError.

    Raises:
        IncorrectUsageError: Metrics are not a JSON object.
    """
    values = list(list_values(result))
    start = f"kolena-run-{result.run[:12]}-"

    def record(catalog: Catalog) -> ChangeSet:
        earlier = _list_known(catalog, result.version, start)
        chosen, left = _choose(values, _wanted_metrics(catalog, result.version.model.namespace))
        fields: dict[str, JSON] = {"metrics": [*chosen], "text": _describe(result, left)}
        number = 1
        if earlier:
            last, piece = earlier[-1]
            chosen = chosen or [_say_nothing(result)]
            fields["metrics"] = [*chosen]
            if _is_same(piece.data, chosen):
                return ChangeSet(f"{result.version} already has this result")
            number, fields["revises"] = last + 1, piece.document.place.name
        if not chosen:
            return ChangeSet(f"{result.version} has no result")
        add = add_evidence(result.version, _KIND, fields, by=by, name=f"{start}{number}")
        return add(catalog)

    return record


def _say_nothing(result: RunResult) -> dict[str, JSON]:
    """What revises an earlier result where nothing was measured: a gate must not find that one any more."""
    key = name_metric(result.suite, result.evaluator, "", "", ["status"])
    return {"key": key, "value": "nothing measured"}


def _is_same(data: Data, chosen: Sequence[Data]) -> bool:
    known = [*records(data, "metrics")]
    return len(known) == len(chosen) and all(
        same({**a}, {**b}) for a, b in zip(known, chosen, strict=True)
    )


def _list_known(
    catalog: Catalog, reference: Reference, start: str
) -> list[tuple[int, EvidenceItem]]:
    if find_draft(catalog, reference) is not None:
        return []  # evidence is about a record that does not change any more
    return _find_earlier(resolve(catalog, reference, allow_withdrawn=True).version, start)
