"""Entries of artifacts and metrics for a manifest."""

from __future__ import annotations

import base64
import datetime as dt
import math
from pathlib import PurePosixPath
from typing import Final, SupportsFloat, SupportsIndex

from registry_tool.errors import UsageError
from registry_tool.manifests.problems import JSON
from registry_tool.manifests.values import (
    metric_number,
    plain_bytes,
    plain_text,
    real_number,
    whole_number,
)
from registry_tool.names import check_artifact_name, check_new_name

__all__ = ["MetricValue", "artifact_words", "last_part", "metric_entry", "tracked_entry"]

# Numbers of any library are numbers; see ``manifests.incoming``.
MetricValue = SupportsFloat | SupportsIndex | str | bytes | bytearray | memoryview

# By suffix: role, file type, name of the format. For other suffixes the user says it, or it stays open.
_KNOWN: Final[dict[str, tuple[str, str, str]]] = {
    ".onnx": ("model", "model", "ONNX"),
    ".safetensors": ("model", "model", "safetensors"),
    ".gguf": ("model", "model", "GGUF"),
    ".pt": ("model", "model", "PyTorch"),
    ".pth": ("model", "model", "PyTorch"),
    ".jit": ("model", "model", "TorchScript"),
    ".h5": ("model", "model", "HDF5"),
    ".keras": ("model", "model", "Keras"),
    ".tflite": ("model", "model", "TensorFlow Lite"),
    ".ftz": ("model", "model", "fastText"),
    ".skops": ("model", "model", "skops"),
    ".joblib": ("model", "model", "joblib"),
    ".pkl": ("model", "model", "pickle"),
    ".ubj": ("model", "model", "UBJSON"),
    ".cbm": ("model", "model", "CatBoost"),
    ".ckpt": ("checkpoint", "checkpoint", ""),
    ".md": ("document", "text", "Markdown"),
    ".pdf": ("document", "undefined", "PDF"),
    ".png": ("document", "image", "PNG"),
    ".svg": ("document", "image", "SVG"),
    ".jpg": ("document", "image", "JPEG"),
    ".wav": ("dataset", "audio", "WAV"),
    ".parquet": ("dataset", "undefined", "Parquet"),
    ".csv": ("dataset", "text", "CSV"),
    ".jsonl": ("dataset", "text", "JSON Lines"),
}
_NAMES: Final = {
    "tokenizer.json": "tokenizer",
    "tokenizer.model": "tokenizer",
    "vocab.txt": "tokenizer",
    "requirements.txt": "code",
}


def _known(path: str) -> tuple[str, str, str] | None:
    return _KNOWN.get(PurePosixPath(path).suffix.lower())


def _usual_role(path: str) -> str:
    known = _known(path)
    return _NAMES.get(PurePosixPath(path).name) or (known[0] if known else "model")


def artifact_words(path: str, *, role: str = "") -> dict[str, JSON]:
    """What a file's name says about it: role, file type, media type, format; a given role wins."""
    import mimetypes

    name = PurePosixPath(path).name
    known = _known(path)
    words: dict[str, JSON] = {"role": role or _usual_role(path)}
    if known and known[1] != "undefined":
        words["file_type"] = known[1]
    media = mimetypes.guess_type(name)[0]
    if media:
        words["media_type"] = media
    if known and known[2]:
        words["format"] = {"name": known[2]}
    return words


def last_part(uri: str) -> str:
    """The end of an address: what a file from there would be called."""
    return uri.split("?", maxsplit=1)[0].rstrip("/").rsplit("/", 1)[-1]


def tracked_entry(
    uri: str,
    *,
    name: str = "",
    role: str = "",
    size: SupportsIndex | None = None,
    sha256: str = "",
    etag: str = "",
    media_type: str = "",
) -> dict[str, JSON]:
    """The entry of an artifact that is stored elsewhere; its media type is only recorded where it is given.

    Raises:
        InvalidNameError: No name was given and the address ends in none that would do.
    """
    last = last_part(uri)
    entry: dict[str, JSON] = {
        "name": check_new_name(check_artifact_name(name or last), "artifact"),
        # The address says what it is, whatever it is called.
        "role": role or _usual_role(last),
    }
    if media_type:
        entry["media_type"] = media_type
    entry["uri"] = uri
    if size is not None:
        entry["size"] = whole_number(size, "size")
    if sha256:
        entry["sha256"] = sha256
    if etag:
        entry["etag"] = etag
    return entry


def _metric_value(value: object, at: str) -> JSON:
    data = plain_bytes(value)
    if data is not None:
        return {"bytes": base64.b64encode(data).decode()}
    number = metric_number(value, at)
    if number is None:
        return _metric_text(value, at)
    if not math.isfinite(number):
        # JSON has no such numbers; the text is what other tools write for them.
        return "NaN" if math.isnan(number) else ("Infinity" if number > 0 else "-Infinity")
    return number


def _metric_text(value: object, at: str) -> str:
    try:
        return plain_text(value, at)
    except UsageError as exc:
        exc.remedy = exc.remedy if isinstance(value, str) else (
            "a metric is one number, text or bytes; reduce an array to one value, for example value.mean()"
        )  # fmt: skip
        raise


def _milliseconds(moment: object, at: str) -> int:
    if isinstance(moment, dt.datetime) and moment.utcoffset() is not None:
        return round(moment.timestamp() * 1000)
    return round(real_number(moment, at) * 1000)


def metric_entry(
    key: str,
    value: MetricValue,
    *,
    step: SupportsIndex | None = None,
    wallclock: SupportsFloat | dt.datetime | None = None,
) -> dict[str, JSON]:
    """The entry of one measured value.

    Args:
        key: The name of the metric.
        value: A number of any library, a text, or bytes; NaN and infinity become the texts ``NaN`` and ``Infinity``.
        step: The training step, from 0.
        wallclock: When, in seconds since 1970 (UTC), as ``time.time()`` gives, or a time with its zone; kept to the
            millisecond.

    Raises:
        UsageError: The value is not one of these, or a number that cannot be represented.
    """
    name = plain_text(key, "a metric's key")
    at = f"metrics.{name}"
    entry: dict[str, JSON] = {"key": name, "value": _metric_value(value, at)}
    if step is not None:
        entry["step"] = whole_number(step, f"{at}: step")
    if wallclock is not None:
        entry["timestamp"] = _milliseconds(wallclock, f"{at}: wallclock")
    return entry
