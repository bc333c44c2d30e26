"""The fields of forms, and what people typed into them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from registry_tool.errors import UsageError
from registry_tool.manifests.problems import JSON

__all__ = ["Field", "FieldKind", "parse_metadata", "split_labels", "write_metadata"]

FieldKind = Literal["text", "area", "code", "choice", "tick"]


@dataclass(frozen=True)
class Field:
    """One field of a form.

    Attributes:
        name: Its name in the request.
        label: What people read.
        kind: One line, several lines, code, a choice, or something to tick.
        value: What it contains when the form is opened.
        help: A sentence under it; empty for none.
        options: Of a choice: each value with what people read.
        is_required: True where it cannot be empty.
    """

    name: str
    label: str
    kind: FieldKind = "text"
    value: str = ""
    help: str = ""
    options: tuple[tuple[str, str], ...] = ()
    is_required: bool = False


def split_labels(text: str) -> list[str]:
    """Labels as people type them, separated by commas or spaces."""
    return [*dict.fromkeys(text.replace(",", " ").split())]


def write_metadata(data: object) -> str:
    """Metadata as a form shows it; empty for none."""
    return json.dumps(data, indent=2, ensure_ascii=False) if data else ""


def parse_metadata(text: str) -> Mapping[str, JSON]:
    """What was typed as metadata.

    Raises:
        UsageError: It is not a JSON object.
    """
    try:
        found = json.loads(text) if text.strip() else {}
    except (ValueError, RecursionError) as exc:
        where = f": {exc}" if isinstance(exc, json.JSONDecodeError) else ""
        raise UsageError(
            f"the metadata is not JSON{where}", remedy='write an object such as {"team": "speech"}'
        ) from exc
    if not isinstance(found, dict):
        raise UsageError(
            "the metadata is not a JSON object", remedy='write one such as {"team": "speech"}'
        )
    return found
