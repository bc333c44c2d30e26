"""The explaining YAML reader: bytes to plain data, with line, column and a message for every problem.

It records the position of each value, and the text of each plain scalar as written, so that ``010`` can stay a
string where the schema requires a string. Everything this format refuses (duplicate keys, anchors, tags, directives,
further documents, deep nesting, invisible characters) is a problem with a line and a column; reading continues where
possible, so that one mistake does not hide the next.

A file without problems is also read by the fast reader, and a difference between the two is a problem: one verdict
and one value, from two readers that share no code (docs/decisions/0031).
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from registry_tool.manifests.problems import JSON, JSONPath, Problem, is_fatal
from registry_tool.manifests.yaml.fast import DEPTH_LIMIT, SIZE_LIMIT, is_read_alike
from registry_tool.manifests.yaml.parser import parse_events
from registry_tool.manifests.yaml.scalars import is_ambiguous, plain_value
from registry_tool.manifests.yaml.scanner import LENIENT, Event

__all__ = [
    "Text",
    "explain",
]

_INVISIBLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff\ufffe\uffff]"
)

_REFUSED: Final = {
    "anchor": "an anchor", "alias": "an alias", "tag": "a tag", "directive": "a directive",
}  # fmt: skip


@dataclass
class Text:
    """A file as it was written.

    Attributes:
        data: The plain data; None when nothing could be read.
        problems: What is wrong with the form.
        places: Line and column (from 1) of each value by its path.
        key_places: Line and column of the key of each member by its path.
        written: The text of each plain scalar whose value is not that text.
        spans: Where each value begins and ends, as offsets in the text.
        key_spans: Where each key begins and ends, likewise.
    """

    data: JSON = None
    problems: list[Problem] = field(default_factory=list)
    places: dict[JSONPath, tuple[int, int]] = field(default_factory=dict)
    key_places: dict[JSONPath, tuple[int, int]] = field(default_factory=dict)
    written: dict[JSONPath, str] = field(default_factory=dict)
    spans: dict[JSONPath, tuple[int, int]] = field(default_factory=dict)
    key_spans: dict[JSONPath, tuple[int, int]] = field(default_factory=dict)

    def place(self, path: JSONPath) -> tuple[int, int]:
        """Where a value stands, or the nearest thing that holds it."""
        for end in range(len(path), -1, -1):
            found = self.places.get(path[:end])
            if found is not None:
                return found
        return (1, 1)

    def trouble(
        self,
        code: str,
        message: str,
        at: tuple[int, int],
        *,
        found: str = "",
        expected: str = "",
        remedy: str = "",
    ) -> None:
        """Record a problem."""
        self.problems.append(Problem(code, message, *at, found, expected, remedy))


def explain(data: bytes) -> Text:
    """Read a file, with every problem of its form; never raises for what a file holds."""
    text = Text()
    if len(data) > SIZE_LIMIT:
        text.trouble(
            "form",
            f"the file is larger than {SIZE_LIMIT // 1024} kB",
            (1, 1),
            found=f"more than {SIZE_LIMIT:,} bytes",
            expected=f"at most {SIZE_LIMIT:,} bytes",
            remedy="move long lists and logs to an artifact",
        )
        return text
    try:
        source = data.decode()
    except UnicodeDecodeError as exc:
        line = data.count(b"\n", 0, exc.start) + 1
        text.trouble(
            "parse", "the file is not UTF-8", (line, 1),
            found=f"byte 0x{data[exc.start]:02x}", remedy="save it as UTF-8",
        )  # fmt: skip
        return text
    _check_characters(source, text)
    if not any(p.code == "parse" for p in text.problems):
        _parse(source.replace("\r\n", "\n"), text)
    return text


def _check_characters(source: str, text: Text) -> None:
    if "\r" in source:
        line = source[: source.index("\r")].count("\n") + 1
        text.trouble(
            "form", "lines end with CR LF", (line, 1), found="CR LF", expected="LF",
            remedy="convert the file: `git add --renormalize` with `text eol=lf` in .gitattributes",
        )  # fmt: skip
    match = _INVISIBLE.search(source)
    if match:
        before = source[: match.start()]
        at = (before.count("\n") + 1, match.start() - (before.rfind("\n") + 1) + 1)
        text.trouble(
            "parse", "the file contains an invisible character", at, found=f"U+{ord(match[0]):04X}",
            expected="printable text", remedy="delete it, or write it as an escape in double quotes",
        )  # fmt: skip


def _parse(source: str, text: Text) -> None:
    events, trouble = parse_events(source)
    builder = _Builder(text, source)
    is_whole = builder.build(events)
    if trouble is not None and is_whole:
        text.data = None
        text.trouble(
            "parse", f"the file is not YAML: {trouble}", builder.where(trouble.at),
            remedy="check indentation, brackets and quotes on this line and the one before",
        )  # fmt: skip
    elif not any(map(is_fatal, text.problems)):
        _compare(source, text)


def _compare(source: str, text: Text) -> None:
    """Note where the fast reader does not read the same."""
    if any(p.code == "lenient" for p in text.problems) or is_read_alike(source, text.data):
        return
    text.trouble(
        "lenient", "YAML readers disagree about this file", (1, 1), found="a form that few YAML readers support",
        expected="plain block style",
        remedy="write texts in double quotes, and lists and mappings with one item per line",
    )  # fmt: skip


class _Builder:
    """Events in, values and places out."""

    def __init__(self, text: Text, source: str) -> None:
        self.text = text
        self.stack: list[dict[str, JSON] | list[JSON]] = []
        self.path: list[str | int] = []
        self.keys: list[str | None] = []
        self.documents = 0
        self._lines = [0, *(match.end() for match in re.finditer("\n", source))]

    def where(self, offset: int) -> tuple[int, int]:
        """Line and column of an offset."""
        line = bisect_right(self._lines, offset)
        return line, offset - self._lines[line - 1] + 1

    def build(self, events: Iterable[Event]) -> bool:
        """Take the events; False where a problem ended that early."""
        for event in events:
            if event.kind == "document":
                if not self._start_document(event):
                    return False
            elif event.kind in _REFUSED:
                self._refuse(_REFUSED[event.kind], event)
            elif event.kind == "lenient":
                self._note(event)
            elif event.kind == "scalar":
                self._scalar(event)
            elif event.kind in {"mapping", "sequence"}:
                if not self._open(event):
                    return False
            else:
                self._close(event)
        if self.documents == 0:
            self.text.trouble("parse", "the file is empty", (1, 1), expected="a mapping")
            return False
        return True

    def _start_document(self, event: Event) -> bool:
        self.documents += 1
        if self.documents > 1:
            self.text.trouble(
                "form", "the file contains a second document", self.where(event.start), found="---",
                expected="one document", remedy="move it to a separate file",
            )  # fmt: skip
        return self.documents == 1

    def _refuse(self, what: str, event: Event) -> None:
        self.text.trouble(
            "form", f"the file uses {what}", self.where(event.start), found=event.text,
            expected="plain values", remedy="write out the value",
        )  # fmt: skip
        if event.kind == "alias":
            self._scalar(event)

    def _note(self, event: Event) -> None:
        what, remedy = LENIENT[event.text]
        self.text.trouble(
            "lenient",
            f"{what}: YAML readers disagree about this",
            self.where(event.start),
            remedy=remedy,
        )

    def _scalar(self, event: Event) -> None:
        at, written = self.where(event.start), event.text
        if self.stack and isinstance(self.stack[-1], dict) and self.keys[-1] is None:
            self._key(event, at)
            return
        value = plain_value(written) if event.style == "" else written
        if event.kind == "alias":
            value = None
        self._check_characters(written, at)
        path = self._next_path()
        if event.style == "" and value != written:
            self.text.written[path] = written
        if event.style == "" and is_ambiguous(written):
            self._warn_ambiguous(written, at)
        self._put(value, event)

    def _warn_ambiguous(self, written: str, at: tuple[int, int]) -> None:
        self.text.trouble(
            "ambiguous", f"YAML readers disagree about {written}", at,
            found=written, expected=f'"{written}"', remedy="put it in quotes",
        )  # fmt: skip

    def _check_characters(self, written: str, at: tuple[int, int]) -> None:
        if not written.isascii() and not _encodes(written):
            self.text.trouble("parse", "a lone surrogate", at, remedy="write the character")

    def _key(self, event: Event, at: tuple[int, int]) -> None:
        holder, written = self.stack[-1], event.text
        self._check_characters(written, at)
        if isinstance(holder, dict) and written in holder:
            first = self.text.key_places.get((*self.path, written), at)
            self.text.trouble(
                "form", f"the key {written!r} appears twice", at, found=f"also on line {first[0]}",
                expected="each key once", remedy="delete one of them",
            )  # fmt: skip
        else:
            self.text.key_places[(*self.path, written)] = at
            self.text.key_spans[(*self.path, written)] = (event.start, event.end)
        self.keys[-1] = written

    def _next_path(self) -> JSONPath:
        if not self.stack:
            return ()
        holder = self.stack[-1]
        step = len(holder) if isinstance(holder, list) else self.keys[-1]
        return (*self.path, "" if step is None else step)

    def _put(self, value: JSON, event: Event) -> None:
        path = self._next_path()
        if path not in self.text.places:
            self.text.places[path] = self.where(event.start)
            self.text.spans[path] = (event.start, event.end)
        if not self.stack:
            self.text.data = value
            return
        holder = self.stack[-1]
        if isinstance(holder, list):
            holder.append(value)
            return
        key = self.keys[-1]
        if key is None:
            self._no_text_key(event)
            key = ""
        holder.setdefault(key, value)
        self.keys[-1] = None

    def _no_text_key(self, event: Event) -> None:
        at = self.where(event.start)
        self.text.trouble("form", "a key is not text", at, expected="text as key")

    def _open(self, event: Event) -> bool:
        if len(self.stack) >= DEPTH_LIMIT:
            self.text.data = None
            self.text.trouble(
                "form", f"the file is nested more than {DEPTH_LIMIT} levels deep",
                self.where(event.start), expected=f"at most {DEPTH_LIMIT} levels", remedy="reduce the nesting",
            )  # fmt: skip
            return False
        if self.stack and isinstance(self.stack[-1], dict) and self.keys[-1] is None:
            self._no_text_key(event)
            self.keys[-1] = ""
        path = self._next_path()
        value: dict[str, JSON] | list[JSON] = {} if event.kind == "mapping" else []
        step = path[-1] if path else None
        self._put(value, event)
        if step is not None:
            self.path.append(step)
        self.stack.append(value)
        self.keys.append(None)
        return True

    def _close(self, event: Event) -> None:
        start = self.text.spans[tuple(self.path)][0]
        self.text.spans[tuple(self.path)] = (start, event.end)
        self.stack.pop()
        self.keys.pop()
        if self.path:
            self.path.pop()


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
