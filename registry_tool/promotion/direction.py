"""Whether more of a metric is better or worse.

A gate may say so (``better: lower``). One with only ``min`` or only ``max`` has said so. Otherwise a few words that mean
the same everywhere are known; for any other name nothing is guessed.
"""

from __future__ import annotations

import re
from typing import Final, Literal

from registry_tool.manifests.data import Data, text

__all__ = ["Direction", "direction_of"]

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


def direction_of(gate: Data) -> tuple[Direction | None, str]:
    """Which way a gate's metric is better, and how one knows; None where nothing says so."""
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
