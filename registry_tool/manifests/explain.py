"""YAML bytes to plain data with places and words: the reader that decides, and explains.

Built on the event stream of ruamel.yaml's pure parser. It keeps, for each value, where it stands, and for each
plain scalar the text as written, so that ``010`` can stay a string where the schema says string. Everything this
format refuses (duplicate keys, anchors, tags, directives, second documents, deep nesting, invisible characters) is
a problem with a line and a column; reading goes on where it can, so that one mistake does not hide the next.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from registry_tool.manifests.problems import JSON, JSONPath, Problem
from registry_tool.manifests.scalars import is_ambiguous, plain_value
from registry_tool.manifests.yaml import DEPTH_LIMIT, SIZE_LIMIT

if TYPE_CHECKING:
    from ruamel.yaml.events import CollectionStartEvent, Event, ScalarEvent

__all__ = ["Text", "explain"]

_INVISIBLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff\ufffe\uffff]"
)


@dataclass
class Text:
    """A file as it was written.

    Attributes:
        data: The plain data; None when nothing could be read.
        problems: What is wrong with the form.
        places: Line and column (from 1) of each value by its path.
        key_places: Line and column of the key of each member by its path.
        written: The text of each plain scalar whose value is not that text.
    """

    data: JSON = None
    problems: list[Problem] = field(default_factory=list)
    places: dict[JSONPath, tuple[int, int]] = field(default_factory=dict)
    key_places: dict[JSONPath, tuple[int, int]] = field(default_factory=dict)
    written: dict[JSONPath, str] = field(default_factory=dict)

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
            remedy="move long lists and logs into an artifact and name it here",
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
            "form", "lines end in CR LF", (line, 1), found="CR LF", expected="LF",
            remedy="convert the file: `git add --renormalize` with `text eol=lf` in .gitattributes",
        )  # fmt: skip
    match = _INVISIBLE.search(source)
    if match:
        before = source[: match.start()]
        at = (before.count("\n") + 1, match.start() - (before.rfind("\n") + 1) + 1)
        text.trouble(
            "parse", "the file holds an invisible character", at, found=f"U+{ord(match[0]):04X}",
            expected="printable text", remedy="delete it, or write it as an escape in double quotes",
        )  # fmt: skip


def _parse(source: str, text: Text) -> None:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        _Builder(text).build(YAML(typ="safe", pure=True).parse(source))
    except MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        at = (1, 1) if mark is None else (mark.line + 1, mark.column + 1)
        words = " ".join(w for w in (exc.context, exc.problem) if w)
        text.data = None
        text.trouble(
            "parse", f"the file is not YAML: {words}", at,
            remedy="check indentation, brackets and quotes on this line and the one before",
        )  # fmt: skip
    except (YAMLError, ValueError, IndexError, OverflowError) as exc:
        # The pure parser lets bare Python errors through for a few malformed escapes (0.19).
        text.data = None
        text.trouble("parse", f"the file is not YAML: {exc}", (1, 1))


class _Builder:
    """Events in, values and places out; an explicit stack, so depth is bounded by a rule and not by Python."""

    def __init__(self, text: Text) -> None:
        self.text = text
        self.stack: list[dict[str, JSON] | list[JSON]] = []
        self.path: list[str | int] = []
        self.keys: list[str | None] = []
        self.documents = 0

    def build(self, events: Iterator[Event]) -> None:
        from ruamel.yaml import events as ev

        for event in events:
            at = (event.start_mark.line + 1, event.start_mark.column + 1)
            if isinstance(event, ev.DocumentStartEvent):
                if not self._start_document(event, at):
                    return
            elif isinstance(event, ev.AliasEvent):
                self._refuse("an alias", "*", at)
                self._put(None, at)
            elif isinstance(event, ev.ScalarEvent):
                self._check_node(event, at)
                self._scalar(event.value, plain=event.style is None, at=at)
            elif isinstance(event, ev.CollectionStartEvent):
                self._check_node(event, at)
                if not self._open(isinstance(event, ev.MappingStartEvent), at):
                    return
            elif isinstance(event, ev.CollectionEndEvent):
                self._close()
        if self.documents == 0:
            self.text.trouble("parse", "the file is empty", (1, 1), expected="a mapping")

    def _start_document(self, event: Event, at: tuple[int, int]) -> bool:
        self.documents += 1
        if getattr(event, "version", None) or getattr(event, "tags", None):
            self._refuse("a directive", "%", (1, 1))
        if self.documents > 1:
            self.text.trouble(
                "form", "the file holds a second document", at, found="---",
                expected="one document", remedy="put it in a file of its own",
            )  # fmt: skip
        return self.documents == 1

    def _refuse(self, what: str, found: str, at: tuple[int, int]) -> None:
        self.text.trouble(
            "form", f"the file uses {what}", at, found=found,
            expected="plain values", remedy="write the value out",
        )  # fmt: skip

    def _check_node(self, event: ScalarEvent | CollectionStartEvent, at: tuple[int, int]) -> None:
        if event.anchor:
            self._refuse("an anchor", f"&{event.anchor}", at)
        if event.tag:
            self._refuse("a tag", str(event.tag), at)

    def _scalar(self, written: str, *, plain: bool, at: tuple[int, int]) -> None:
        if self.stack and isinstance(self.stack[-1], dict) and self.keys[-1] is None:
            self._key(written, at)
            return
        value = plain_value(written) if plain else written
        self._check_characters(written, at)
        path = self._next_path()
        if plain and value != written:
            self.text.written[path] = written
        if plain and is_ambiguous(written):
            self._warn_ambiguous(written, at)
        self._put(value, at)

    def _warn_ambiguous(self, written: str, at: tuple[int, int]) -> None:
        self.text.trouble(
            "ambiguous", f"readers of YAML differ about {written}", at,
            found=written, expected=f'"{written}"', remedy="put it in quotes",
        )  # fmt: skip

    def _check_characters(self, written: str, at: tuple[int, int]) -> None:
        if not written.isascii() and not _encodes(written):
            self.text.trouble("parse", "half of a surrogate pair", at, remedy="write the character")

    def _key(self, written: str, at: tuple[int, int]) -> None:
        holder = self.stack[-1]
        self._check_characters(written, at)
        if isinstance(holder, dict) and written in holder:
            first = self.text.key_places.get((*self.path, written), at)
            self.text.trouble(
                "form", f"the key {written!r} stands twice", at, found=f"also on line {first[0]}",
                expected="each key once", remedy="delete one of the two",
            )  # fmt: skip
        else:
            self.text.key_places[(*self.path, written)] = at
        self.keys[-1] = written

    def _next_path(self) -> JSONPath:
        if not self.stack:
            return ()
        holder = self.stack[-1]
        step = len(holder) if isinstance(holder, list) else self.keys[-1]
        return (*self.path, "" if step is None else step)

    def _put(self, value: JSON, at: tuple[int, int]) -> None:
        path = self._next_path()
        if path not in self.text.places:
            self.text.places[path] = at
        if not self.stack:
            self.text.data = value
            return
        holder = self.stack[-1]
        if isinstance(holder, list):
            holder.append(value)
            return
        key = self.keys[-1]
        if key is None:
            self.text.trouble("form", "a key is not text", at, expected="a word as key")
            key = ""
        holder.setdefault(key, value)
        self.keys[-1] = None

    def _open(self, is_mapping: bool, at: tuple[int, int]) -> bool:  # noqa: FBT001 (private, one caller)
        if len(self.stack) >= DEPTH_LIMIT:
            self.text.data = None
            self.text.trouble(
                "form", f"the file is nested more than {DEPTH_LIMIT} levels deep", at,
                expected=f"at most {DEPTH_LIMIT} levels", remedy="flatten it",
            )  # fmt: skip
            return False
        if self.stack and isinstance(self.stack[-1], dict) and self.keys[-1] is None:
            self.text.trouble("form", "a key is not text", at, expected="a word as key")
            self.keys[-1] = ""
        path = self._next_path()
        value: dict[str, JSON] | list[JSON] = {} if is_mapping else []
        step = path[-1] if path else None
        self._put(value, at)
        if step is not None:
            self.path.append(step)
        self.stack.append(value)
        self.keys.append(None)
        return True

    def _close(self) -> None:
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
