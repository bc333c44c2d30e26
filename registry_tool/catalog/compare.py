"""Compares two versions: values that are the same, changed, were added or were removed."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final, Literal, NamedTuple

from registry_tool.catalog.catalog import VersionView
from registry_tool.manifests.data import Data, get, member, records, text, texts
from registry_tool.manifests.fields import VERSION_FIELDS, Field
from registry_tool.manifests.problems import JSON

__all__ = [
    "GROUPS",
    "Change",
    "Comparison",
    "Row",
    "Values",
    "compare",
    "compare_files",
    "list_values",
]

Change = Literal["same", "changed", "added", "removed"]
_COMPARED: Final = tuple(field for field in VERSION_FIELDS if field.compared)
# What people look at first, then the others in the order of the table of fields.
GROUPS: Final = tuple(
    dict.fromkeys(("metrics", "artifacts", *(field.compared for field in _COMPARED)))
)
"""The groups of a comparison, in order."""
_REQUIREMENT: Final = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)(.*)", re.DOTALL)


class Row(NamedTuple):
    """One thing that either version has.

    Attributes:
        name: What it is called.
        change: ``same``, ``changed``, ``added`` (only the right one has it) or ``removed``.
        left: Its value on the left; None where it is absent.
        right: Likewise on the right.
        difference: Right minus left, for numbers.
    """

    name: str
    change: Change
    left: JSON
    right: JSON
    difference: float | None = None


class Comparison(NamedTuple):
    """Two versions.

    Attributes:
        left: The first, as ``namespace/model@version``.
        right: The second.
        same_identity: True when nothing that can change outputs differs.
        groups: Rows by group, in the order of ``GROUPS``.
    """

    left: str
    right: str
    same_identity: bool
    groups: Mapping[str, tuple[Row, ...]]


def _is_number(value: JSON) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _row(name: str, left: Mapping[str, JSON], right: Mapping[str, JSON]) -> Row:
    if name not in left:
        return Row(name, "added", None, right[name])
    if name not in right:
        return Row(name, "removed", left[name], None)
    a, b = left[name], right[name]
    difference = None
    if (
        isinstance(a, int | float)
        and isinstance(b, int | float)
        and _is_number(a)
        and _is_number(b)
    ):
        difference = b - a
    return Row(name, "same" if a == b else "changed", a, b, difference)


def _rows(left: Mapping[str, JSON], right: Mapping[str, JSON]) -> tuple[Row, ...]:
    """In the order of the left one, then what only the right one has."""
    return tuple(_row(name, left, right) for name in dict.fromkeys([*left, *right]))


def _flat(data: Data, prefix: str = "") -> dict[str, JSON]:
    """Nested mappings as one, with dotted names."""
    found: dict[str, JSON] = {}
    for key, value in data.items():
        if isinstance(value, dict) and value:
            found |= _flat(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = value
    return found


def _artifacts(record: Data) -> dict[str, JSON]:
    kept = ("path", "uri", "size", "sha256", "etag")
    return {
        text(entry, "name"): {key: entry[key] for key in kept if key in entry}
        for entry in records(record, "artifacts")
    }


def _files(record: Data) -> dict[str, JSON]:
    """The files inside of folders, as far as the record lists them."""
    kept = ("size", "sha256")
    return {
        f"{text(entry, 'path')}/{text(file, 'path')}": {k: file[k] for k in kept if k in file}
        for entry in records(record, "artifacts")
        for file in records(entry, "files")
    }


def _packages(record: Data) -> dict[str, JSON]:
    """Requirements by the name that index servers use (PEP 503)."""
    found: dict[str, JSON] = {}
    for line in texts(record, "environment", "pip_packages"):
        match = _REQUIREMENT.fullmatch(line)
        name = re.sub(r"[-_.]+", "-", match[1]).lower() if match else line
        found[name] = match[2].strip() if match else ""
    return found


def _environment(record: Data) -> dict[str, JSON]:
    environment = member(record, "environment")
    return {key: value for key, value in environment.items() if key != "pip_packages"}


def _lineage(record: Data) -> dict[str, JSON]:
    lineage = member(record, "lineage")
    found = _flat({key: value for key, value in lineage.items() if key != "datasets"})
    for dataset in records(lineage, "datasets"):
        known = [text(dataset, "revision"), text(dataset, "digest")]
        found[f"dataset {text(dataset, 'uri')}"] = " ".join(k for k in known if k) or "used"
    return found


# Fields whose entries are more telling than their paths and values.
_READERS: Final[Mapping[str, Callable[[VersionView], dict[str, JSON]]]] = {
    "metrics": lambda view: dict(view.metrics),
    "artifacts": lambda view: _artifacts(view.data),
    "environment": lambda view: _environment(view.data),
    "environment.pip_packages": lambda view: _packages(view.data),
    "lineage": lambda view: _lineage(view.data),
    "labels": lambda view: dict.fromkeys(view.labels, True),
}


def _values(field: Field, view: VersionView) -> dict[str, JSON]:
    reader = _READERS.get(field.name)
    if reader is not None:
        return reader(view)
    if field.kind in {"free", "part"}:
        return _flat(member(view.data, *field.path))
    value = get(view.data, *field.path)
    return {} if value is None else {field.name: value}


Values = dict[str, dict[str, JSON]]
"""The values of a version: by group, and by name."""


def list_values(view: VersionView) -> Values:
    """The values of a version that comparisons compare: by group, in the order of ``GROUPS``, and by name.

    Raises:
        InvalidManifestError: The record cannot be read.
    """
    sides: dict[str, dict[str, JSON]] = {group: {} for group in GROUPS}
    for field in _COMPARED:
        sides[field.compared].update(_values(field, view))
    return sides


def compare(
    left: VersionView, right: VersionView, read: Callable[[VersionView], Values] = list_values
) -> Comparison:
    """Two versions side by side; of one model or of two.

    Args:
        left: The first.
        right: The second.
        read: Lists the values of a version, where some are known already.

    Raises:
        InvalidManifestError: The record of one of them cannot be read.
    """
    a, b = read(left), read(right)
    return Comparison(
        left=str(left),
        right=str(right),
        same_identity=text(left.data, "identity") == text(right.data, "identity"),
        groups={group: _rows(a[group], b[group]) for group in GROUPS},
    )


def compare_files(left: VersionView, right: VersionView) -> tuple[Row, ...]:
    """The files inside of folders, as far as the records list them, with size and digest.

    Raises:
        InvalidManifestError: The record of one of them cannot be read.
    """
    return _rows(_files(left.data), _files(right.data))
