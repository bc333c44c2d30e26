"""The cases of ``tests/corpus_web/cards``: hostile and plain model cards, and the HTML that is made of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Final, NamedTuple, cast

import yaml_rs

from registry_tool.manifests.problems import JSON
from registry_tool.web.pages.cards import Card, render_card

__all__ = ["CardCase", "find_unsafe", "list_cases", "render_case"]

_FOLDER: Final = Path(__file__).parents[1] / "corpus_web" / "cards"
_IMAGES: Final = {
    "models/nlp/lang-id/plot.png": "../../../images/0a1b.png",
    "images/plot.png": "../../../images/2c3d.png",
}
_PAGES: Final = {"models/nlp/other/CARD.md": "../../nlp/other/"}
_TAGS: Final = frozenset(
    [
        "a",
        "blockquote",
        "br",
        "code",
        "div",
        "em",
        "h3",
        "h4",
        "h5",
        "h6",
        "hr",
        "img",
        "li",
        "ol",
        "p",
        "pre",
        "strong",
        "table",
        "tbody",
        "td",
        "th",
        "thead",
        "tr",
        "ul",
    ]
)
_ATTRIBUTES: Final = frozenset(
    [
        "alt",
        "aria-label",
        "class",
        "href",
        "id",
        "loading",
        "rel",
        "role",
        "scope",
        "src",
        "start",
        "tabindex",
    ]
)


class CardCase(NamedTuple):
    """One case.

    Attributes:
        name: Its file and its name in it.
        data: ``card``, or ``before``, ``repeat`` and ``then``; and what is expected: ``html`` or its ``size``, ``note``.
    """

    name: str
    data: Mapping[str, JSON]


@cache
def list_cases() -> tuple[CardCase, ...]:
    """All cases, in order."""
    return tuple(
        CardCase(f"{file.stem}: {name}", data)
        for file in sorted(_FOLDER.glob("*.yaml"))
        for name, data in _read(file).items()
    )


def _read(file: Path) -> Mapping[str, Mapping[str, JSON]]:
    return cast("Mapping[str, Mapping[str, JSON]]", yaml_rs.loads(file.read_text(encoding="utf-8")))


def render_case(data: Mapping[str, JSON]) -> Card:
    """The card of a case, as that of the model nlp/lang-id."""
    if "card" in data:
        source = str(data["card"])
    else:
        text, times = cast("tuple[str, int]", data["repeat"])
        source = f"{data.get('before', '')}{text * times}{data['then']}"
    return render_card(
        source, path="models/nlp/lang-id/CARD.md", images=_IMAGES.get, pages=_PAGES.get
    )


def find_unsafe(html: str) -> list[str]:
    """What a fragment has that no card may have; and elements that it does not close, or that it closes and did not open."""
    checker = _Checker()
    checker.feed(html)
    checker.close()
    return [*checker.found, *(f"<{tag}> is not closed" for tag in checker.opened)]


class _Checker(HTMLParser):
    """A reader that knows nothing of how the fragment was made."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.opened: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _TAGS:
            self.found.append(f"<{tag}>")
        if tag not in {"br", "hr", "img"}:
            self.opened.append(tag)
        self.found += [f"<{tag} {fault}>" for fault in _check_attributes(attrs)]

    def handle_endtag(self, tag: str) -> None:
        if not self.opened or self.opened.pop() != tag:
            self.found.append(f"</{tag}>")

    def handle_comment(self, data: str) -> None:
        self.found.append(f"<!--{data}-->")

    def handle_decl(self, decl: str) -> None:
        self.found.append(f"<!{decl}>")

    def handle_pi(self, data: str) -> None:
        self.found.append(f"<?{data}>")


def _check_attributes(attrs: list[tuple[str, str | None]]) -> Iterator[str]:
    for name, value in attrs:
        if name not in _ATTRIBUTES:
            yield name
        elif name == "src" and value not in _IMAGES.values():
            yield f"src={value}"
        elif name == "id" and not (value or "").startswith("card-"):
            yield f"id={value}"
        elif name == "class" and value not in {"scroll", "right", "center"}:
            yield f"class={value}"
        elif name == "href" and not _is_safe(value or ""):
            yield f"href={value}"


def _is_safe(address: str) -> bool:
    own = address in _PAGES.values() or address.startswith("#card-")
    return own or address.startswith(("https://", "http://", "mailto:"))
