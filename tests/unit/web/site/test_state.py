"""What a site says of itself, and what is read of one that others have written."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from support.manifests import small_registry

from registry_tool.api.registry import open_registry
from registry_tool.web.site.build import build_site
from registry_tool.web.site.state import SiteFacts, SiteState, is_inside


@pytest.mark.parametrize(
    "path", ["", "/etc/passwd", "a//b", "../a", "a/..", "a/./b", "a\\..\\b", "a\0b"]
)
def test_a_path_that_leaves_its_folder(path: str) -> None:
    assert not is_inside(path)


def test_a_path_of_a_page() -> None:
    assert is_inside("models/nlp/-/2/index.html")


@pytest.fixture
def site(make_registry: Callable[..., Path], tmp_path: Path) -> Path:
    root = make_registry(small_registry())
    with open_registry(root, ref="HEAD") as registry:
        return build_site(registry, tmp_path / "site").folder


def test_what_was_written_is_read_again(site: Path) -> None:
    state = SiteState.read(site)
    assert state is not None
    assert state.write() == (site / ".build.json").read_bytes()
    assert set(state.models) == {"nlp/lang-id"}
    facts = SiteFacts.read(site)
    assert facts is not None
    assert facts.write() == (site / "site.json").read_bytes()
    assert (facts.registry, facts.model_count, facts.version_count) == ("acme-models", 1, 2)
    pages = [*site.rglob("*.html")]
    assert facts.page_count == len(pages)


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"[]", b"null", b'{"format":1}', b'{"format":2}', b"\xff",
        b'{"format":1,"models":[],"files":[],"moves":{}}',
        b'{"format":1,"models":{"a/b":{}},"files":[],"moves":{"by_model":{},"commit":"","missing":""}}',
        b"[" * 100_000,
    ],
)  # fmt: skip
def test_a_damaged_state_is_none(site: Path, content: bytes) -> None:
    (site / ".build.json").write_bytes(content)
    assert SiteState.read(site) is None
    (site / "site.json").write_bytes(content)
    assert SiteFacts.read(site) is None


@pytest.mark.parametrize("name", ["../../x", "a/../..", "a", "/a/b", "nlp/..", "nlp/a/b"])
def test_a_state_with_models_elsewhere_is_none(site: Path, name: str) -> None:
    """Folders of models are deleted by these names."""
    said = json.loads((site / ".build.json").read_bytes())
    said["models"] = {name: said["models"]["nlp/lang-id"]}
    (site / ".build.json").write_text(json.dumps(said))
    assert SiteState.read(site) is None


def test_a_state_with_files_elsewhere_is_none(site: Path) -> None:
    said = json.loads((site / ".build.json").read_bytes())
    said["files"] = ["../../.bashrc"]
    (site / ".build.json").write_text(json.dumps(said))
    assert SiteState.read(site) is None
