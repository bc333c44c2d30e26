"""Model cards as HTML that is safe in any page: CommonMark and tables in, a few tags out.

A card is written by whoever may propose a change, so its bytes are data. Two fences stand one behind the other:
markdown-it-py is configured to pass no HTML and to make links only to ``http:``, ``https:`` and ``mailto:``, and what it
makes is sanitised by nh3, which knows nothing of the first fence. Nothing is loaded from another host: an image is shown
when it is a file of the registry, and is a link otherwise. A card that is nested too deeply, or whose HTML would be many
times its source, is shown as it is written. Work is linear in the length of the source, 25 µs a byte at worst.
"""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from html import escape
from typing import Final, NamedTuple
from urllib.parse import unquote, urlsplit

import nh3
from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

__all__ = ["CARD_LIMIT", "Card", "find_image_type", "render_card"]

CARD_LIMIT: Final = 256 * 1024
"""Characters of a card that are shown; a registry's check allows no larger file below ``models/``."""
_HTML_LIMIT: Final = 5 * CARD_LIMIT
_NESTING_LIMIT: Final = 40
_ADDRESS_LIMIT: Final = 2_048
_COMMENT_LIMIT: Final = 10_000  # within a paragraph: each `<` looks that far
_HEADING_LEVELS: Final = 6
_SCHEMES: Final = frozenset({"http", "https", "mailto"})
_SCHEME: Final = re.compile(r"([^/?#]*?):")
# Controls, and what reorders text so that it reads as something else (CVE-2021-42574); marks of direction and joiners,
# which writing in Arabic, Hebrew or Persian needs, stay.
_UNSAFE: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff\ufffe\uffff]"
)
_FRONT_MATTER: Final = re.compile(r"\A---[ \t]*\n(.*?)^(?:---|\.\.\.)[ \t]*$\n?", re.DOTALL | re.MULTILINE)  # fmt: skip
_LIKE_A_HOST: Final = re.compile(r"(?:[a-z][a-z0-9+.-]*://)?(?:[^/@\s]*@)?([^\s/:?#@]+\.[^\s/:?#@]{2,})", re.IGNORECASE)  # fmt: skip
_NOT_OF_A_SLUG: Final = re.compile(r"[^\w\- ]+")
_REL: Final = "nofollow noopener noreferrer"
_TO_NOWHERE: Final = re.compile(f'<a rel="{_REL}">(.*?)</a>', re.DOTALL)
_TAGS: Final = frozenset({
    "a", "blockquote", "br", "code", "div", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "img", "li", "ol", "p", "pre",
    "strong", "table", "tbody", "td", "th", "thead", "tr", "ul",
})  # fmt: skip
_ATTRIBUTES: Final = {
    "a": {"href"},
    "img": {"src", "alt", "loading"},
    "ol": {"start"},
    "th": {"scope"},
    "div": {"tabindex", "role", "aria-label"},
    **{f"h{level}": {"id"} for level in range(1, _HEADING_LEVELS + 1)},
}
_CLASSES: Final = {"td": {"right", "center"}, "th": {"right", "center"}, "div": {"scroll"}}
_ALIGNMENTS: Final = {"text-align:right": "right", "text-align:center": "center"}
_IMAGE_TYPES: Final = (
    (b"\x89PNG\r\n\x1a\n", 0, ".png"),
    (b"\xff\xd8\xff", 0, ".jpg"),
    (b"GIF8", 0, ".gif"),
    (b"WEBP", 8, ".webp"),
    (b"ftypavif", 4, ".avif"),
)

Resolve = Callable[[str], str | None]
"""From the path of a file in the registry to an address on the site, or None."""


class Card(NamedTuple):
    """A rendered card.

    Attributes:
        html: A fragment for a page, safe as it is.
        note: Why it is not laid out, or not whole; empty for a card that is both.
    """

    html: str
    note: str = ""


def _find_nothing(_path: str) -> str | None:
    return None


def render_card(
    source: str,
    *,
    path: str = "CARD.md",
    top: int = 3,
    images: Resolve = _find_nothing,
    pages: Resolve = _find_nothing,
) -> Card:
    """A card as HTML.

    Args:
        source: Its Markdown.
        path: Its path in the registry, which relative addresses start from.
        top: The level of its highest headings; deeper ones follow without a gap, as far as 6.
        images: The address of an image of the registry; see ``find_image_type`` for what may be shown.
        pages: The address of the page of a file or folder of the registry.
    """
    text, note = _bound(source)
    parser = _Parser()
    tokens = parser.parse(text)
    if max((token.level for token in tokens), default=0) >= _NESTING_LIMIT - 1:
        return _show_source(
            text, "The card is nested too deeply to be laid out: this is its source."
        )
    layout = _Layout(path, top, images, pages)
    tokens = list(layout.arrange(tokens))
    if _measure(tokens) > _HTML_LIMIT:
        return _show_source(text, "The card is too large to be laid out: this is its source.")
    html = parser.renderer.render(tokens, parser.options, {})
    return Card(_sanitise(html, layout.shown), note)


def find_image_type(data: bytes) -> str:
    """The suffix of an image that a page may show, by its first bytes; empty for any other file.

    SVG is not among them: opened by itself it is a document with scripts, and the page's policy does not govern it.
    """
    for magic, start, suffix in _IMAGE_TYPES:
        if data.startswith(magic, start):
            return suffix
    return ""


def _bound(source: str) -> tuple[str, str]:
    note = ""
    if len(source) > CARD_LIMIT:
        source = source[:CARD_LIMIT].rpartition("\n")[0] or source[:CARD_LIMIT]
        note = f"Only the first {CARD_LIMIT // 1024} kB of the card are shown."
    text = source.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    text = _UNSAFE.sub(lambda found: f"[U+{ord(found[0]):04X}]", text)
    # Metadata at the top, as other hubs write it: CommonMark would make a heading of it.
    return _FRONT_MATTER.sub(r"```yaml\n\1```\n", text, count=1), note


def _show_source(text: str, note: str) -> Card:
    return Card(f"<pre>{escape(text)}</pre>\n", note)


class _Parser(MarkdownIt):
    """CommonMark and tables, without HTML, with links to a few schemes."""

    def __init__(self) -> None:
        super().__init__("commonmark", {"html": False, "maxNesting": _NESTING_LIMIT})
        self.enable("table")
        self.block.ruler.before("paragraph", "comment", _skip_block_comment, {"alt": ["paragraph"]})
        self.inline.ruler.before("autolink", "comment", _skip_inline_comment)

    def validateLink(self, url: str) -> bool:  # noqa: N802  # the parser's name
        scheme = _SCHEME.match(url.strip())
        if len(url) > _ADDRESS_LIMIT:
            return False
        try:
            urlsplit(url)
        except ValueError:  # such as `http://[`
            return False
        return scheme is None or scheme[1].lower() in _SCHEMES

    def normalizeLinkText(self, link: str) -> str:  # noqa: N802  # likewise
        # As it is: in Unicode, a name with a Cyrillic letter reads like another one.
        return link


def _skip_block_comment(state: StateBlock, line: int, end: int, silent: bool) -> bool:  # noqa: FBT001  # the parser's
    """A comment of HTML that has its lines for itself."""
    start = state.bMarks[line] + state.tShift[line]
    if not state.src.startswith("<!--", start) or state.is_code_block(line):
        return False
    close = _find_close(state.src, start, state.env)
    last = next((n for n in range(line, end) if close <= state.eMarks[n]), None) if close else None
    if last is None or state.src[close : state.eMarks[last]].strip():
        return False
    if not silent:
        state.line = last + 1
    return True


def _skip_inline_comment(state: StateInline, silent: bool) -> bool:  # noqa: ARG001, FBT001  # the parser's
    if not state.src.startswith("<!--", state.pos):
        return False
    close = state.src.find("-->", state.pos, state.pos + _COMMENT_LIMIT)
    if close < 0:
        return False
    state.pos = close + 3
    return True


def _find_close(source: str, start: int, env: object) -> int:
    """Where a comment ends; 0 where it does not. A search that found nothing is not repeated."""
    known = env if isinstance(env, dict) else {}
    if start >= known.get("unclosed", len(source)):
        return 0
    close = source.find("-->", start + 4)
    if close < 0:
        known["unclosed"] = start
        return 0
    return close + 3


class _Layout:
    """Fits the parts of a card into a page: headings, tables, images and links."""

    def __init__(self, path: str, top: int, images: Resolve, pages: Resolve) -> None:
        self._folder = posixpath.dirname(path)
        self._top = top
        self._images = images
        self._pages = pages
        self._levels: list[int] = []
        self._names: set[str] = set()
        self._repeated: Counter[str] = Counter()
        self.shown: set[str] = set()

    def arrange(self, tokens: Sequence[Token]) -> Iterator[Token]:
        """The tokens of the card as the page has them."""
        empty: set[int] = set()
        for number, token in enumerate(tokens):
            if token.type == "heading_open" and not self._fit_heading(*tokens[number : number + 3]):
                # A heading that says nothing is a stop for nothing on a reader's way.
                empty.update((number, number + 1, number + 2))
        for number, token in enumerate(tokens):
            if number in empty:
                continue
            if token.type in {"th_open", "td_open"}:
                _fit_cell(token, tokens[number + 1], tokens[number + 2])
            elif token.type == "inline":
                token.children = list(self._arrange_text(token.children or []))
            elif token.type == "fence":
                token.info = ""
            if token.type == "table_open":
                yield _make_scroller(1)
            yield token
            if token.type == "table_close":
                yield _make_scroller(-1)

    def _fit_heading(self, opening: Token, content: Token, closing: Token) -> bool:
        """Give it its level and its name; False where it has no text."""
        if not _read_text(content.children or []).strip():
            return False
        level = int(opening.tag[1:])
        while self._levels and self._levels[-1] >= level:
            self._levels.pop()
        self._levels.append(level)
        opening.tag = closing.tag = f"h{min(self._top + len(self._levels) - 1, _HEADING_LEVELS)}"
        opening.attrSet("id", self._name_heading(_read_text(content.children or [])))
        return True

    def _name_heading(self, text: str) -> str:
        slug = "card-" + _NOT_OF_A_SLUG.sub("", text.strip().lower()).replace(" ", "-")[:80]
        name = slug
        while name in self._names:
            # Thousands of headings with one text each count on from the one before.
            self._repeated[slug] += 1
            name = f"{slug}-{self._repeated[slug]}"
        self._names.add(name)
        return name

    def _arrange_text(self, children: Sequence[Token]) -> Iterator[Token]:
        """Text with its links and images; links do not nest."""
        number = 0
        while number < len(children):
            token = children[number]
            if token.type == "link_open":
                close = next(n for n in range(number, len(children)) if children[n].type == "link_close")  # fmt: skip
                yield from self._fit_link(children[number : close + 1])
                number = close
            elif token.type == "image":
                yield from self._fit_image(token, is_linked=False)
            else:
                yield token
            number += 1

    def _fit_link(self, tokens: Sequence[Token]) -> Iterator[Token]:
        opening, *inner, closing = tokens
        content = [
            made
            for token in inner
            for made in (
                self._fit_image(token, is_linked=True) if token.type == "image" else [token]
            )
        ]
        written = str(opening.attrGet("href") or "")
        address = self._find_address(written, self._pages)
        if not (_read_text(content).strip() or any(token.type == "image" for token in content)):
            content = [_make_text(written)]
        if address is None:
            yield from content
            return
        opening.attrs = {"href": address}
        yield opening
        yield from content
        yield closing
        host = urlsplit(address).hostname if "//" in address else None
        named = _LIKE_A_HOST.match(_read_text(content).strip())
        if host and named and not _is_same_host(named[1], host):
            yield _make_text(f" ({host})")

    def _fit_image(self, token: Token, *, is_linked: bool) -> Iterator[Token]:
        written = str(token.attrGet("src") or "")
        alternative = _read_text(token.children or [])
        address = None if _is_outside(written) else self._find_address(written, self._images)
        if address is not None:
            self.shown.add(address)
            # The renderer writes the text of the children as `alt`.
            token.attrs = {"src": address, "alt": "", "loading": "lazy"}
            yield token
            return
        text = _make_text(alternative or "image")
        target = None if is_linked else self._find_address(written, self._pages)
        if target is None:
            yield text
            return
        yield Token("link_open", "a", 1, attrs={"href": target})
        yield text
        yield Token("link_close", "a", -1)

    def _find_address(self, written: str, resolve: Resolve) -> str | None:
        if written.startswith("#"):
            name = f"card-{unquote(written[1:]).lower()}"
            return f"#{name}" if name in self._names else None
        if written.startswith("//"):
            return f"https:{written}"
        if _is_outside(written):
            return written
        path = unquote(re.split("[?#]", written, maxsplit=1)[0])
        if not path or "\\" in path or "\0" in path:
            return None
        whole = path.lstrip("/") if path.startswith("/") else posixpath.join(self._folder, path)
        whole = posixpath.normpath(whole)
        return None if whole.startswith("..") else resolve(whole)


def _is_outside(address: str) -> bool:
    return _SCHEME.match(address) is not None or address.startswith("//")


def _is_same_host(written: str, host: str) -> bool:
    written = written.lower().removeprefix("www.").rstrip(".")
    host = host.lower().removeprefix("www.").rstrip(".")
    return written == host


def _read_text(tokens: Sequence[Token]) -> str:
    parts = []
    for token in tokens:
        if token.type == "image":
            parts.append(_read_text(token.children or []))
        elif token.type in {"softbreak", "hardbreak"}:
            parts.append(" ")
        else:
            parts.append(token.content)
    return "".join(parts)


def _make_text(text: str) -> Token:
    return Token("text", "", 0, content=text)


def _make_scroller(nesting: int) -> Token:
    """A wide table scrolls by itself, also by keyboard; the page does not."""
    kind = "open" if nesting > 0 else "close"
    scroller = Token(f"scroller_{kind}", "div", nesting, block=True)  # type: ignore[arg-type]  # 1 or -1
    if nesting > 0:
        scroller.attrs = {
            "class": "scroll",
            "tabindex": "0",
            "role": "group",
            "aria-label": "Table",
        }
    return scroller


def _fit_cell(opening: Token, content: Token, closing: Token) -> None:
    alignment = _ALIGNMENTS.get(str(opening.attrGet("style")))
    opening.attrs = {} if alignment is None else {"class": alignment}
    if opening.tag == "th":
        if content.content.strip():
            opening.attrSet("scope", "col")
        else:
            opening.tag = closing.tag = "td"


def _measure(tokens: Sequence[Token]) -> int:
    """About how many characters of HTML will be made."""
    return sum(
        len(token.content if token.children is None else "")
        + sum(len(str(value)) for value in token.attrs.values())
        + 2 * len(token.tag)
        + _measure(token.children or [])
        for token in tokens
    )


def _sanitise(html: str, shown: set[str]) -> str:
    def keep(tag: str, attribute: str, value: str) -> str | None:
        if tag == "img" and attribute == "src" and value not in shown:
            return None
        return value

    clean = nh3.clean(
        html,
        tags=set(_TAGS),
        attributes=_ATTRIBUTES,
        attribute_filter=keep,
        allowed_classes=_CLASSES,
        url_schemes=set(_SCHEMES),
        link_rel=_REL,
        strip_comments=True,
    )
    # nh3 takes away an address that is none (such as that of a host in full-width letters), and leaves a link to nowhere.
    return _TO_NOWHERE.sub(r"\1", clean)
