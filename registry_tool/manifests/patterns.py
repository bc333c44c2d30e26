"""Regular expressions of JSON Schemas, as ECMA-262 reads them, by an engine whose time is bounded.

The engine is that of jsonschema-rs: Rust's ``regex``, linear in the text. What it cannot express (looking ahead or
behind, back references) goes to ``fancy-regex`` under a bound on its steps, which is the same on every machine
(docs/decisions/0032).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from jsonschema_rs import Draft202012Validator

__all__ = ["InvalidPatternError", "Matcher", "PatternTooSlowError", "matcher"]

# https://docs.rs/fancy-regex: steps back until a match is given up.
_STEPS_BACK: Final = 100_000
# Bytes of a compiled pattern: what `[a-z]{1,1000}` needs, and not what `(x{1,1000}){1,1000}` does.
_SIZE: Final = 1 << 20
# Escapes that Python knew when it read these patterns, as the engine spells them.
_OF_PYTHON: Final = {r"\Z": r"\z", r"\0": r"\x00"}
_ESCAPE: Final = re.compile(r"\\(?s:.)")
# What Python's syntax has and ECMA-262 has not, and all that can hide it.
_PYTHON: Final = re.compile(
    r"\\(?P<back>[1-9][0-9]?)|\\(?s:.)|\[\^?\]?(?:\\(?s:.)|[^\]\\])*\]|(?P<comment>\(\?\#[^)]*\))"
    r"|\(\?P=(?P<ref>\w+)\)|\(\?P<(?P<name>\w+)>|(?P<atomic>\(\?>)|(?P<other>\(\?)|(?P<group>\()|(?P<end>\))|(?s:.)"
)


class _Rewriting:
    """Rewrites comments, named back references and atomic groups of Python's syntax."""

    def __init__(self) -> None:
        self._written = 0
        self._numbers: list[int] = [0]
        self._names: dict[str, int] = {}
        self._ends: list[str] = []

    def _group(self) -> str:
        self._written += 1
        self._numbers.append(self._written)
        self._ends.append(")")
        return "("

    def _atomic(self) -> str:
        # What a look ahead took is not given back: (?>x) is (?=(x))\1.
        self._written += 1
        self._ends.append(f"))\\{self._written})")
        return "(?:(?=("

    def piece(self, found: re.Match[str]) -> str:
        """One token, rewritten."""
        kind = found.lastgroup
        if kind == "comment":
            return ""
        if kind == "back":
            return f"(?:\\{self._numbers[int(found['back'])]})"
        if kind == "ref":
            return f"(?:\\{self._names[found['ref']]})"
        if kind == "name":
            self._names[found["name"]] = self._written + 1
        if kind in {"name", "group"}:
            return self._group()
        if kind == "atomic":
            return self._atomic()
        if kind == "other":
            self._ends.append(")")
        return self._ends.pop() if kind == "end" else found[0]


def _rewritten(pattern: str) -> str | None:
    """The pattern without what only Python's syntax has; None where it refers to no group."""
    rewriting = _Rewriting()
    try:
        return "".join(map(rewriting.piece, _PYTHON.finditer(pattern)))
    except (LookupError, IndexError):
        return None


class InvalidPatternError(ValueError):
    """It is not a regular expression that can be used."""


class PatternTooSlowError(Exception):
    """A match took more steps than are allowed."""


class Matcher:
    """A compiled pattern.

    Attributes:
        is_linear: Its time grows with the text, and no faster.
    """

    def __init__(self, pattern: str) -> None:
        import jsonschema_rs as rs

        self._pattern = _ESCAPE.sub(lambda found: _OF_PYTHON.get(found[0], found[0]), pattern)
        linear = rs.RegexOptions(size_limit=_SIZE, dfa_size_limit=_SIZE)
        bounded = rs.FancyRegexOptions(
            backtrack_limit=_STEPS_BACK, size_limit=_SIZE, dfa_size_limit=_SIZE
        )
        compiled = self._compile(linear)
        self.is_linear = compiled is not None
        compiled = compiled or self._compile(bounded)
        rewritten = _rewritten(self._pattern) if compiled is None else None
        if rewritten is not None:
            # Published schemas may have it. It counts as not linear, so a change has to write it otherwise.
            self._pattern = rewritten
            compiled = self._compile(bounded)
        if compiled is None:
            raise InvalidPatternError(f"{pattern!a} is not a regular expression of ECMA-262")
        self._validator = compiled

    def _compile(self, options: object) -> Draft202012Validator | None:
        import jsonschema_rs as rs

        try:
            return rs.Draft202012Validator({"pattern": self._pattern}, pattern_options=options)  # type: ignore[arg-type] # one of two
        except (rs.ValidationError, ValueError):
            return None

    def search(self, text: str) -> bool:
        """True where it matches somewhere in a text.

        Raises:
            PatternTooSlowError: That takes too many steps; never for a linear pattern.
        """
        if self._validator.is_valid(text):
            return True
        if self.is_linear:
            return False
        import jsonschema_rs as rs

        for error in self._validator.iter_errors(text):
            if not isinstance(error.kind, rs.ValidationErrorKind.Pattern):
                raise PatternTooSlowError(self._pattern)
        return False


@lru_cache(maxsize=512)
def matcher(pattern: str) -> Matcher:
    """A pattern, ready to be asked.

    Raises:
        InvalidPatternError: It is not a regular expression that can be used.
    """
    return Matcher(pattern)
