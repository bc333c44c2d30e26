"""Titles: their form, when two are the same, and the paths that are made from them."""

from __future__ import annotations

import re

import pytest

from registry_tool.catalog.shown_names import (
    PathKind,
    ShownNames,
    find_forbidden,
    fold_title,
    make_slug,
)
from registry_tool.names import is_device

PLAIN = (
    "helpful-meadow-5 (YOLOR-D6, 1280x1280, pytorch-1.7)", "model:latest", "team/x", "Sprache? 言語", "ελληνικά", "हिन्दी",
    "🚀", "👩\u200d🔬", "👩🏽\u200d🔬", "❤\ufe0f\u200d🔥", "1\ufe0f\u20e3", "‼\ufe0f", "a b", "é", "e\u0301", "'\"\\#:- ~", "x" * 512,
)  # fmt: skip
MISLEADING = {
    "a\u200bb": "U+200B", "a\u202eb": "U+202E", "\u2066a": "U+2066", "a\ufeff": "U+FEFF", "a\u00adb": "U+00AD", "a\u034fb": "U+034F",
    "a\u3164": "U+3164", "\u115f": "U+115F", "a\u2028b": "U+2028", "a\nb": "U+000A", "\x00": "U+0000", "a\x7f": "U+007F",
    "a\u200db": "U+200D", "🚀\u200d": "U+200D", "\u200d🚀": "U+200D", "a\ufe0fb": "U+FE0F", "a\ufe01": "U+FE01", "\U000e0041": "U+E0041",
    " a": "U+0020", "a ": "U+0020", "a\u00a0": "U+00A0", "\ue000": "U+E000", "क\u200dष": "U+200D",
}  # fmt: skip


@pytest.mark.parametrize("title", PLAIN)
def test_titles_of_any_script_and_emoji(title: str) -> None:
    assert find_forbidden(title) == ""


@pytest.mark.parametrize("title", MISLEADING, ids=ascii)
def test_what_is_not_seen_is_found(title: str) -> None:
    assert find_forbidden(title) == MISLEADING[title]


@pytest.mark.parametrize(
    ("one", "other"),
    [("Best", "BEST"), ("é", "e\u0301"), ("STRASSE", "straße"), ("❤\ufe0f", "❤"), ("Ǆ", "ǆ")],
)
def test_titles_that_are_the_same(one: str, other: str) -> None:
    assert fold_title(one) == fold_title(other)


def test_titles_that_differ() -> None:
    assert len({fold_title(title) for title in ("a-b", "a_b", "a.b", "a b", "ab", "a/b")}) == 6


def never(_: str) -> bool:
    return False


@pytest.mark.parametrize("title", ["resnet50", "Resnet50.v2", "a", "x" * 64])
def test_a_valid_name_is_its_own_path(title: str) -> None:
    assert make_slug(title, "model", never) == title


@pytest.mark.parametrize(
    ("title", "start"),
    [
        ("helpful-meadow-5 (YOLOR-D6, 1280x1280)", "helpful-meadow-5-YOLOR-D6-1280x1280-"),
        ("model:latest", "model-latest-"),
        ("team/x", "team-x-"),
        ("ﬁne²", "fine2-"),
        ("🚀", "model-"),
        ("...", "model-"),
        ("x" * 512, f"{'x' * 64}-"),
        ("con", "model-con-"),
        ("aux.bin", "model-aux.bin-"),
    ],
)
def test_other_titles_get_what_reads_like_them_and_a_digest(title: str, start: str) -> None:
    slug = make_slug(title, "model", never)
    assert re.fullmatch(rf"{re.escape(start)}[0-9a-f]{{8}}", slug)
    assert not is_device(slug)


def test_titles_that_read_alike_have_paths_of_their_own() -> None:
    assert make_slug("a/b", "model", never) != make_slug("a:b", "model", never)


def test_a_taken_path_gets_a_counter() -> None:
    taken = {"resnet50"}
    first = make_slug("resnet50", "model", taken.__contains__)
    taken.add(first)
    assert make_slug("resnet50", "model", taken.__contains__) == f"{first}-2"


@pytest.mark.parametrize("kind", ["model", "version", "object", "namespace"])
@pytest.mark.parametrize("title", [*PLAIN, "latest", "LATEST", "CON", "-", "nul"])
def test_a_slug_is_a_name_of_its_kind(kind: PathKind, title: str) -> None:
    from registry_tool.names import check_model, check_namespace, check_new_name, check_version

    checks = {
        "model": check_model,
        "version": check_version,
        "object": check_model,
        "namespace": check_namespace,
    }
    slug = make_slug(title, kind, never)
    assert check_new_name(checks[kind](slug), kind) == slug


def test_who_is_shown_how_follows_changes() -> None:
    names = ShownNames()
    names.set("a", "Best")
    names.set("b", "best")
    assert names.find("BEST") == ("a", "b")
    assert [*names.list_shared()] == [("a", "b")]
    later = names.after({"a"})
    later.set("a", "")
    assert (names.find("best"), later.find("best")) == (("a", "b"), ("b",))
    assert names.after(()) is names
