"""Bytes at a place to data with problems: what rules and queries read.

A document never raises for what a file holds. A good file is read and validated fast; a bad or unusual one is read
again by the explaining reader, which keeps text where the schema says text, and says what is wrong and where.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from registry_tool.manifests.layout import MANIFEST_KINDS, Place
from registry_tool.manifests.problems import JSON, JSONPath, Problem, is_fatal
from registry_tool.manifests.schema import Mismatch, fast_validator, mismatches, schema_ids
from registry_tool.manifests.yaml.fast import SIZE_LIMIT, Unsure, load_fast

if TYPE_CHECKING:
    from registry_tool.manifests.yaml.explain import Text

__all__ = ["READ_LIMIT", "Document", "parse_document"]

# One byte more than is allowed shows that there was more, without reading a 50 MB file.
READ_LIMIT = SIZE_LIMIT
_SCHEMA_LINE = re.compile(r"([a-z]+)/v([1-9][0-9]{0,3})")
_ROUNDS = 64
# Good manifests that were read last, by kind and bytes: a new one is read when it is edited, when it is checked, and for the
# live catalog. Nothing changes the data of a document.
_READ: dict[tuple[str, bytes], Mapping[str, JSON]] = {}
_MOST_READ = 256
_SMALL = 8192


class Document(NamedTuple):
    """One manifest as it was read.

    Attributes:
        path: Where in the tree.
        place: What the path is about.
        source: The bytes, for places and for editing.
        data: The plain data, when form and schema hold; None otherwise.
        problems: What is wrong; ``ambiguous`` and ``lenient`` ones do not make the data unusable.
    """

    path: str
    place: Place
    source: bytes
    data: Mapping[str, JSON] | None
    problems: tuple[Problem, ...] = ()

    def where(self, at: JSONPath) -> tuple[int, int]:
        """Line and column (from 1) of a value; parses again, so only for messages."""
        from registry_tool.manifests.yaml.explain import explain

        return explain(self.source).place(at)


def parse_document(path: str, place: Place, source: bytes) -> Document:
    """Read and validate one manifest."""
    if place.kind == "dvc" and b"\r\n" in source:  # as DVC writes on Windows, and reads everywhere
        return parse_document(path, place, source.replace(b"\r\n", b"\n"))._replace(source=source)
    known = _READ.get((place.kind, source))
    if known is not None:
        return Document(path, place, source, known)
    data = load_fast(source)
    if not isinstance(data, Unsure) and isinstance(data, dict):
        schema_id = _schema_id(place.kind, data)
        if schema_id is not None and fast_validator(schema_id).is_valid(data):
            _remember(place.kind, source, data)
            return Document(path, place, source, data)
    return _explain(path, place, source)


def _remember(kind: str, source: bytes, data: Mapping[str, JSON]) -> None:
    if len(source) <= _SMALL:
        if len(_READ) >= _MOST_READ:
            _READ.clear()
        _READ[kind, source] = data


def _schema_id(kind: str, data: Mapping[str, JSON]) -> str | None:
    """The schema a document names, when it is one this installation knows and of the place's kind."""
    if kind == "dvc":
        return "dvc/v1"  # DVC's format has no `schema:` line
    named = data.get("schema")
    if isinstance(named, str) and named.startswith(f"{kind}/") and named in schema_ids():
        return named
    return None


def _schema_problem(kind: str, text: Text) -> Problem | None:
    """What is wrong with the `schema:` line itself."""
    data = text.data if isinstance(text.data, dict) else {}
    named = data.get("schema")
    at = text.place(("schema",))
    match = _SCHEMA_LINE.fullmatch(named) if isinstance(named, str) else None
    if match and match[1] == kind:
        from registry_tool.installation import upgrade_command

        return Problem(
            "schema-version",
            f"this version of registry-tool does not know {named}",
            *at,
            found=str(named),
            expected=", ".join(sorted(s for s in schema_ids() if s.startswith(f"{kind}/"))),
            remedy=f"upgrade: {upgrade_command()}",
        )
    found = str(named) if "schema" in data else "no `schema:` line"
    if match and match[1] in MANIFEST_KINDS:
        message = f"this path requires a {kind} manifest"
    else:
        message = "the `schema:` line is missing" if "schema" not in data else "unknown schema"
    return Problem(
        "schema", message, *at, found=found, expected=f"schema: {kind}/v1",
        remedy=f"write `schema: {kind}/v1` as the first line",
    )  # fmt: skip


def _child(holder: JSON, step: str | int) -> JSON:
    if isinstance(holder, dict) and isinstance(step, str):
        return holder.get(step)
    if isinstance(holder, list) and isinstance(step, int):
        return holder[step]
    return None


def _keep_text(data: JSON, path: JSONPath, written: str) -> None:
    """Put a scalar's own text in place of its value."""
    holder = data
    for step in path[:-1]:
        holder = _child(holder, step)
    last = path[-1]
    if isinstance(holder, dict):
        holder[str(last)] = written
    elif isinstance(holder, list):
        holder[int(last)] = written


def _wants_text(mismatch: Mismatch) -> bool:
    wanted = mismatch.rule.get("type")
    return mismatch.keyword == "type" and (
        wanted == "string" or (isinstance(wanted, list) and "string" in wanted)
    )


def _settle(schema_id: str, text: Text) -> list[Mismatch]:
    """Validate; where the schema says string and a plain scalar stands, keep its text; validate again."""
    found = mismatches(schema_id, text.data)
    for _ in range(_ROUNDS):
        texts = {
            m.path: text.written[m.path] for m in found if _wants_text(m) and m.path in text.written
        }
        if not texts:
            return found
        for path, written in texts.items():
            _keep_text(text.data, path, written)
            del text.written[path]
        found = mismatches(schema_id, text.data)
    return found


def _explain(path: str, place: Place, source: bytes) -> Document:
    # Not needed for a good file, and a cold `registry resolve` counts milliseconds.
    from registry_tool.manifests.messages import explain_mismatch
    from registry_tool.manifests.yaml.explain import explain

    text = explain(source)
    problems = list(text.problems)
    fatal = any(map(is_fatal, problems))
    if text.data is None and fatal:
        return Document(path, place, source, None, tuple(problems))
    schema_id = _schema_id(place.kind, text.data) if isinstance(text.data, dict) else None
    if not isinstance(text.data, dict):
        problems.append(
            Problem(
                "schema", "the file is not a mapping of fields", expected="`field: value` lines"
            )
        )
    elif schema_id is None:
        problem = _schema_problem(place.kind, text)
        problems.extend([problem] if problem else [])
    else:
        unquoted = dict(text.written)
        found = _settle(schema_id, text)
        problems.extend(explain_mismatch(mismatch, text) for mismatch in found)
        problems.extend(_find_unquoted(text, unquoted))
    fatal = any(map(is_fatal, problems))
    data = text.data if isinstance(text.data, dict) and not fatal else None
    return Document(path, place, source, data, tuple(dict.fromkeys(problems)))


def _find_unquoted(text: Text, before: Mapping[JSONPath, str]) -> list[Problem]:
    """Text that other readers would take for a number or a boolean."""
    settled = [path for path in before if path not in text.written]
    told = {(p.line, p.column) for p in text.problems}
    return [
        Problem(
            "ambiguous",
            f"{before[path]} is text here, but other YAML readers parse it as a number or a boolean",
            *text.place(path),
            found=before[path],
            expected=f'"{before[path]}"',
            remedy="put it in quotes",
        )
        for path in settled
        if text.place(path) not in told
    ]
