"""Shown names: the form of a title, when two are the same, paths made from them, and who has which.

A title is text for people: any script, emoji, slashes. Two that look alike must not name two things, so invisible characters
are refused, and case and composition are ignored (Unicode's forms NFC and, for paths, NFKC).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Final, Literal

from registry_tool.manifests.layout import Layout
from registry_tool.names import is_device

__all__ = ["PathKind", "ShownNames", "carry_names", "find_forbidden", "fold_title", "make_slug"]

PathKind = Literal["model", "version", "object", "alias", "namespace"]

_JOINER: Final = "\u200d"
_EMOJI_STYLE: Final = "\ufe0f"
_KEYCAP: Final = "\u20e3"
# Format characters, lone surrogates, private use, controls, and what separates lines.
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
# What renders as nothing although its category is that of letters or marks:
# Default_Ignorable_Code_Point of https://www.unicode.org/Public/UCD/latest/ucd/DerivedCoreProperties.txt
_IGNORABLE: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8\U000e0000-\U000e0fff]"
)
# Categories of pictographs; of an emoji that this Python does not know it says that it is not assigned.
_PICTURES: Final = frozenset({"So", "Sm", "Sk", "Cn"})
_NOT_IN_PATH: Final[dict[PathKind, str]] = {
    "model": r"[^A-Za-z0-9._-]+",
    "version": r"[^A-Za-z0-9._+-]+",
    "object": r"[^a-z0-9._-]+",
    "alias": r"[^a-z0-9._-]+",
    "namespace": r"[^a-z0-9_-]+",
}
_LONGEST_PATH: Final[dict[PathKind, int]] = {
    "model": 128, "version": 128, "object": 0, "alias": 0, "namespace": 64,
}  # fmt: skip
# Kinds of files that give a version, a tag or an alias a name, or a title.
_GIVE_NAMES: Final = frozenset({"version", "tag", "alias", "title"})
_KEPT: Final = 64
_KEPT_OF_SHORT: Final = 48  # of names with at most 64 characters


def _is_picture(title: str, at: int) -> bool:
    if not 0 <= at < len(title):
        return False
    return not title[at].isascii() and unicodedata.category(title[at]) in _PICTURES


def _joins_emoji(title: str, at: int) -> bool:
    """True for a joiner between two emoji, and for the mark of an emoji or a keycap."""
    if title[at] == _JOINER:
        before = at - 2 if title[at - 1 : at] == _EMOJI_STYLE else at - 1
        return _is_picture(title, before) and _is_picture(title, at + 1)
    is_keycap = title[at - 1 : at].isascii() and title[at + 1 : at + 2] == _KEYCAP
    category = unicodedata.category(title[at - 1]) if at else ""
    return is_keycap or category in _PICTURES or category == "Po"


def find_forbidden(title: str) -> str:
    """The first character that a title may not contain, such as ``U+202E``; empty where there is none.

    Forbidden are control, bidirectional and invisible characters, and a blank at either end. Allowed are the two characters
    that join emoji, between emoji.
    """
    for at, char in enumerate(title):
        if char == " " or (char.isascii() and char.isprintable()):
            continue
        if char in (_JOINER, _EMOJI_STYLE) and _joins_emoji(title, at):
            continue
        if unicodedata.category(char) in _UNSEEN or _IGNORABLE.match(char):
            return f"U+{ord(char):04X}"
    ends = title[:1] + title[-1:]
    return next((f"U+{ord(char):04X}" for char in ends if char.isspace()), "")


def fold_title(title: str) -> str:
    """A title in the form in which two are the same: case, composition and the marks of emoji are ignored."""
    if title.isascii():
        return title.lower()
    plain = title.replace(_EMOJI_STYLE, "").replace(_JOINER, "")
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", plain).casefold())


def _named_after(title: str, kind: PathKind) -> str:
    """The part of a path that reads like a title."""
    words = unicodedata.normalize("NFKC", title)
    words = words if kind in {"model", "version"} else words.lower()
    kept = _KEPT_OF_SHORT if kind in {"namespace", "alias"} else _KEPT
    plain = re.sub(_NOT_IN_PATH[kind], "-", words).strip("-._+")[:kept].strip("-._+")
    return f"{kind}-{plain}".rstrip("-") if not plain or is_device(plain) else plain


def make_slug(title: str, kind: PathKind, is_taken: Callable[[str], bool]) -> str:
    """The name for a path that is made from a title.

    A title that is a valid name is that name, if it is free. Otherwise: what reads like it, and the first eight digits of the
    sha256 of the exact title, so that two titles have two names; where that is taken, also a number.

    Args:
        title: The title.
        kind: What is named; an object and an alias always have the digits.
        is_taken: True for a name that cannot be used.
    """
    import hashlib

    base = _named_after(title, kind)
    reserved = kind == "version" and title.lower() == "latest"
    if base == title and len(title) <= _LONGEST_PATH[kind] and not reserved and not is_taken(base):
        return base
    slug = f"{base}-{hashlib.sha256(title.encode(errors='surrogatepass')).hexdigest()[:8]}"
    if not is_taken(slug):
        return slug
    number = 2
    while is_taken(f"{slug}-{number}"):
        number += 1
    return f"{slug}-{number}"


class ShownNames:
    """Which names in one namespace, or in one model, are shown how.

    Attributes:
        stale: Names whose files changed since they were read.
    """

    def __init__(self) -> None:
        self._shown: dict[str, str] = {}
        self._names: dict[str, tuple[str, ...]] = {}
        self.stale: frozenset[str] = frozenset()

    def __len__(self) -> int:
        return len(self._shown)

    def set(self, name: str, shown: str) -> None:
        """Record how a name is shown; empty takes the name out."""
        before = self._shown.pop(name, "")
        if before:
            key = fold_title(before)
            left = tuple(other for other in self._names[key] if other != name)
            if left:
                self._names[key] = left
            else:
                del self._names[key]
        if shown:
            self._shown[name] = shown
            key = fold_title(shown)
            self._names[key] = (*self._names.get(key, ()), name)

    def find(self, title: str) -> tuple[str, ...]:
        """The names that are shown as a title, without regard to case and composition."""
        return self._names.get(fold_title(title), ())

    def titles(self) -> Collection[str]:
        """All shown names."""
        return self._shown.values()

    def list_shared(self) -> Iterator[tuple[str, ...]]:
        """The names that are shown alike, where there are several."""
        return (names for names in self._names.values() if len(names) > 1)

    def after(self, names: Collection[str]) -> ShownNames:
        """The same, with some names to be read again."""
        if not names:
            return self
        other = ShownNames()
        other._shown, other._names = dict(self._shown), dict(self._names)
        other.stale = self.stale | frozenset(names)
        return other


def _changed_names(layout: Layout, paths: Iterable[str]) -> dict[tuple[str, str], set[str]]:
    """The names that may be shown differently after some files changed, by the keys of ``Catalog.shown``."""
    found: dict[tuple[str, str], set[str]] = {}
    for place in filter(None, map(layout.locate, paths)):
        if place.model is None or place.kind not in {*_GIVE_NAMES, "model"}:
            continue
        name = place.version or place.name
        if name:
            found.setdefault((str(place.model), "@"), set()).add(name)
        else:
            found.setdefault((place.model.namespace, ""), set()).add(place.model.name)
    return found


def carry_names(
    shown: Mapping[tuple[str, str], ShownNames], layout: Layout, paths: Iterable[str]
) -> dict[tuple[str, str], ShownNames]:
    """What is known of shown names, by the keys of ``Catalog.shown``, after some files changed."""
    changed = _changed_names(layout, paths)
    return {key: names.after(changed.get(key, ())) for key, names in shown.items()}
