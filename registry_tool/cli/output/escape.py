"""Text that is safe to print: one field on one line, and whatever the encoding of the output lacks is escaped."""

from __future__ import annotations

import sys
from typing import Final

from registry_tool.api.interface.text import inert, json_lines, one_line

__all__ = ["INDENT", "harmless", "json_in", "json_text", "lines", "print_what_can_be_printed"]

# How our own messages go on in a further line: as wide as `try:   ` before it.
INDENT: Final = "\n       "


def harmless(text: str) -> str:
    """One line of output: nothing in it ends the line, draws on a terminal, or is a command to a CI system."""
    return inert(one_line(text))


def lines(text: str) -> str:
    """As ``harmless``, for a message of ours that goes on in further lines, which are indented."""
    return INDENT.join(harmless(part) for part in text.split(INDENT))


def json_text(data: object, encoding: str | None = "utf-8") -> str:
    """Data as JSON; what the encoding lacks is escaped in the way of JSON."""
    text = json_lines(data)
    try:
        text.encode(encoding or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return json_lines(data, ascii_only=True)
    return text


def json_in(text: str, encoding: str | None) -> str:
    """JSON as it can be written in an encoding."""
    try:
        text.encode(encoding or "utf-8")
    except (UnicodeEncodeError, LookupError):
        import json

        return json_lines(json.loads(text), ascii_only=True) + "\n"
    return text


def print_what_can_be_printed() -> None:
    """From now on a character that the encoding of the output lacks is escaped; it ends no command."""
    import io

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors in {"strict", "surrogateescape"}:
            stream.reconfigure(errors="backslashreplace")
