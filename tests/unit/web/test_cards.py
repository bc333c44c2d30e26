"""Model cards: what is made of each case, and that nothing unsafe is made of anything."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.web_cards import CardCase, find_unsafe, list_cases, render_case

from registry_tool.web.pages.cards import CARD_LIMIT, find_image_type, render_card

_PIECES = st.sampled_from(
    [
        "[", "](", ")", "!", "<", ">", '"', "'", "`", "\n", "\n\n", "> ", "- ", "1. ", "    ", "# ", "## ", "|", "|-|-|\n", "*", "_",
        "\\", "&", ";", ":", "/", "//", "javascript:alert(1)", "data:text/html,x", "https://a.example", "plot.png", "#a",
        "<script>", "</script>", "<img src=x onerror=alert(1)>", "<!--", "-->", "]]>", "&lt;", "&#106;", "&colon;", "\t", "\x00",
        "\u202e", "\r", "---\n", "```", "~~~", "<a href='javascript:1'>", "style=", "on", "=", "[x]: ", "[x]", "\u0430", "a", "b",
    ]
)  # fmt: skip


@pytest.mark.parametrize("case", list_cases(), ids=lambda case: case.name)
def test_each_case_gives_its_html(case: CardCase) -> None:
    card = render_case(case.data)
    assert card.note == case.data.get("note", "")
    if "html" in case.data:
        assert card.html == case.data["html"]
    else:
        assert len(card.html) == case.data["size"]
    assert find_unsafe(card.html) == []


@given(st.lists(_PIECES, max_size=40).map("".join))
def test_nothing_unsafe_is_made_of_anything(source: str) -> None:
    assert find_unsafe(render_case({"card": source}).html) == []


@given(st.text(max_size=200))
def test_nothing_unsafe_is_made_of_any_text(source: str) -> None:
    assert find_unsafe(render_case({"card": source}).html) == []


def test_headings_begin_at_the_level_of_the_page() -> None:
    assert render_card("# a\n\n## b", top=2).html.count("<h3") == 1
    assert render_card("# a\n\n## b", top=6).html.count("<h6") == 2


def test_a_card_of_the_largest_size_is_laid_out_whole() -> None:
    section = "## Use\n\nSome *text* with a [link](https://example.org/x) and `code`.\n\n| a | b |\n|---|--:|\n| 1 | 2 |\n\n"
    source = (section * 3000)[: CARD_LIMIT - 3] + "end"
    card = render_card(source)
    assert not card.note
    assert "end" in card.html[-20:]
    assert len(card.html) < 5 * CARD_LIMIT


@pytest.mark.parametrize(
    ("data", "suffix"),
    [
        (b"\x89PNG\r\n\x1a\n0", ".png"), (b"\xff\xd8\xff\xe0", ".jpg"), (b"GIF89a", ".gif"), (b"RIFF\0\0\0\0WEBPVP8 ", ".webp"),
        (b"\0\0\0\x1cftypavif", ".avif"), (b"<svg onload=alert(1)>", ""), (b"<!doctype html>", ""), (b"", ""), (b"%PDF-", ""),
    ],
)  # fmt: skip
def test_images_are_known_by_their_bytes(data: bytes, suffix: str) -> None:
    assert find_image_type(data) == suffix
