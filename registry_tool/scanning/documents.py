"""JSON and YAML as plain values, within limits: nothing in a document is constructed, included or expanded."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from registry_tool.scanning.stream import MalformedFileError, Stream, TooLargeError

if TYPE_CHECKING:
    from ruamel.yaml.events import Event

__all__ = ["DOCUMENT_LIMIT", "Document", "Node", "nodes", "parse_json", "read_json", "read_yaml"]

# Plain values take more memory than their text; what a larger document holds is searched for, not parsed.
DOCUMENT_LIMIT: Final = 4 << 20
_PARTS: Final = 250_000
# The YAML reader is written in Python: some MB would take minutes.
_YAML_LIMIT: Final = 512 << 10
_DEEPEST: Final = 100
_OPENS: Final = re.compile(r"[\[{,]")


@dataclass
class Document:
    """What was read.

    Attributes:
        roots: The documents: one of JSON, any number of YAML.
        tags: Each tag of YAML that is written out, and its line.
        repeated: A key that a mapping has twice; readers differ in which of them they take.
    """

    roots: list[object] = field(default_factory=list)
    tags: list[tuple[str, int]] = field(default_factory=list)
    repeated: str = ""


@dataclass(frozen=True)
class Node:
    """A value inside a document.

    Attributes:
        value: The value.
        above: What it lies in; None for a whole document.
        key: Its key or its number there.
    """

    value: object
    above: Node | None = None
    key: str | int = ""

    @property
    def place(self) -> str:
        """Where it stands, such as ``config.layers[2].module``."""
        parts: list[str] = []
        at: Node | None = self
        while at is not None and at.above is not None:
            parts.append(f"[{at.key}]" if isinstance(at.key, int) else f".{at.key}")
            at = at.above
        return "".join(reversed(parts)).lstrip(".")[-200:]


def parse_json(text: str) -> Document:
    """JSON as the readers of Python take it.

    Raises:
        MalformedFileError: It is none.
        TooLargeError: It has more values than are held at once.
    """
    if len(text) > DOCUMENT_LIMIT or sum(1 for _ in _OPENS.finditer(text)) > _PARTS:
        raise TooLargeError(f"its JSON has more than {DOCUMENT_LIMIT} bytes or {_PARTS} values")
    found = Document()

    def once(pairs: list[tuple[str, object]]) -> dict[str, object]:
        made = dict(pairs)
        if len(made) == len(pairs):
            return made
        seen: set[str] = set()
        for at, (key, value) in enumerate(pairs):
            if key in seen:
                found.repeated = key
                made[f"{key}#{at}"] = value  # both are looked at
            seen.add(key)
        return made

    try:
        found.roots.append(json.loads(text, object_pairs_hook=once))
    except (ValueError, RecursionError) as exc:
        raise MalformedFileError("it is not JSON") from exc
    return found


def _whole_text(stream: Stream, limit: int) -> str:
    data = stream.in_memory(limit).getvalue()
    for mark, encoding in ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if data.startswith(mark):
            return data.decode(encoding, "replace")
    return data.decode("utf-8-sig", "replace")


def read_json(stream: Stream) -> Document:
    """The rest of a stream as JSON; see ``parse_json``."""
    return parse_json(_whole_text(stream, DOCUMENT_LIMIT))


@dataclass
class _Builder:
    """Puts events of a YAML reader together; what an alias stands for is shared, never copied."""

    document: Document = field(default_factory=Document)
    _open: list[tuple[object, list[object]]] = field(default_factory=list)
    _anchors: dict[str, object] = field(default_factory=dict)

    def add(self, value: object, anchor: str | None) -> None:
        if anchor:
            self._anchors[anchor] = value
        if not self._open:
            self.document.roots.append(value)
            return
        holder, key = self._open[-1]
        if isinstance(holder, list):
            holder.append(value)
        elif isinstance(holder, dict):
            if not key:
                key.append(value)
                return
            name = str(key.pop())[:400]
            if name in holder:
                self.document.repeated = name
                name = f"{name}#{len(holder)}"
            holder[name] = value

    def begin(self, value: object, anchor: str | None) -> None:
        self.add(value, anchor)
        self._open.append((value, []))
        if len(self._open) > _DEEPEST:
            raise MalformedFileError("its YAML is nested too deeply")

    def note_tag(self, tag: object, line: int) -> None:
        if tag is not None:
            self.document.tags.append((str(tag), line))

    def take(self, event: Event) -> None:
        from ruamel.yaml import events

        match event:
            case events.AliasEvent():
                self.add(self._anchors.get(event.anchor), None)
            case events.ScalarEvent():
                self.add(event.value, event.anchor)
            case events.MappingStartEvent():
                self.begin({}, event.anchor)
            case events.SequenceStartEvent():
                self.begin([], event.anchor)
            case events.CollectionEndEvent():
                self._open.pop()


def read_yaml(stream: Stream) -> Document:
    """The rest of a stream as YAML, of whatever tags.

    Raises:
        MalformedFileError: It is none.
        TooLargeError: It is larger than the reader takes.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError
    from ruamel.yaml.events import AliasEvent, NodeEvent

    text, made = _whole_text(stream, _YAML_LIMIT), _Builder()
    try:
        events: Iterator[Event] = YAML(typ="safe", pure=True).parse(text)
        for count, event in enumerate(events):
            if count > _PARTS:
                raise TooLargeError(f"its YAML has more than {_PARTS} values")
            made.take(event)
            if isinstance(event, NodeEvent) and not isinstance(event, AliasEvent):
                made.note_tag(getattr(event, "tag", None), event.start_mark.line + 1)
    except MalformedFileError:
        raise
    except (YAMLError, RecursionError, ValueError) as exc:
        raise MalformedFileError("it is not YAML") from exc
    return made.document


def nodes(document: Document) -> Iterator[Node]:
    """Every value of the documents, once, also where several aliases stand for it."""
    waiting = [Node(root) for root in reversed(document.roots)]
    seen: set[int] = set()
    while waiting:
        node = waiting.pop()
        value = node.value
        if not isinstance(value, dict | list):
            continue
        if id(value) in seen:
            continue
        seen.add(id(value))
        yield node
        items = value.items() if isinstance(value, dict) else enumerate(value)
        inner = [Node(one, node, key) for key, one in items if isinstance(one, dict | list)]
        waiting += reversed(inner)
