"""Changing a manifest that a person wrote: comments, order, quotes and blank lines stay as they are.

What changes is written at its place and nothing else moves; what has no such place goes through ruamel.yaml's
round-trip loader. Either way the result is read back: it must hold exactly the change, the bytes of every field that
does not change, and every comment that is not on the lines of a field that goes.
"""

from __future__ import annotations

import copy
import io
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, MutableMapping
from contextlib import suppress
from difflib import SequenceMatcher
from typing import Final, cast

from registry_tool.errors import InvalidManifestError
from registry_tool.installation import package_for
from registry_tool.manifests.problems import JSON, JSONPath
from registry_tool.manifests.yaml.explain import Text, explain
from registry_tool.manifests.yaml.splice import CannotSpliceError, splice
from registry_tool.manifests.yaml.writer import render

__all__ = ["GONE", "edit_fields"]


class _Gone:
    """A field that goes."""


GONE: Final = _Gone()
_WIDE: Final = 1 << 20
_COMMENT: Final = re.compile(r"(?m)(?:^|[ ])(#.*)$")


def _update(data: Mapping[str, JSON], fields: Mapping[str, JSON | _Gone]) -> dict[str, JSON]:
    result = {k: v for k, v in data.items() if not isinstance(fields.get(k), _Gone)}
    result.update({k: v for k, v in fields.items() if not isinstance(v, _Gone)})
    return result


def _replace(source: str, text: Text, key: str, new: list[str]) -> str | None:
    """The text with other lines for a top-level field; comments and blank lines after it stay."""
    place = text.key_places.get((key,))
    if place is None or source.lstrip().startswith("{"):
        return None
    lines = source.split("\n")
    start = place[0] - 1
    following = [at[0] - 1 for path, at in text.key_places.items() if len(path) == 1]
    end = min((line for line in following if line > start), default=len(lines))
    while end > start + 1 and (not lines[end - 1].strip() or lines[end - 1].startswith("#")):
        end -= 1
    return "\n".join([*lines[:start], *new, *lines[end:]])


def _comments(source: str) -> Counter[str]:
    """The comments of a text; what stands in quotes and in blocks of text is none."""
    text = explain(source.encode())
    bare = list(source)
    leaves = [span for path, span in text.spans.items() if _is_leaf(text.data, path)]
    for start, end in [*leaves, *text.key_spans.values()]:
        bare[start:end] = ["\n" if c == "\n" else "x" for c in bare[start:end]]
    return Counter(match[1].rstrip() for match in _COMMENT.finditer("".join(bare)))


def _is_leaf(data: JSON, path: JSONPath) -> bool:
    return not isinstance(_value_at(data, path), dict | list)


def _own_comments(source: str, fields: Mapping[str, JSON | _Gone]) -> Counter[str]:
    """The comments that go with the fields that go."""
    rest = source
    for key, value in fields.items():
        if isinstance(value, _Gone):
            rest = _replace(rest, explain(rest.encode()), key, []) or rest
    return _comments(source) - _comments(rest) if rest != source else Counter()


def _append(source: str, text: Text, key: str, value: JSON) -> str | None:
    """The text with a new top-level field at its end."""
    if not isinstance(text.data, dict) or key in text.data or source.lstrip().startswith("{"):
        return None
    return source.rstrip("\n") + "\n" + render({key: value}).decode()


def _quote(value: JSON) -> object:
    """A value for ruamel.yaml, its texts in quotes where a reader could take them for something else."""
    from ruamel.yaml.scalarstring import DoubleQuotedScalarString

    if isinstance(value, dict):
        return {k: _quote(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_quote(v) for v in value]
    if isinstance(value, str) and render({"x": value}).startswith(b'x: "'):
        return DoubleQuotedScalarString(value)
    return value


def _same(one: object, other: object) -> bool:
    """Equal and of one type: in Python ``1`` and ``True`` are equal."""
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def _merge(holder: MutableMapping[str, object], fields: Mapping[str, JSON | _Gone]) -> None:
    """Change a loaded mapping in place, going down, so that what stays keeps its comments and style."""
    for key, value in fields.items():
        old = holder.get(key)
        if isinstance(value, _Gone):
            holder.pop(key, None)
        elif isinstance(old, MutableMapping) and isinstance(value, dict) and old and value:
            gone: dict[str, JSON | _Gone] = dict.fromkeys((k for k in old if k not in value), GONE)
            _merge(old, {**gone, **value})
        elif isinstance(old, list) and isinstance(value, list) and value[: len(old)] == old:
            old.extend(_quote(item) for item in value[len(old) :])
        elif key not in holder or not _same(old, value):
            holder[key] = _quote(value)


def _indents(source: str) -> dict[str, int]:
    """How deep the file's own mappings and lists are indented, as the first of each are."""
    text, lines = explain(source.encode()), source.split("\n")
    found: dict[str, int] = {}
    for path, (line, column) in text.places.items():
        above = text.key_places.get(path[:-1])
        if above is None or above[0] == line:
            continue
        before = lines[line - 1][: column - 1].rstrip()
        if isinstance(path[-1], int) and before.strip() == "-" and "sequence" not in found:
            found["offset"] = len(before) - above[1]
            found["sequence"] = column - above[1]
        elif isinstance(path[-1], str) and path in text.key_places:
            found.setdefault("mapping", text.key_places[path][1] - above[1])
    return {key: value for key, value in found.items() if value > 0 or key == "offset"}


def _round_trip(source: str, fields: Mapping[str, JSON | _Gone]) -> str | None:
    """The text as ruamel.yaml writes it; None where that cannot read it, as with some TABs (0.19)."""
    with package_for("an edit that keeps comments"):
        from ruamel.yaml import YAML
        from ruamel.yaml.error import YAMLError

    yaml = YAML(typ="rt", pure=True)
    yaml.preserve_quotes = True
    yaml.width = _WIDE
    yaml.indent(**_indents(source))
    try:
        loaded = yaml.load(source)
    except (YAMLError, ValueError):
        return None
    _merge(loaded, fields)
    stream = io.StringIO()
    yaml.dump(loaded, stream)
    # It drops empty lines before the first field (0.19).
    empty = source[: len(source) - len(source.lstrip("\n"))]
    return empty + stream.getvalue().lstrip("\n")


def _bare(lines: list[str]) -> list[str]:
    return ["".join(line.split()) for line in lines]


def _with_old_lines(source: str, edited: str) -> str:
    """The edited text, with the lines that differ from the old ones only by blanks as they were."""
    old, new = source.split("\n"), edited.split("\n")
    matcher = SequenceMatcher(None, _bare(old), _bare(new), autojunk=False)
    result = list(new)
    for start, to, length in matcher.get_matching_blocks():
        result[to : to + length] = old[start : start + length]
    return "\n".join(result)


def _field_by_field(source: str, fields: Mapping[str, JSON | _Gone]) -> str | None:
    """The text with the lines of each field written anew: a comment inside them would be lost."""
    for key, value in fields.items():
        text = explain(source.encode())
        if not isinstance(text.data, dict) or key not in text.data:
            edited = source if isinstance(value, _Gone) else _append(source, text, key, value)
        elif isinstance(value, _Gone):
            edited = _replace(source, text, key, [])
        else:
            new = render({key: value}).decode().removesuffix("\n").split("\n")
            edited = source if text.data[key] == value else _replace(source, text, key, new)
        if edited is None:
            return None
        source = edited
    return source


def _value_at(data: JSON | Mapping[str, JSON], path: JSONPath) -> JSON | Mapping[str, JSON]:
    value = data
    for step in path:
        if isinstance(value, Mapping) and isinstance(step, str):
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int):
            value = value[step]
    return value


def _settle(text: Text, wanted: Mapping[str, JSON]) -> JSON:
    """What a text holds, with a scalar's own text where that is wanted: ``version: 010`` may stand for text."""
    data: JSON = copy.deepcopy(text.data)
    for path, written in text.written.items():
        if path and _value_at(wanted, path) == written:
            holder = cast("dict[str | int, JSON]", _value_at(data, path[:-1]))
            holder[path[-1]] = written
    return data


def _kept_fields(source: str, names: Collection[str]) -> list[str]:
    """The bytes of some top-level fields, from the key to the end of the value."""
    text = explain(source.encode())
    return [
        source[text.key_spans[(name,)][0] : text.spans[(name,)][1]]
        for name in names
        if (name,) in text.spans
    ]


def _attempts(
    source: str, old: JSON, wanted: dict[str, JSON], fields: Mapping[str, JSON | _Gone]
) -> Iterator[tuple[str | None, Counter[str]]]:
    """Ways to make the change, the most faithful first, and the comments that go with what goes."""
    with suppress(CannotSpliceError):
        text, gone = splice(source, old, wanted)
        yield text, Counter(match[1].rstrip() for match in _COMMENT.finditer("".join(gone)))
    own = _own_comments(source, fields)
    edited = _round_trip(source, fields)
    if edited is not None:
        yield _with_old_lines(source, edited), own
        yield edited, own
    yield _field_by_field(source, fields), own


def edit_fields(
    source: bytes, data: Mapping[str, JSON], fields: Mapping[str, JSON | _Gone], path: str
) -> bytes:
    """The file with some top-level fields set or gone.

    Args:
        source: The file as it is.
        data: What it holds, as its document says.
        fields: New values; ``GONE`` removes a field.
        path: The file's path, for messages.

    Raises:
        InvalidManifestError: The file cannot be changed without losing something.
    """
    wanted = _update(data, fields)
    if source == render(data):
        return render(wanted)
    text = source.decode()
    old = _settle(explain(source), data)
    if old == data:
        comments = _comments(text)
        others = [name for name in data if name in wanted and data[name] == wanted[name]]
        bytes_kept = _kept_fields(text, others)
        for edited, own in _attempts(text, old, wanted, fields):
            if edited is None or _settle(explain(edited.encode()), wanted) != wanted:
                continue
            if (
                not comments - own - _comments(edited)
                and _kept_fields(edited, others) == bytes_kept
            ):
                return edited.encode()
    raise InvalidManifestError(
        f"{path} cannot be edited without losing its formatting",
        remedy="edit it by hand",
    )
