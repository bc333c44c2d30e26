"""Single changes to a YAML text, each at its place: all bytes around it stay as a person wrote them.

A change finds its place by the spans that the explaining reader gives, and writes block style in block collections and
flow style inside brackets. What has no such place raises CannotSpliceError.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Final

from registry_tool.manifests.problems import JSON, JSONPath
from registry_tool.manifests.yaml.explain import explain
from registry_tool.manifests.yaml.writer import render

__all__ = ["CannotSpliceError", "splice"]

_BARE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*")
_REST: Final = re.compile(r"[ \t]*(?:[ \t]#.*)?")
_ITEM: Final = re.compile(r" *- +")


class CannotSpliceError(ValueError):
    """The text has no place where just this change can be made."""


def splice(source: str, old: JSON, new: JSON) -> tuple[str, list[str]]:
    """The text after the changes that lead from one value to another, and the lines that went with members and items.

    Args:
        source: The text as it is; one YAML document.
        old: What it holds.
        new: What it is to hold.

    Raises:
        CannotSpliceError: Some change has no place of its own.
    """
    gone: list[str] = []
    for path, value in _changes(old, new, ()):
        splice = _Splice(source, path)
        source = splice.make(value)
        gone += splice.gone
    return source, gone


class _Gone:
    """A member or an item that goes."""


_GONE: Final = _Gone()


def _changes(old: JSON, new: JSON, path: JSONPath) -> Iterator[tuple[JSONPath, JSON | _Gone]]:
    """The changes to make, in an order in which each place is still there."""
    if isinstance(old, dict) and isinstance(new, dict) and old and new:
        kept = [key for key in old if key in new]
        for key in kept:
            yield from _changes(old[key], new[key], (*path, key))
        for key in new:
            if key not in old:
                yield (*path, key), new[key]
        for key in old:
            if key not in new:
                yield (*path, key), _GONE
    elif isinstance(old, list) and isinstance(new, list) and old and new:
        yield from _list_changes(old, new, path)
    elif not _same(old, new):
        yield path, new


def _list_changes(
    old: list[JSON], new: list[JSON], path: JSONPath
) -> Iterator[tuple[JSONPath, JSON | _Gone]]:
    if len(new) >= len(old):
        for number, value in enumerate(new):
            if number < len(old):
                yield from _changes(old[number], value, (*path, number))
            else:
                yield (*path, number), value
        return
    # From the end, so that the numbers before it still count.
    left = list(new)
    for number in range(len(old) - 1, -1, -1):
        if left and _same(old[number], left[-1]):
            left.pop()
        else:
            yield (*path, number), _GONE
    if left:
        raise CannotSpliceError("the list has other items in another order")


def _same(one: JSON, other: JSON) -> bool:
    """Equal and of one type: in Python ``1`` and ``True`` are equal, and so are ``1`` and ``1.0``."""
    if isinstance(one, dict) and isinstance(other, dict):
        return list(one) == list(other) and all(_same(one[k], other[k]) for k in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return type(one) is type(other) and one == other


def _in_flow(value: JSON) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_in_flow(k)}: {_in_flow(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_in_flow, value)) + "]"
    if isinstance(value, str):
        quoted = render({"x": value}).startswith(b'x: "')
        if _BARE.fullmatch(value) and not quoted:
            return value
        return json.dumps(value, ensure_ascii=not value.isprintable())
    return render({"x": value}).decode().removeprefix("x: ").rstrip("\n")


def _in_block(key: str, value: JSON, indent: int) -> list[str]:
    """The lines of a member; indented, but for lines that are empty."""
    lines = render({key: value}).decode().removesuffix("\n").split("\n")
    return [f"{' ' * indent}{line}" if line else "" for line in lines]


class _Splice:
    """One change to one text."""

    def __init__(self, source: str, path: JSONPath) -> None:
        self.source = source
        self.path = path
        self.text = explain(source.encode())
        self.gone: list[str] = []

    def make(self, value: JSON | _Gone) -> str:
        """The text after the change."""
        if not self.path or not self.text.places:
            raise CannotSpliceError("the whole document changes")
        is_there = self.path in self.text.spans
        if isinstance(value, _Gone):
            return self._without()
        return self._with_value(value) if is_there else self._with_more(value)

    def _span(self, path: JSONPath) -> tuple[int, int]:
        return self.text.spans[path]

    def _is_flow(self, path: JSONPath) -> bool:
        """True inside brackets."""
        return any(
            self.source[self._span(path[:end])[0] : self._span(path[:end])[0] + 1] in {"[", "{"}
            for end in range(len(path) + 1)
            if isinstance(self._value(path[:end]), dict | list)
        )

    def _value(self, path: JSONPath) -> JSON:
        value = self.text.data
        for step in path:
            value = value[step]  # type: ignore[index] # a path of this very data
        return value

    def _line_start(self, at: int) -> int:
        return self.source.rfind("\n", 0, at) + 1

    def _line_end(self, at: int) -> int:
        end = self.source.find("\n", at)
        return len(self.source) if end < 0 else end

    def _column(self, at: int) -> int:
        return at - self._line_start(at)

    def _put(self, start: int, end: int, text: str) -> str:
        return self.source[:start] + text + self.source[end:]

    def _after(self, end: int) -> int:
        """Where the lines begin that follow a value."""
        if end and self.source[end - 1] == "\n":
            return end
        stop = self._line_end(end)
        if not _REST.fullmatch(self.source, end, stop):
            raise CannotSpliceError("something follows the value on its line")
        return min(stop + 1, len(self.source))

    def _insert_lines(self, at: int, lines: list[str]) -> str:
        """Lines put before an offset that begins a line, or at the end of the text."""
        block = "\n".join(lines)
        if at == len(self.source) and not self.source.endswith("\n"):
            return f"{self.source}\n{block}"
        return self._put(at, at, f"{block}\n")

    def _with_value(self, value: JSON) -> str:
        start, end = self._span(self.path)
        if self._is_flow(self.path[:-1]):
            new = _in_flow(value)
            return self._put(start, end, new if end > start else f" {new}")
        old = self.source[start:end]
        if isinstance(value, dict | list) and value:
            if old[:1] in {"[", "{"} and old not in {"[]", "{}"} and "\n" not in old:
                return self._put(start, end, _in_flow(value))
            return self._as_block(value)
        lines = _in_block("x", value, 0)
        if len(lines) > 1 or "\n" in old:
            return self._as_block(value)
        new = lines[0].removeprefix("x: ")
        return self._put(start, end, new if end > start else f" {new}")

    def _as_block(self, value: JSON) -> str:
        """A value of several lines, or in the place of one; comments inside the old one go."""
        key, parent = self.path[-1], self.path[:-1]
        if not isinstance(key, str) or self.path not in self.text.key_spans:
            raise CannotSpliceError("a list item can only be replaced as a whole")
        key_start, key_end = self.text.key_spans[self.path]
        end = self._span(self.path)[1]
        indent = self._column(self.text.key_spans[self._first_key(parent)][0])
        first, *rest = _in_block("x", value, indent)
        begun = self.source[self._line_start(key_start) : key_end]
        if self.source[key_end : key_end + 1] != ":":
            raise CannotSpliceError("the key is separated from its colon")
        follow = first.strip().removeprefix("x:")
        tail = ""
        if "\n" not in self.source[key_end:end]:
            tail = self.source[end : self._line_end(end)].rstrip()
        after = self._after(end)
        lines = [f"{begun}:{follow}{tail}", *rest]
        end_mark = "\n" if after < len(self.source) or self.source.endswith("\n") else ""
        return self._put(self._line_start(key_start), after, "\n".join(lines) + end_mark)

    def _first_key(self, parent: JSONPath) -> JSONPath:
        return next(p for p in self.text.key_spans if p[:-1] == parent)

    def _with_more(self, value: JSON) -> str:
        parent, key = self.path[:-1], self.path[-1]
        holder = self._value(parent)
        if not isinstance(holder, dict | list) or not holder:
            raise CannotSpliceError("the collection is empty")
        last = (*parent, len(holder) - 1 if isinstance(holder, list) else list(holder)[-1])
        end = self._span(last)[1]
        if self._is_flow(parent):
            new = _in_flow(value) if isinstance(key, int) else _in_flow({key: value})[1:-1]
            return self._put(end, end, f", {new}")
        if isinstance(key, str):
            indent = self._column(self.text.key_spans[self._first_key(parent)][0])
            return self._insert_lines(self._after(end), _in_block(key, value, indent))
        dash = self._dash(self._span((*parent, 0))[0])
        lines = render({"x": [value]}).decode().removesuffix("\n").split("\n")[1:]
        shifted = [
            f"{' ' * dash}{line.removeprefix('  ')}" if line.strip() else "" for line in lines
        ]
        return self._insert_lines(self._after(end), shifted)

    def _dash(self, start: int) -> int:
        """The column of the dash before an item."""
        before = self.source[self._line_start(start) : start]
        if not _ITEM.fullmatch(before):
            raise CannotSpliceError("an item is separated from its dash")
        return before.index("-")

    def _without(self) -> str:
        parent, key = self.path[:-1], self.path[-1]
        holder = self._value(parent)
        if not isinstance(holder, dict | list) or len(holder) < 2:  # noqa: PLR2004 (itself and another)
            raise CannotSpliceError("nothing would be left")
        steps: list[str | int] = list(range(len(holder)) if isinstance(holder, list) else holder)
        place = steps.index(key)
        start = self._begin(self.path)
        end = self._span(self.path)[1]
        if self._is_flow(parent):
            if place:
                return self._put(self._span((*parent, steps[place - 1]))[1], end, "")
            return self._put(start, self._begin((*parent, steps[1])), "")
        line = self._line_start(start)
        before = self.source[line:start]
        if isinstance(key, int):
            self._dash(start)
        elif before.strip(" "):
            # The first key of a mapping that begins after a dash: the next one takes its place.
            following = self._begin((*parent, steps[place + 1]))
            if self.source[end:following].strip(" \n"):
                raise CannotSpliceError("a comment is between the keys")
            return self._put(start, following, "")
        self.gone.append(self.source[line : self._after(end)])
        return self._put(line, self._after(end), "")

    def _begin(self, path: JSONPath) -> int:
        return self.text.key_spans.get(path, self._span(path))[0]
