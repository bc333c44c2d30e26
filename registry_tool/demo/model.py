"""A small language identifier: naive Bayes over character n-grams, trained in a moment.

It learns from sixteen sentences in each of eight languages and is measured on eight unseen phrases. A model is a JSON file
of counts: plain data, never executed.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from registry_tool.errors import UsageError

__all__ = ["LanguageModel", "Texts", "load", "measure", "save", "texts", "train"]

_TEXTS: Final = Path(__file__).parent / "texts"


class Texts(NamedTuple):
    """Sentences by language code.

    Attributes:
        learning: What a model learns from.
        held_out: What it is measured on.
    """

    learning: Mapping[str, tuple[str, ...]]
    held_out: Mapping[str, tuple[str, ...]]


class LanguageModel(NamedTuple):
    """A trained model.

    Attributes:
        order: How many characters a run has.
        counts: How often each run was seen, by language.
    """

    order: int
    counts: Mapping[str, Mapping[str, int]]

    def identify(self, text: str) -> str:
        """The code of the language a text is most likely in."""
        runs = tuple(_runs(text, self.order))
        kinds = len({run for seen in self.counts.values() for run in seen}) + 1

        def likelihood(language: str) -> float:
            seen = self.counts[language]
            total = sum(seen.values()) + kinds
            return sum(math.log((seen.get(run, 0) + 1) / total) for run in runs)

        return max(sorted(self.counts), key=likelihood)


def texts() -> Texts:
    """The sentences that travel with the package."""
    learning, held_out = {}, {}
    for place in sorted(_TEXTS.glob("*.txt")):
        known, _, unseen = place.read_text(encoding="utf-8").partition("\n\n")
        learning[place.stem] = tuple(known.splitlines())
        held_out[place.stem] = tuple(unseen.splitlines())
    return Texts(learning, held_out)


def _runs(text: str, order: int) -> Iterator[str]:
    """The runs of characters of a text, words kept apart by one blank."""
    letters = "".join(c if c.isalpha() or c == "'" else " " for c in text.casefold())
    padded = f" {' '.join(letters.split())} "
    return (padded[i : i + order] for i in range(len(padded) - order + 1))


def train(learning: Mapping[str, tuple[str, ...]], *, order: int) -> LanguageModel:
    """Count the runs of ``order`` characters in each language."""
    counts = {
        language: dict(Counter(run for text in known for run in _runs(text, order)))
        for language, known in learning.items()
    }
    return LanguageModel(order, counts)


def measure(model: LanguageModel, held_out: Mapping[str, tuple[str, ...]]) -> dict[str, float]:
    """``accuracy``, and ``macro_f1``: the mean over languages of precision and recall taken together."""
    said = [(code, model.identify(text)) for code, unseen in held_out.items() for text in unseen]
    scores = []
    for language in held_out:
        hits = sum(a == b == language for a, b in said)
        claimed = sum((a == language) + (b == language) for a, b in said)
        scores.append(2 * hits / claimed)
    accuracy = sum(a == b for a, b in said) / len(said)
    return {"accuracy": round(accuracy, 4), "macro_f1": round(sum(scores) / len(scores), 4)}


def save(model: LanguageModel, path: Path) -> Path:
    """Write a model; equal models give equal bytes."""
    text = json.dumps(model._asdict(), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    path.write_text(text + "\n", encoding="utf-8")
    return path


def load(path: Path) -> LanguageModel:
    """Read a model.

    Raises:
        UsageError: The file is not one of these models.
    """
    try:
        data = json.loads(path.read_bytes())
        order, counts = data["order"], data["counts"]
        plain = {str(a): {str(r): int(n) for r, n in c.items()} for a, c in counts.items()}
        return LanguageModel(int(order), plain)
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        raise UsageError(f"{path} is not a model of this demo") from exc
