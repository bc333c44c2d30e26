"""The fast YAML 1.2 reader: bytes to plain data.

yaml-rs (in Rust) reads only the files whose result is certain. A file with anything that the explaining reader refuses,
or with values that YAML readers disagree about, is left to that reader (``explain.py``), which decides. There is one
truth, and a common file costs 0.1 ms. ``scalars.py`` says which value a plain scalar has.
"""

from __future__ import annotations

import re
import sys
from functools import cache
from math import isfinite
from typing import Final, cast

from registry_tool.manifests.problems import JSON

__all__ = ["DEPTH_LIMIT", "SIZE_LIMIT", "UNSURE", "Unsure", "load_fast"]

SIZE_LIMIT: Final = 256 * 1024
DEPTH_LIMIT: Final = 64


class Unsure:
    """The fast reader does not vouch for this file."""


UNSURE: Final = Unsure()

# Where a value can begin: after "key: ", "- ", an opening bracket, a comma, or at the start of a line.
_START = rb"(?:^[ \t]*|: +|- +|[\[{,] *)"
_END = rb"(?= *(?:[,\]}#\n]|$))"
_SUSPECT: Final = (
    rb"(?m)"
    rb"[\x00-\x09\x0b-\x1f\x7f]"  # control characters, TAB (readers differ), CR (we want LF)
    rb"|\xc2[\x80-\x9f]"  # C1 controls, NEL among them
    rb"|\xe2\x80[\xa8-\xae]|\xe2\x81[\xa6-\xa9]"  # line and paragraph separators, bidirectional controls
    rb"|\xef\xbb\xbf|\xef\xbf[\xbe\xbf]"  # byte order mark, non-characters
    rb"|^%|^\.\.\.|^---"  # directives, document marks
    rb"|^ *[\"']"  # quotes that begin a line: of a key, or of a text that ends there and may not be indented
    rb"|[^\n]\Z"  # no line feed at the end, where a block of text may stand
    rb"|^ *:|:[,\]}]|(?:^ *|[\[{,] *)[|>]"  # a colon that begins a line or ends a word; a block where none may be
    # More levels in a row, or columns, than DEPTH_LIMIT needs: yaml-rs 0.1.6 overflows its stack at some thousands.
    rb"|^ {128}|(?:[-?:] +){48}"
    rb"|"
    + _START
    # Anchors, aliases, tags, explicit keys, reserved marks; blocks with a comment, or that begin empty.
    + rb"(?:[&*!?@`]|[|>][^\n]*(?:#|\n *(?:\n|\Z)))"
    # Words and numbers that readers differ about; plain whole numbers and decimals are what they seem.
    rb"|"
    + _START
    + rb"(?:[yYnN]|yes|Yes|YES|no|No|NO|on|On|ON|off|Off|OFF)"
    + _END
    + rb"|"
    + _START
    + rb"(?!-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,20}(?:[eE][-+][0-9]{1,3})?)?"
    + _END
    + rb")"
    rb"(?:[-+]?[0-9.][0-9_.:eExob+-]*|[-+]?0x[0-9a-fA-F_]+|[-+]?\.[a-zA-Z]{3}|[0-9]{4}-[0-9]{1,2}-.*)"
    + _END
)


# A line with brackets as it is read fast: closed on that line, quotes only where a text begins. yaml-rs lets lines inside
# brackets stand in any column, and YAML does not.
# A line of comment is none: where it is text after all, in a block or in quotes, it opens nothing either.
_BRACKETS: Final = (
    rb"(?m)^(?! *#).*[\[\]{}].*$"  # compiled on first use: few manifests have brackets
)
_CLOSED: Final = (
    rb" *(?:- )*(?:[A-Za-z_][A-Za-z0-9_-]*: )?"
    rb'(?>[\[\]{},: ]|[A-Za-z0-9_./+-]++|(?:(?<=[\[{])|(?<=[,:] ))"[ !#-\[\]-~]*+")++'
)
_BRACKET: Final = rb"[\[\]{}]"
_QUOTE: Final = rb"[\"']"
_QUOTED: Final = rb'"[^"]*"'


def _closes_brackets(data: bytes) -> bool:
    for found in re.findall(_BRACKETS, data):
        # In a line without quotes ` #` begins a comment, or stands in a block of text.
        line = found if re.search(_QUOTE, found) else found.partition(b" #")[0]
        if not re.search(_BRACKET, line):
            continue
        if not re.fullmatch(_CLOSED, line):
            return False
        bare = re.sub(_QUOTED, b"", line)
        if bare.count(b"[") != bare.count(b"]") or bare.count(b"{") != bare.count(b"}"):
            return False
    return True


@cache
def _suspect() -> re.Pattern[bytes]:
    return re.compile(_SUSPECT)  # a millisecond, for files that are seldom met


# What nearly every manifest is, line by line: keys, list items, quoted text, plain numbers and words. Such a file has
# none of what the expression above looks for, and this one reads it in a tenth of the time: it never tries a byte twice.
_WORDS = (
    rb"(?!(?:[yYnN]|yes|Yes|YES|no|No|NO|on|On|ON|off|Off|OFF) *\n)"
    rb"[A-Za-z/](?:[A-Za-z0-9_./@+~();='%<>]|-(?! )| (?![-#])|:(?![ \n]))*+"
)
_VALUE = (
    rb'(?>"[ !#-\[\]-~]*+"|-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,20})?(?=\n)'
    # A digest that DVC wrote: a digit first, and a letter that no number has.
    rb"|(?=[0-9be]*+[acdf])[0-9][0-9a-f]*+(?:\.dir)?+(?=\n)|\[\]|\{\}|" + _WORDS + rb")"
)
_KEYED = rb"(?!(?i:true|false|null):)[A-Za-z_][A-Za-z0-9_-]*+:(?: " + _VALUE + rb")?+"
_ORDINARY = re.compile(
    # So few columns and dashes, and so no deeper than DEPTH_LIMIT.
    rb"(?:(?> {0,48}+)(?>(?:- ){1,4}+(?>" + _KEYED + rb"|" + _VALUE + rb")|" + _KEYED + rb")\n)++"
)


def _is_plain(data: JSON, depth: int) -> bool:
    """True when every key is text, every number finite, and nothing nested deeper than ``depth``."""
    if isinstance(data, dict):
        return depth > 0 and all(
            type(key) is str and (type(value) is str or _is_plain(value, depth - 1))
            for key, value in data.items()
        )
    if isinstance(data, list):
        return depth > 0 and all(type(v) is str or _is_plain(v, depth - 1) for v in data)
    # A number that is too large is text to the explaining reader.
    return type(data) is not float or isfinite(data)


def load_fast(data: bytes) -> JSON | Unsure:
    """The file's data, or UNSURE where the explaining reader must decide."""
    if len(data) > SIZE_LIMIT:
        return UNSURE
    is_ordinary = _ORDINARY.fullmatch(data) is not None
    if not is_ordinary and (_suspect().search(data) or not _closes_brackets(data)):
        return UNSURE
    loaded = _load(data)
    if not isinstance(loaded, dict):
        return UNSURE
    return loaded if is_ordinary or _is_plain(loaded, DEPTH_LIMIT) else UNSURE


@cache
def _ensure_loaded() -> None:
    """Load yaml-rs in a thread that lasts as long as the process.

    Version 0.1.6 crashes the process in later threads when the thread that loaded it has ended, as those of a pool do
    (tests/unit/manifests/yaml/test_fast_threads.py).
    """
    if (
        "threading" not in sys.modules
    ):  # there is one thread, and a cold start does not load the module
        return
    import threading

    if threading.current_thread() is threading.main_thread():
        return
    loaded = threading.Event()

    def load() -> None:
        import yaml_rs  # noqa: F401 (that it is loaded here counts)

        loaded.set()
        threading.Event().wait()

    threading.Thread(target=load, name="registry-yaml", daemon=True).start()
    loaded.wait()


def _load(source: bytes) -> JSON | Unsure:
    _ensure_loaded()
    import yaml_rs

    try:
        return cast("JSON", yaml_rs.loads(source.decode(), parse_datetime=False))
    except (yaml_rs.YAMLDecodeError, UnicodeDecodeError, RecursionError):
        return UNSURE


def is_read_alike(source: str, data: JSON) -> bool:
    """True where the fast reader gives what was read; what readers differ about by design does not count.

    Args:
        source: One document without anchors, tags or directives.
        data: What the explaining reader made of it.
    """
    loaded = _load(source.encode())
    return not isinstance(loaded, Unsure) and _is_alike(data, loaded)


def _is_alike(ours: JSON, theirs: object) -> bool:
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return len(ours) == len(theirs) and all(
            (key == other or type(other) is not str) and _is_alike(value, loaded)
            for (key, value), (other, loaded) in zip(ours.items(), theirs.items(), strict=True)
        )
    if isinstance(ours, list) and isinstance(theirs, list):
        return len(ours) == len(theirs) and all(map(_is_alike, ours, theirs))
    if type(ours) is str and type(theirs) in {int, float}:
        from registry_tool.manifests.yaml.scalars import is_ambiguous

        return is_ambiguous(ours) or ours == str(theirs)
    return type(ours) is type(theirs) and ours == theirs
