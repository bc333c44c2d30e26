"""The characters of YAML 1.2: white space, comments, and the five forms of scalars, with where each begins and ends.

Written for the explaining reader (docs/decisions/0031): no reader of YAML for Python that gives places reads the
whole of https://github.com/yaml/yaml-test-suite rightly. Section numbers are those of https://yaml.org/spec/1.2.2/.

What readers before us let pass although YAML 1.2 refuses it is read as they read it, and noted: published files keep
their value, and a rule (F121) refuses it in what is new.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

__all__ = ["LENIENT", "Event", "MalformedYamlError", "Scanner"]

# What readers of YAML before this one let pass, or read in their own way: what is wrong, and what puts it right.
LENIENT: Final = {
    "comment": ("a space is missing before a comment", "put a space before the #"),
    "quotes": ("a line inside quotes is not indented", "indent it with spaces, or put the text on one line"),
    "brackets": ("a line inside brackets is not indented", "indent it with spaces, further than the key above it"),
    "colon": ("a word inside brackets ends with a colon", "put a space after the colon, or put the word in quotes"),
    "directive": ("an unknown directive precedes the document", "delete the line that begins with %"),
    "dash": ("a single dash inside brackets", 'put it in quotes: "-"'),
    "question": ("a word inside brackets begins with a question mark", "put the word in quotes"),
    "key": ("a key is empty", 'write the key in quotes: ""'),
    "block": ("a block of text begins in the column of its key", "put the | or > on the line of the key"),
    "end": ("the file ends inside a block of text without a line feed", "end the file with a line feed"),
}  # fmt: skip

_BLANKS: Final = re.compile(r"[ \t]*")
_PLAIN: Final = re.compile(r"(?:[^ \t\n:#]|:(?![ \t\n]|\Z)|(?<![ \t\n])#|[ \t]++(?!#))*")
_PLAIN_IN_FLOW: Final = re.compile(
    r"(?:[^ \t\n:#,\[\]{}]|:(?![ \t\n\[{]|\Z)|(?<![ \t\n])#|[ \t]++(?!#))*"
)
_LINE_ENDS: Final = re.compile(r"[ \t]*(?:\n[ \t]*)+")
_HEADER: Final = re.compile(r"[|>](?:([1-9])[+-]?|[+-]([1-9])?)?")
_NO_START: Final = frozenset(",[]{}#&*!|>'\"%@`")
_ESCAPES: Final = {
    "0": "\0", "a": "\a", "b": "\b", "t": "\t", "\t": "\t", "n": "\n", "v": "\v", "f": "\f", "r": "\r", "e": "\x1b",
    " ": " ", '"': '"', "/": "/", "\\": "\\", "N": "\x85", "_": "\xa0", "L": "\u2028", "P": "\u2029",
}  # fmt: skip
_HEX: Final = {
    letter: re.compile(rf"[0-9a-fA-F]{{{digits}}}")
    for letter, digits in {"x": 2, "u": 4, "U": 8}.items()
}
_PAIR: Final = re.compile("[\ud800-\udbff][\udc00-\udfff]")
_LAST_CHARACTER: Final = 0x10FFFF


class MalformedYamlError(Exception):
    """The text is not YAML.

    Attributes:
        at: The offset of the character that does not fit.
    """

    def __init__(self, message: str, at: int) -> None:
        super().__init__(message)
        self.at = at


class Event(NamedTuple):
    """A piece of a document, in the order of the text.

    Attributes:
        kind: ``document``, ``mapping``, ``sequence``, ``end``, ``scalar``, ``alias``, ``anchor``, ``tag``,
            ``directive``, or ``lenient`` for what YAML 1.2 refuses and is read all the same.
        start: Where it begins, as an offset.
        end: Where it ends; of a collection's start the same as ``start``.
        text: Of a scalar its value as text; of others their name, or for ``lenient`` a code of ``LENIENT``.
        style: Of a scalar the character that opens it; empty for a plain one.
    """

    kind: str
    start: int
    end: int
    text: str = ""
    style: str = ""


def _fold_line_ends(ends: int) -> str:
    """What a number of line ends between two lines of a flow scalar stands for (6.5)."""
    return " " if ends == 1 else "\n" * (ends - 1)


class Scanner:
    """A position in a text, and the events read so far.

    Args:
        source: The whole text; lines end in LF.
    """

    def __init__(self, source: str) -> None:
        self.source = source
        self.size = len(source)
        self.pos = 0
        self.events: list[Event] = []

    def column(self, pos: int) -> int:
        """How many characters stand before an offset on its line."""
        return pos - self.source.rfind("\n", 0, pos) - 1

    def indent(self, pos: int) -> int:
        """How many spaces the line of an offset begins with."""
        start = self.source.rfind("\n", 0, pos) + 1
        end = start
        while end < self.size and self.source[end] == " ":
            end += 1
        return end - start

    def is_blank(self, pos: int) -> bool:
        """True for white space, a line end, or the end of the text."""
        return pos >= self.size or self.source[pos] in " \t\n"

    def is_marker(self, pos: int) -> bool:
        """True where a document begins or ends: ``---`` or ``...`` at the start of a line."""
        at_start = pos == 0 or self.source[pos - 1] == "\n"
        return (
            at_start
            and self.source.startswith(("---", "..."), pos)
            and (pos + 3 >= self.size or self.source[pos + 3] in " \t\n")
        )

    def lenient(self, code: str, at: int) -> None:
        """Note what is read although YAML 1.2 refuses it; ``LENIENT`` has the codes."""
        self.events.append(Event("lenient", at, at, code))

    def skip(self) -> tuple[bool, bool]:
        """Pass over white space, comments and line ends (6.7): whether a line ended, and whether a TAB was last."""
        source, crossed, tab = self.source, False, False
        while True:
            start = self.pos
            pos = _BLANKS.match(source, start).end()  # type: ignore[union-attr] # it matches anywhere
            tab = "\t" in source[start:pos]
            if pos < self.size and source[pos] == "#":
                if pos and source[pos - 1] not in " \t\n":
                    self.lenient("comment", pos)
                end = source.find("\n", pos)
                pos = self.size if end < 0 else end
            if pos < self.size and source[pos] == "\n":
                self.pos, crossed = pos + 1, True
                continue
            self.pos = pos
            return crossed, tab

    def end_line(self) -> None:
        """Nothing but a comment may follow on this line."""
        at = _BLANKS.match(self.source, self.pos).end()  # type: ignore[union-attr] # it matches anywhere
        if at < self.size and self.source[at] not in "\n#":
            found = self.source[at]
            if found == ":":
                raise MalformedYamlError(
                    "a second value on one line, or a key on several lines", at
                )
            raise MalformedYamlError(f"expected the end of the line, but found {found!r}", at)

    def _continue(self, parent: int, start: int) -> tuple[int, int]:
        """Where a quoted text goes on after the line ends that stand there, and how many there are."""
        text = _LINE_ENDS.match(self.source, start)[0]  # type: ignore[index] # the caller saw one
        pos = start + len(text)
        if self.is_marker(self.source.rfind("\n", 0, pos) + 1):
            raise MalformedYamlError("the document ends inside quotes", pos)
        if pos < self.size and self.indent(pos) <= parent:
            self.lenient("quotes", pos)
        return pos, text.count("\n")

    def scan_quoted(self, parent: int) -> None:
        """A text in quotes (7.3.1, 7.3.2).

        Args:
            parent: The indentation of what holds it.
        """
        source, start, quote = self.source, self.pos, self.source[self.pos]
        raw = re.compile(r'[^"\\\n]*' if quote == '"' else r"[^'\n]*")
        parts: list[str] = []
        pos = start + 1
        while True:
            chunk = raw.match(source, pos)[0]  # type: ignore[index] # it matches anywhere
            pos += len(chunk)
            if pos >= self.size:
                raise MalformedYamlError(f"the closing {quote} is missing", self.size)
            if source[pos] == "\n":
                kept = chunk.rstrip(" \t")
                pos, ends = self._continue(parent, pos - len(chunk) + len(kept))
                parts += [kept, _fold_line_ends(ends)]
                continue
            parts.append(chunk)
            if source[pos] == "\\":
                text, pos = self._escape(parent, pos + 1)
                parts.append(text)
            elif source[pos + 1 : pos + 2] == quote == "'":
                parts.append("'")
                pos += 2
            else:
                break
        text = _PAIR.sub(
            lambda pair: pair[0].encode("utf-16", "surrogatepass").decode("utf-16"), "".join(parts)
        )
        self.pos = pos + 1
        self.events.append(Event("scalar", start, self.pos, text, quote))

    def _escape(self, parent: int, pos: int) -> tuple[str, int]:
        """What an escape stands for, and where the text goes on (5.7)."""
        letter = self.source[pos : pos + 1]
        if letter == "\n":
            going, ends = self._continue(parent, pos)
            return "\n" * (ends - 1), going
        if letter in _HEX:
            digits = _HEX[letter].match(self.source, pos + 1)
            if digits is None or int(digits[0], 16) > _LAST_CHARACTER:
                raise MalformedYamlError(f"\\{letter} is not followed by a character code", pos)
            return chr(int(digits[0], 16)), digits.end()
        if letter not in _ESCAPES:
            raise MalformedYamlError(f"unknown escape \\{letter}", pos)
        return _ESCAPES[letter], pos + 1

    def starts_plain(self, pos: int, *, in_flow: bool) -> bool:
        """True where a plain scalar may begin (7.3.3)."""
        first = self.source[pos]
        if first not in "-?:":
            return first not in _NO_START
        return not self.is_blank(pos + 1) and not (in_flow and self.source[pos + 1] in ",[]{}")

    def plain_line(self, *, in_flow: bool) -> str:
        """The part of a plain scalar on this line."""
        pattern = _PLAIN_IN_FLOW if in_flow else _PLAIN
        line = pattern.match(self.source, self.pos)[0]  # type: ignore[index] # it matches anywhere
        text: str = line.rstrip(" \t")
        self.pos += len(text)
        if in_flow and text.endswith(":"):
            self.lenient("colon", self.pos - 1)
        return text

    def plain(self, parent: int, start: int, text: str, *, in_flow: bool) -> None:
        """The further lines of a plain scalar (7.3.3), and the event for all of it."""
        while True:
            match = _LINE_ENDS.match(self.source, self.pos)
            if match is None or match.end() >= self.size:
                break
            pos = match.end()
            is_over = self.source[pos] == "#" or self.is_marker(self.source.rfind("\n", 0, pos) + 1)
            if is_over or (not in_flow and self.indent(pos) <= parent):
                break
            before, self.pos = self.pos, pos
            line = self.plain_line(in_flow=in_flow)
            if not line:
                self.pos = before
                break
            if self.indent(pos) <= parent:
                self.lenient("brackets", pos)
            text += _fold_line_ends(match[0].count("\n")) + line
        self.events.append(Event("scalar", start, self.pos, text))

    def block_scalar(self, parent: int) -> None:
        """A literal or folded block of text (8.1)."""
        start = self.pos
        header: re.Match[str] = _HEADER.match(self.source, start)  # type: ignore[assignment] # the caller saw it
        end = self.source.find("\n", start)
        end = self.size if end < 0 else end
        rest = self.source[header.end() : end]
        if rest.strip(" \t") and not re.match(r"[ \t]+#", rest):
            raise MalformedYamlError(
                f"{header[0]} is followed by {rest.strip()[:1]!r}", header.end()
            )
        digit = header[1] or header[2]
        self.pos = min(end + 1, self.size)
        indent = max(parent, 0) + int(digit) if digit else self._detect_indentation(parent)
        lines = self._block_lines(indent)
        chomp = "+" if "+" in header[0] else "-" if "-" in header[0] else ""
        text = _block_text(lines, chomp, is_folded=header[0][0] == ">")
        if self.pos >= self.size and not self.source.endswith("\n"):
            text = self._without_last_end(text, lines, indent, chomp)
        self.events.append(Event("scalar", start, self.pos, text, header[0][0]))

    def _without_last_end(self, text: str, lines: list[str], indent: int, chomp: str) -> str:
        """The text of a block that the file ends without a line feed: its last line has none either."""
        last = self.source[self.source.rfind("\n") + 1 :]
        if chomp != "-" or not last.strip(" "):
            self.lenient("end", self.size)
        if last.strip(" "):
            return text if chomp == "-" else text.removesuffix("\n")
        if len(last) > indent and chomp != "-":
            return text.removesuffix("\n") if lines else text
        return text.removesuffix("\n") if chomp == "+" else text

    def _detect_indentation(self, parent: int) -> int:
        """The indentation of a block's first line that is not empty (8.1.1.1)."""
        pos, most, where = self.pos, 0, self.pos
        while pos < self.size:
            end = pos
            while end < self.size and self.source[end] == " ":
                end += 1
            if end < self.size and self.source[end] != "\n":
                if end - pos <= parent or self.is_marker(pos):
                    break
                if most > end - pos and self.source[end] == "#":
                    self.lenient("block", where)
                    break
                if most > end - pos:
                    raise MalformedYamlError(
                        "an empty line is indented more than the text below it", where
                    )
                return end - pos
            if end - pos > most:
                most, where = end - pos, pos
            pos = end + 1
        return max(parent + 1, most)

    def _block_lines(self, indent: int) -> list[str]:
        """The lines of a block without their indentation; those at the end that are empty are among them."""
        lines: list[str] = []
        while self.pos < self.size and not self.is_marker(self.pos):
            end = self.source.find("\n", self.pos)
            end = self.size if end < 0 else end
            line = self.source[self.pos : end]
            if line[:indent].strip(" "):
                break
            lines.append(line[indent:])
            self.pos = min(end + 1, self.size)
        return lines


def _block_text(lines: list[str], chomp: str, *, is_folded: bool) -> str:
    """The value of a block's lines (8.1.1.2, 8.1.3)."""
    content = list(lines)
    while content and not content[-1]:
        content.pop()
    empty = len(lines) - len(content)
    if not content:
        return "\n" * empty if chomp == "+" else ""
    body = _fold(content) if is_folded else "\n".join(content)
    return body + {"-": "", "": "\n", "+": "\n" * (1 + empty)}[chomp]


def _fold(lines: list[str]) -> str:
    """Lines put together: one line end is a blank, except around lines that are indented more."""
    text, ends, before = "", 0, ""
    for line in lines:
        if not line:
            ends += 1
            continue
        if not before:
            text += "\n" * ends
        elif before[0] in " \t" or line[0] in " \t":
            text += "\n" * (ends + 1)
        else:
            text += "\n" * ends or " "
        text, before, ends = text + line, line, 0
    return text
