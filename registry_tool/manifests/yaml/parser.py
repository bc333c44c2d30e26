"""The structure of a YAML 1.2 document: events with their offsets, from a parser that follows the specification.

Block collections go by columns, flow collections by brackets; the parser reads what this format refuses too (anchors,
tags, directives), so that all of it can be named at once. ``scanner.py`` says why this parser exists.
"""

from __future__ import annotations

import re
from typing import Final

from registry_tool.manifests.yaml.fast import DEPTH_LIMIT
from registry_tool.manifests.yaml.scanner import Event, MalformedYamlError, Scanner

__all__ = ["parse_events"]

# https://yaml.org/spec/1.2.2/#742-flow-mappings: a key on one line is found within so many characters.
_KEY_LIMIT: Final = 1024
_NEITHER: Final = (False, False)
_NODES: Final = frozenset({"scalar", "alias", "end"})


class _TooDeepError(Exception):
    """More levels than anybody reads: the events so far show it."""


def parse_events(source: str) -> tuple[list[Event], MalformedYamlError | None]:
    """The events of a text up to its second document, and what ends it early.

    Args:
        source: The text; lines end in LF.
    """
    parser = _Parser(source)
    try:
        parser.stream()
    except MalformedYamlError as exc:
        return parser.events, exc
    except _TooDeepError:
        pass
    return parser.events, None


class _Parser(Scanner):
    """Recursive descent; its depth is that of the data, which is bounded."""

    def __init__(self, source: str) -> None:
        super().__init__(source)
        self._depth = 0

    def _open(self, kind: str, at: int, place: int) -> None:
        self.events.insert(place, Event(kind, at, at))
        self._depth += 1
        if self._depth > DEPTH_LIMIT:
            raise _TooDeepError

    def _close(self, end: int | None = None) -> None:
        """End a collection; without brackets it ends where the last node in it does, before comments."""
        if end is None:
            end = next(e.end for e in reversed(self.events) if e.kind in _NODES)
        self.events.append(Event("end", end, end))
        self._depth -= 1

    def _empty(self, at: int) -> None:
        self.events.append(Event("scalar", at, at))

    def _is_over(self) -> bool:
        return self.pos >= self.size or self.is_marker(self.pos)

    def _is_indicator(self, mark: str) -> bool:
        """True for ``-``, ``?`` or ``:`` with white space after it."""
        return self.source.startswith(mark, self.pos) and self.is_blank(self.pos + 1)

    def stream(self) -> None:
        """All of the text (9.2)."""
        documents = 0
        while True:
            self.skip()
            if self.pos < self.size and self.source[self.pos] == "%" and not self.column(self.pos):
                end = self.source.find("\n", self.pos)
                end = self.size if end < 0 else end
                text = self.source[self.pos : end]
                if re.match(r"%(?:YAML|TAG)(?:\s|$)", text):
                    self.events.append(Event("directive", self.pos, end, text))
                else:
                    self.lenient("directive", self.pos)
                self.pos = end
                continue
            if self.is_marker(self.pos) and self.source[self.pos] == ".":
                self.pos += 3
                self.end_line()
                continue
            if self.pos >= self.size:
                return
            self.events.append(Event("document", self.pos, self.pos))
            documents += 1
            if documents > 1:
                return
            self._document()

    def _document(self) -> None:
        is_marked = self.is_marker(self.pos)
        if is_marked:
            self.pos += 3
        else:
            # What was skipped before the first line is looked at again for its indentation.
            self.pos = self.source.rfind("\n", 0, self.pos) + 1
        self._block_node(-1, crossed=not is_marked)
        self.skip()
        if not self._is_over():
            self._refuse_indentation()

    def _refuse_indentation(self) -> None:
        raise MalformedYamlError("the indentation matches no line above", self.pos)

    def _block_node(
        self,
        parent: int,
        *,
        crossed: bool = False,
        is_compact: bool = False,
        list_may_align: bool = False,
    ) -> None:
        """A node of a block collection (8.2).

        Args:
            parent: The indentation of the collection.
            crossed: It begins on a line of its own.
            is_compact: A collection may begin on this line: after ``-``, ``?`` and the ``:`` of an explicit key.
            list_may_align: The items of a list may stand as far left as the parent's keys.
        """
        origin, at = self.pos, len(self.events)
        found, tab = self.skip()
        crossed = crossed or found
        if self._is_outside(parent, crossed=crossed, tab=tab, list_may_align=list_may_align):
            self._empty(origin)
            return
        start = self.pos
        may_open = (crossed or is_compact) and not tab
        ended, tab = self._properties()
        if ended or self.pos >= self.size:
            if self._is_outside(parent, crossed=ended, tab=tab, list_may_align=list_may_align):
                self._empty(start)
                return
            start, may_open = self.pos, not tab
        if self.source[self.pos] in "|>":
            self.block_scalar(parent)
        elif any(map(self._is_indicator, "-?:")):
            if not may_open:
                raise MalformedYamlError("a list or a mapping must begin on a new line", self.pos)
            column = self.column(start)
            if self._is_indicator("-"):
                self._block_sequence(column)
            else:
                self._block_mapping(column, start, len(self.events))
        else:
            self._leaf_or_mapping(parent, start, at, may_open=may_open)

    def _is_outside(self, parent: int, *, crossed: bool, tab: bool, list_may_align: bool) -> bool:
        """True where the text goes on outside this node, so that it is empty."""
        if self._is_over():
            return True
        if not crossed:
            return False
        if tab:
            if self.indent(self.pos) <= parent:
                raise MalformedYamlError("a tab is used for indentation; use spaces", self.pos - 1)
            return False
        column = self.column(self.pos)
        if column != parent:
            return column < parent
        if self.source[self.pos] in "|>":
            self.lenient("block", self.pos)
            return False
        return not (list_may_align and self._is_indicator("-"))

    def _properties(self) -> tuple[bool, bool]:
        """Anchors and tags before a node (6.9): whether a line ended after them, and whether a TAB was last."""
        crossed, tab = _NEITHER
        while not crossed and self.pos < self.size and self.source[self.pos] in "&!":
            start = self.pos
            while not self.is_blank(self.pos) and (
                self.source[self.pos] not in ",[]{}" or self.source.startswith("!<", start)
            ):
                self.pos += 1
            kind = "anchor" if self.source[start] == "&" else "tag"
            self.events.append(Event(kind, start, self.pos, self.source[start : self.pos]))
            if not self.is_blank(self.pos) and self.source[self.pos] not in ",]}":
                raise MalformedYamlError(
                    f"a space is missing after {self.source[start : self.pos]}", self.pos
                )
            crossed, tab = self.skip()
        return crossed, tab

    def _alias(self) -> None:
        start = self.pos
        while not self.is_blank(self.pos) and self.source[self.pos] not in ",[]{}":
            self.pos += 1
        if self.pos == start + 1:
            raise MalformedYamlError("a name is missing after `*`", start)
        self.events.append(Event("alias", start, self.pos, self.source[start : self.pos]))

    def _leaf(self, parent: int) -> str | None:
        """A node that may turn out to be a key; of a plain scalar only this line, whose text is given back."""
        first = self.source[self.pos]
        if first in "'\"":
            self.scan_quoted(parent)
        elif first in "[{":
            self._flow_collection(parent)
        elif first == "*":
            self._alias()
        elif self.starts_plain(self.pos, in_flow=False):
            return self.plain_line(in_flow=False)
        else:
            raise MalformedYamlError(f"{first!r} cannot begin a value", self.pos)
        return None

    def _after_blanks(self) -> int:
        pos = self.pos
        while pos < self.size and self.source[pos] in " \t":
            pos += 1
        return pos

    def _leaf_or_mapping(self, parent: int, start: int, at: int, *, may_open: bool) -> None:
        """A scalar or a flow collection; followed by a colon it is the first key of a mapping."""
        begin = self.pos
        text = self._leaf(parent)
        colon = self._after_blanks()
        if self.source.startswith(":", colon) and self.is_blank(colon + 1):
            if not may_open:
                raise MalformedYamlError("a second value on one line", colon)
            self._check_key(begin, colon)
            if text is not None:
                self.events.append(Event("scalar", begin, self.pos, text))
            self.pos = colon
            self._block_mapping(self.column(start), start, at, has_key=True)
            return
        if text is not None:
            self.plain(parent, begin, text, in_flow=False)
        self.end_line()

    def _check_key(self, start: int, end: int) -> None:
        if "\n" in self.source[start:end]:
            raise MalformedYamlError("a key spans several lines", start)
        if end - start > _KEY_LIMIT:
            raise MalformedYamlError(f"a key is longer than {_KEY_LIMIT} characters", start)

    def _block_sequence(self, column: int) -> None:
        self._open("sequence", self.pos, len(self.events))
        while True:
            self.pos += 1
            self._block_node(column, is_compact=True)
            if not self._goes_on(column) or not self._is_indicator("-"):
                break
        self._close()

    def _goes_on(self, column: int) -> bool:
        """True where the next line begins in this column; one that stands deeper belongs nowhere."""
        self.skip()
        if self._is_over():
            return False
        here = self.column(self.pos)
        indent = self.indent(self.pos)
        if indent != here and here >= column:
            raise MalformedYamlError(
                "a tab is used for indentation; use spaces", self.pos - here + indent
            )
        if here > column:
            self._refuse_indentation()
        return here == column

    def _block_mapping(self, column: int, start: int, at: int, *, has_key: bool = False) -> None:
        self._open("mapping", start, at)
        while True:
            is_explicit = not has_key and self._is_indicator("?")
            if is_explicit:
                self.pos += 1
                self._block_node(column, is_compact=True, list_may_align=True)
                end = self.pos
                if not self._goes_on(column) or not self._is_indicator(":"):
                    self._empty(end)
                    if self._is_over() or self.column(self.pos) != column:
                        break
                    continue
            elif not has_key:
                is_explicit = self._is_indicator(":")  # readers before this one took the two alike
                self._block_key()
            has_key = False
            self.pos += 1
            self._block_node(column, is_compact=is_explicit, list_may_align=True)
            if not self._goes_on(column):
                break
        self._close()

    def _block_key(self) -> None:
        """A key on one line; the colon stands next."""
        if self._is_indicator(":"):
            self.lenient("key", self.pos)
            self._empty(self.pos)
            return
        begin = self.pos
        if self._is_indicator("-"):
            raise MalformedYamlError("a list item appears among keys", self.pos)
        if self._properties()[0]:
            raise MalformedYamlError("a key spans several lines", begin)
        begin = self.pos
        if begin >= self.size:
            raise MalformedYamlError("expected `:` after a key", begin)
        text = self._leaf(-1)
        colon = self._after_blanks()
        if not self.source.startswith(":", colon) or not self.is_blank(colon + 1):
            raise MalformedYamlError("expected `:` after a key", colon)
        self._check_key(begin, colon)
        if text is not None:
            self.events.append(Event("scalar", begin, self.pos, text))
        self.pos = colon

    def _gap(self, parent: int) -> None:
        """White space between the parts of a flow collection (6.9.1); it must be closed before the text ends."""
        start = self.pos
        crossed, _ = self.skip()
        if self._is_over():
            raise MalformedYamlError("a bracket is not closed", self.pos)
        if crossed and self.indent(self.pos) <= parent:
            is_end = self.source[self.pos] in "]}" and self.indent(self.pos) == self.column(
                self.pos
            )
            # A bracket that closes may stand below the key, as in every style guide.
            if not (is_end and self.column(self.pos) == parent):
                self.lenient("brackets", self.pos)
        if self.pos > start and self.source[self.pos] == "#":
            raise MalformedYamlError("a comment is not allowed here", self.pos)

    def _flow_collection(self, parent: int) -> None:
        """``[…]`` or ``{…}`` (7.4)."""
        opened = self.source[self.pos]
        closing = "]" if opened == "[" else "}"
        self._open("sequence" if opened == "[" else "mapping", self.pos, len(self.events))
        self.pos += 1
        while True:
            self._gap(parent)
            if self.source[self.pos] == closing:
                break
            if opened == "[":
                self._flow_item(parent)
            else:
                self._flow_member(parent)
            self._gap(parent)
            if self.source[self.pos] == ",":
                self.pos += 1
            elif self.source[self.pos] != closing:
                found = self.source[self.pos]
                raise MalformedYamlError(
                    f"expected `,` or `{closing}`, but found {found!r}", self.pos
                )
        self.pos += 1
        self._close(self.pos)

    def _is_flow_end(self, pos: int) -> bool:
        return self.is_blank(pos) or self.source[pos] in ",[]{}"

    def _flow_item(self, parent: int) -> None:
        """An item of a flow sequence, which may be a mapping of one pair."""
        start, at = self.pos, len(self.events)
        if self.source[self.pos] == "?":
            self._open("mapping", start, at)
            self._flow_member(parent)
            self._close()
            return
        if self.source[self.pos] == ":" and self._is_flow_end(self.pos + 1):
            self._open("mapping", start, at)
            self._flow_member(parent)
            self._close()
            return
        is_json = self._flow_node(parent)
        colon = self._after_blanks()
        if self.source.startswith(":", colon) and (is_json or self._is_flow_end(colon + 1)):
            self._check_key(start, colon)
            self._open("mapping", start, at)
            self.pos = colon + 1
            self._flow_value(parent)
            self._close()

    def _flow_member(self, parent: int) -> None:
        """A key and a value of a flow mapping; either may be empty."""
        if self.source[self.pos] == "?":
            if not self.is_blank(self.pos + 1):
                self.lenient("question", self.pos)
            self.pos += 1
            self._gap(parent)
        is_json = False
        if self.source[self.pos] in ",]}" or (
            self.source[self.pos] == ":" and self._is_flow_end(self.pos + 1)
        ):
            self.lenient("key", self.pos)
            self._empty(self.pos)
        else:
            is_json = self._flow_node(parent)
        end = self.pos
        self._gap(parent)
        if self.source[self.pos] == ":" and (is_json or self._is_flow_end(self.pos + 1)):
            self.pos += 1
            self._flow_value(parent)
        else:
            self._empty(end)

    def _flow_value(self, parent: int) -> None:
        """What follows the colon of a pair."""
        end = self.pos
        self._gap(parent)
        if self.source[self.pos] in ",]}":
            self._empty(end)
        else:
            self._flow_node(parent)

    def _flow_node(self, parent: int) -> bool:
        """A node inside a flow collection: whether a colon may follow it without a blank."""
        start = self.pos
        self._properties()
        if self.pos > start:
            self._gap(parent)
            if self.source[self.pos] in ",]}:":
                self._empty(start)
                return False
        first = self.source[self.pos]
        if first in "'\"":
            self.scan_quoted(parent)
        elif first in "[{":
            self._flow_collection(parent)
        elif first == "*":
            self._alias()
            return False
        else:
            self._flow_plain(parent)
            return False
        return True

    def _flow_plain(self, parent: int) -> None:
        start = self.pos
        if self.source[start] == "-" and self.source[start + 1 : start + 2] in {",", "]", "}"}:
            self.lenient("dash", start)
            self.pos += 1
            self.events.append(Event("scalar", start, self.pos, "-"))
            return
        if not self.starts_plain(start, in_flow=True):
            raise MalformedYamlError(
                f"{self.source[start]!r} cannot begin a value inside brackets", start
            )
        self.plain(parent, start, self.plain_line(in_flow=True), in_flow=True)
