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

__all__ = ["BrokenPattern", "EndlessPattern", "Matcher", "matcher"]

# https://docs.rs/fancy-regex: steps back until a match is given up.
_STEPS_BACK: Final = 100_000
# Bytes of a compiled pattern: what `[a-z]{1,1000}` needs, and not what `(x{1,1000}){1,1000}` does.
_SIZE: Final = 1 << 20
# Escapes that Python knew when it read these patterns, as the engine spells them.
_OF_PYTHON: Final = {r"\Z": r"\z", r"\0": r"\x00"}
_ESCAPE: Final = re.compile(r"\\(?s:.)")


class BrokenPattern(ValueError):
    """It is not a regular expression that can be used."""


class EndlessPattern(Exception):
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
        compiled = self._compiled(linear)
        self.is_linear = compiled is not None
        compiled = compiled or self._compiled(bounded)
        if compiled is None:
            raise BrokenPattern(f"{pattern!a} is not a regular expression of ECMA-262")
        self._validator = compiled

    def _compiled(self, options: object) -> Draft202012Validator | None:
        import jsonschema_rs as rs

        try:
            return rs.Draft202012Validator({"pattern": self._pattern}, pattern_options=options)  # type: ignore[arg-type] # one of two
        except (rs.ValidationError, ValueError):
            return None

    def search(self, text: str) -> bool:
        """True where it matches somewhere in a text.

        Raises:
            EndlessPattern: That takes too many steps; never for a linear pattern.
        """
        if self._validator.is_valid(text):
            return True
        if self.is_linear:
            return False
        import jsonschema_rs as rs

        for error in self._validator.iter_errors(text):
            if not isinstance(error.kind, rs.ValidationErrorKind.Pattern):
                raise EndlessPattern(self._pattern)
        return False


@lru_cache(maxsize=512)
def matcher(pattern: str) -> Matcher:
    """A pattern, ready to be asked.

    Raises:
        BrokenPattern: It is not a regular expression that can be used.
    """
    return Matcher(pattern)
