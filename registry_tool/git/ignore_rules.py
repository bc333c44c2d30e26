"""Ignore rules of Git and of DVC, applied to paths.

No process is started: a check also reads registries without a work tree, and its verdict must not depend on the
installed version of Git or DVC. https://git-scm.com/docs/gitignore
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

__all__ = ["IgnorePattern", "IgnoreRules", "build_prefilter", "parse_ignore_rules"]

_MOST: Final = 2000  # patterns of one file; more are ignored
_LONGEST: Final = 1000
# Names of folders that every model has.
_STRUCTURE: Final = frozenset({"models", "versions", "drafts", "tags", "aliases", "evidence"})
_EVERYTHING: Final = frozenset({"*", "**", "?*"})
_SPECIAL: Final = re.compile(r"\\(.)")


class IgnorePattern(NamedTuple):
    """One line of a file of ignore rules.

    Attributes:
        line: Its number, from 1.
        text: As it is written.
        parts: What it matches, between slashes; ``**`` stands for any number of folders.
        ignores: False where it begins with ``!``: it takes back what earlier lines say.
        folders_only: True where it ends in a slash.
    """

    line: int
    text: str
    parts: tuple[str, ...]
    ignores: bool
    folders_only: bool

    def fits(self, path: Sequence[str], *, is_folder: bool) -> bool:
        """True where it speaks of this very path, not of a folder above it."""
        return (is_folder or not self.folders_only) and _fits(self.parts, tuple(path))

    @property
    def names_something(self) -> bool:
        """True where it is about some models, versions or files, and not about all of a kind."""
        return any(map(_is_some, self.parts))

    @property
    def speaks_of_content(self) -> bool:
        """True where it ends in ``/*`` or ``/**``: dulwich takes that for a word about the folder as well."""
        return len(self.parts) > 1 and self.parts[-1] in {"*", "**"}


def _glob(part: str) -> str:
    """A part of a pattern in the language of ``fnmatch``, which takes linear time."""
    plain = _SPECIAL.sub(lambda c: f"[{c[1]}]" if c[1] in "*?[" else c[1], part)
    return plain.replace("[^", "[!")


# Folders whose answers are kept.
_FOLDERS: Final = 1 << 14


@lru_cache(1 << 12)
def _fits(parts: tuple[str, ...], path: tuple[str, ...]) -> bool:
    """Pattern against path, part by part; ``**`` is any number of parts, at the end at least one."""
    ends = {0}  # how many parts of the path the pattern may have matched so far
    for number, part in enumerate(parts, 1):
        if part == "**":
            ends = set(range(min(ends) + (number == len(parts)), len(path) + 1))
        else:
            glob = _glob(part)
            ends = {n + 1 for n in ends if n < len(path) and fnmatch.fnmatchcase(path[n], glob)}
        if not ends:
            return False
    return len(path) in ends


def _pattern(number: int, line: str) -> IgnorePattern | None:
    text = line.removesuffix("\r")
    while text.endswith(" ") and not text.endswith("\\ "):
        text = text[:-1]
    if not text or text.startswith("#") or len(text) > _LONGEST:
        return None
    ignores = not text.startswith("!")
    body = text if ignores else text[1:]
    folders_only = body.endswith("/")
    body = body.rstrip("/") if folders_only else body
    if not body:
        return None
    parts = tuple(body.replace("\\/", "/").removeprefix("/").split("/"))
    if "/" not in body:
        parts = ("**", *parts)
    return IgnorePattern(number, text, parts, ignores, folders_only)


def _is_some(part: str) -> bool:
    return part not in _EVERYTHING and part not in _STRUCTURE


class IgnoreRules(NamedTuple):
    """The rules of one file in the root folder.

    Attributes:
        patterns: In their order; the last match counts.
    """

    patterns: tuple[IgnorePattern, ...]

    def _last(self, path: Sequence[str], *, is_folder: bool) -> IgnorePattern | None:
        fitting = (p for p in reversed(self.patterns) if p.fits(path, is_folder=is_folder))
        return next(fitting, None)

    def hides(self, path: str, *, is_folder: bool = False) -> IgnorePattern | None:
        """The pattern that makes Git ignore a path, or a folder above it; None if there is none.

        Args:
            path: From the root, with ``/`` between its parts.
            is_folder: True for a folder.
        """
        parts = path.split("/")
        for end in range(1, len(parts) + 1):
            found = self._last(parts[:end], is_folder=is_folder or end < len(parts))
            if found is not None and found.ignores:
                return found
        return None

    def hides_from_dvc(self, folder: str) -> IgnorePattern | None:
        """The pattern that makes DVC skip a folder with its content; None if there is none.

        DVC uses dulwich, which since 1.2.15 ignores a folder if the last pattern about its content ignores that,
        whatever other patterns say about single files in it.

        Args:
            folder: From the root, without a slash at its end.
        """
        hidden = self.hides(folder, is_folder=True)
        if hidden is not None:
            return hidden
        inside = [*folder.split("/"), "x"]
        about = (p for p in reversed(self.patterns) if p.speaks_of_content)
        last = next((p for p in about if p.fits(inside, is_folder=True)), None)
        return last if last is not None and last.ignores else None


def build_prefilter(patterns: Sequence[IgnorePattern]) -> Callable[[str], bool]:
    """A fast test whether one of some patterns may match a file or a folder above it.

    Folders and names are tested once. False positives are possible, compared with ``IgnoreRules.hides``; false
    negatives are not.
    """
    names = [_glob(p.parts[1]) for p in patterns if len(p.parts) == 2 and p.parts[0] == "**"]  # noqa: PLR2004 (of a name)
    placed = [p for p in patterns if len(p.parts) != 2 or p.parts[0] != "**"]  # noqa: PLR2004

    known: dict[str, bool] = {}  # of folders

    @lru_cache(1 << 14)
    def fits_name(part: str) -> bool:
        return any(fnmatch.fnmatchcase(part, name) for name in names)

    def fits(path: str) -> bool:
        tested: list[str] = []
        found = False
        while path and not found:
            if path in known:
                found = known[path]
                break
            tested.append(path)
            parts = path.split("/")
            found = fits_name(parts[-1]) or any(p.fits(parts, is_folder=True) for p in placed)
            path = path.rpartition("/")[0]
        if len(known) > _FOLDERS:
            known.clear()
        known.update(dict.fromkeys(tested[1:], found))
        return found

    return fits if patterns else lambda _: False


@lru_cache(8)
def parse_ignore_rules(source: bytes) -> IgnoreRules:
    """The rules in the bytes of a ``.gitignore`` or ``.dvcignore``; rules beyond the limits are left out."""

    def read() -> Iterator[IgnorePattern]:
        text = source.removeprefix(b"\xef\xbb\xbf").decode(errors="surrogateescape")
        for number, line in enumerate(text.split("\n"), 1):
            found = _pattern(number, line)
            if found is not None:
                yield found
            if number >= _MOST:
                return

    return IgnoreRules(tuple(read()))
