"""Gates on metrics: bounds, and the comparison with the current version of the stage.

A gate may say whether higher or lower is better (``better: lower``); one with only ``min`` or only ``max`` implies it. A
few words in names of metrics mean the same everywhere; for other names no direction is assumed.
"""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, Literal

from registry_tool.catalog.catalog import VersionView
from registry_tool.catalog.evidence import read_metrics
from registry_tool.manifests.data import Data, text
from registry_tool.manifests.problems import JSON, show_value
from registry_tool.promotion.context import GateAnswer, answer_failed, answer_held

if TYPE_CHECKING:
    from registry_tool.promotion.context import GateInput

__all__ = [
    "Direction",
    "find_direction",
    "metric_gate",
]

Direction = Literal["higher", "lower"]

# As decision 0009 lists them; a name is split at everything that is no letter or digit.
_LOWER: Final = frozenset(
    {
        "latency", "loss", "error", "errors", "perplexity", "wer", "cer", "mae", "mse", "rmse", "mape", "fpr", "fnr",
        "ms", "us", "ns", "seconds", "bytes",
    }
)  # fmt: skip
_HIGHER: Final = frozenset(
    {
        "accuracy", "f1", "precision", "recall", "auc", "auroc", "map", "mrr", "ndcg", "bleu", "rouge", "iou",
        "throughput",
    }
)  # fmt: skip
_SPLIT: Final = re.compile(r"[^a-z0-9]+")


def find_direction(gate: Data) -> tuple[Direction | None, str]:
    """The better direction of a gate's metric, and the reason; None where it is unknown."""
    said = text(gate, "better")
    if said in {"higher", "lower"}:
        return ("higher" if said == "higher" else "lower"), "the gate says so"
    if ("min" in gate) != ("max" in gate):
        return ("higher", "the gate has min") if "min" in gate else ("lower", "the gate has max")
    words = frozenset(_SPLIT.split(text(gate, "metric").lower()))
    lower, higher = words & _LOWER, words & _HIGHER
    if bool(lower) == bool(higher):
        return None, ""
    return ("lower" if lower else "higher"), "its name says so"


def _number(value: JSON) -> float | None:
    """A finite number; None for text, bytes and other values."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if math.isfinite(value) else None


def _percent(share: float) -> str:
    return f"{100 * share:.4g} %"


def _bounds(gate: Data, key: str, value: float) -> Iterator[GateAnswer]:
    least, most = _number(gate.get("min")), _number(gate.get("max"))
    if least is not None:
        below = value < least
        yield (answer_failed if below else answer_held)(
            f"{key} {value} {'<' if below else '>='} {least}"
        )
    if most is not None:
        above = value > most
        yield (answer_failed if above else answer_held)(
            f"{key} {value} {'>' if above else '<='} {most}"
        )


def _compare(gate: Data, value: float, current: float, holder: str) -> GateAnswer:
    """Compare a metric with that of the current version of the stage."""
    key, tolerance = text(gate, "metric"), _number(gate.get("tolerance")) or 0.0
    both = f"{key} {value} against {current} of version {holder}"
    direction, why = find_direction(gate)
    if value == current:
        return answer_held(f"{both}: the same")
    if direction is None:
        return answer_failed(
            f"{both}, but it is unknown whether higher is better",
            "write `better: higher` or `better: lower` in the gate",
        )
    rule = f"{direction} is better: {why}"
    worse = current - value if direction == "higher" else value - current
    if worse < 0:
        return answer_held(f"{both}: no worse ({rule})")
    if current == 0:
        return answer_failed(f"{both}: worse ({rule})")
    share = worse / abs(current)
    fits = share <= tolerance or math.isclose(share, tolerance, rel_tol=1e-9)
    words = f"{both}: {_percent(share)} worse, at most {_percent(tolerance)} ({rule})"
    return (answer_held if fits else answer_failed)(words)


def _add(version: VersionView, key: str) -> str:
    return (
        f"registry evidence add {version} --kind metrics --metric {shlex.quote(key)}=VALUE --commit"
    )


def _against_current(question: GateInput, gate: Data, value: float) -> GateAnswer:
    current, stage, key = question.current, question.stage.name, text(gate, "metric")
    if current is None:
        return answer_held(f"{stage} has no current version to compare with")
    if current.document is None or current.document.data is None:
        return answer_failed(
            f"the record of {current}, the current version of {stage}, cannot be read"
        )
    other = read_metrics(current).get(key)
    number = _number(other)
    if number is None:
        what = f"has no {key}" if other is None else f"has {key} {show_value(other)}"
        return answer_failed(
            f"{current}, the current version of {stage}, {what}: {value} cannot be compared",
            _add(current, key),
        )
    return _compare(gate, value, number, current.version)


def metric_gate(question: GateInput, gate: Data) -> GateAnswer:
    """A metric must be within its bounds, and not worse than that of the current version of the stage."""
    key, there = text(gate, "metric"), read_metrics(question.version)
    value = _number(there.get(key))
    if value is None:
        remedy = _add(question.version, key)
        if key not in there:
            return answer_failed(f"{question.version} has no {key}", remedy)
        return answer_failed(f"{key} is {show_value(there[key])}, which is not a number", remedy)
    answers = [*_bounds(gate, key, value)]
    if "not_worse_than" in gate:
        answers.append(_against_current(question, gate, value))
    explanation = "; ".join(answer.explanation for answer in answers)
    wrong = [answer for answer in answers if answer.state != "held"]
    if not wrong:
        return answer_held(explanation)
    return answer_failed(
        explanation, next((answer.remedy for answer in wrong if answer.remedy), "")
    )
