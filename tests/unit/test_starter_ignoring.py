"""What the starter's ``.gitignore`` hides and shows, as Git and as DVC's library read it."""

from __future__ import annotations

from pathlib import Path

import pytest
from dulwich.ignore import IgnoreFilterManager
from dulwich.repo import Repo
from support import commit, git, run_git, write_files

from registry_tool.checks.rules.dvc import find_hidden
from registry_tool.git.ignore_rules import parse_ignore_rules
from registry_tool.manifests.layout import MANIFEST_KINDS, Layout
from registry_tool.names import ModelName
from registry_tool.scaffold.create import new_registry, repair_ignore_rules
from registry_tool.scaffold.templates import registry_files, repaired_ignore_file

MODEL = ModelName("nlp", "lang-id")
# What `registry init` wrote until 0.1.
EARLIER = """\
# a model: model.yaml, CARD.md, pointers, tags, aliases, versions
/models/{0}/*
!/models/{0}/model.yaml
!/models/{0}/CARD.md
!/models/{0}/*.dvc
!/models/{0}/tags/
!/models/{0}/aliases/
!/models/{0}/versions/
/models/{0}/tags/*
!/models/{0}/tags/*.yaml
/models/{0}/aliases/*
!/models/{0}/aliases/*.yaml

# a version: its record, what may be added to it, pointers, evidence
/models/{0}/versions/*/*
!/models/{0}/versions/*/version.yaml
!/models/{0}/versions/*/metadata.yaml
!/models/{0}/versions/*/status.yaml
!/models/{0}/versions/*/CARD.md
!/models/{0}/versions/*/*.dvc
!/models/{0}/versions/*/evidence/
/models/{0}/versions/*/evidence/*
!/models/{0}/versions/*/evidence/*.yaml
"""
BYTES = (
    "model.bin", "weights/", "weights/a", "weights/deep/version.yaml", "weights/x.dvc", "config.yaml", "README", ".hidden", "tags.bin",
)  # fmt: skip
SHARDS = pytest.mark.parametrize("shard", [0, 2])


def manifests(layout: Layout) -> list[str]:
    return sorted(
        {
            path
            for version in ("4", "1.2.0-rc.1")
            for name in ("v4-edge", "model.bin", "a folder")
            for path in layout.examples(MODEL, version, name)
        }
    )


def laid_out(root: Path, shard: int) -> tuple[Layout, list[str], list[str]]:
    """A registry with a file of every kind and with bytes: manifests, and bytes."""
    new_registry(root, name="acme", shard=shard, hooks=False)
    layout = Layout(shard)
    kept = manifests(layout)
    homes = (layout.model(MODEL), layout.version(MODEL, "4"))
    bytes_ = [f"{home}/{name}" for home in homes for name in BYTES]
    write_files(root, {path: "x" for path in [*kept, *bytes_] if not path.endswith("/")})
    return layout, kept, bytes_


def test_the_examples_hold_every_kind_of_manifest() -> None:
    layout = Layout()
    places = [layout.locate(path) for path in manifests(layout)]
    assert {place.kind for place in places if place is not None} == MANIFEST_KINDS | {"card"}
    assert [p for p in manifests(layout) if layout.locate(p) is None] == [".dvc/config"]


@SHARDS
def test_git_sees_every_manifest_and_no_bytes(tmp_path: Path, shard: int) -> None:
    root = tmp_path / "models"
    _, kept, bytes_ = laid_out(root, shard)
    run_git(root, "add", "-A")
    tracked = git(root, "-c", "core.quotePath=false", "ls-files").splitlines()
    assert set(kept) <= set(tracked)
    assert set(bytes_) & set(tracked) == set()
    commit(root, "All")
    run_git(root, "clean", "-fdXq")  # which deleted key.yaml
    assert git(root, "status", "--porcelain") == ""
    assert [path for path in bytes_ if (root / path).exists()] == []


@SHARDS
def test_dulwich_sees_every_manifest_and_its_folders(tmp_path: Path, shard: int) -> None:
    root = tmp_path / "models"
    _, kept, bytes_ = laid_out(root, shard)
    with Repo(str(root)) as repo:
        manager = IgnoreFilterManager.from_repo(repo)
        assert [path for path in kept if manager.is_ignored(path)] == []
        folders = {
            str(f.relative_to(root)) for p in kept for f in (root / p).parents if root in f.parents
        }
        assert [folder for folder in sorted(folders) if manager.is_ignored(f"{folder}/")] == []
        assert [path for path in bytes_ if not manager.is_ignored(path)] == []


@SHARDS
def test_a_registry_of_an_earlier_version_is_repaired(tmp_path: Path, shard: int) -> None:
    root = tmp_path / "models"
    new_registry(root, name="acme", shard=shard, hooks=False)
    fresh = (root / ".gitignore").read_bytes()
    assert repair_ignore_rules(root) == (False, ())
    pattern = "*/*/*" if shard else "*/*"
    own = "# ours\n\n*.swp\n/scratch/\n"
    (root / ".gitignore").write_text(EARLIER.format(pattern) + own)
    commit(root, "As it was")
    hidden = {
        one.path
        for one in find_hidden(
            parse_ignore_rules((root / ".gitignore").read_bytes()), Layout(shard)
        )
    }
    drafts = {path for path in hidden if "/drafts/" in path}
    assert {path.rsplit("/", 1)[-1] for path in drafts} >= {"version.yaml", "draft.yaml"}
    hidden -= drafts
    names = {"key.yaml", "title.yaml", "wire.yaml", "deletion.yaml", "v4-edge.bin.yaml"}
    assert {path.rsplit("/", 1)[-1] for path in hidden} == {"", *names}
    assert repair_ignore_rules(root) == (True, ())
    repaired = (root / ".gitignore").read_bytes()
    assert repaired == fresh + b"\n" + own.encode()
    assert repair_ignore_rules(root) == (False, ())
    assert git(root, "status", "--porcelain") == " M .gitignore"


def test_a_missing_file_is_written(tmp_path: Path) -> None:
    new_registry(tmp_path / "models", name="acme", hooks=False)
    place = tmp_path / "models/.gitignore"
    before = place.read_bytes()
    place.unlink()
    assert repair_ignore_rules(tmp_path / "models").written
    assert place.read_bytes() == before


def test_a_repair_is_done_once() -> None:
    fresh = registry_files(name="acme")[".gitignore"]
    assert repaired_ignore_file(b"", 0) == fresh
    assert repaired_ignore_file(fresh, 0) == fresh
    other = repaired_ignore_file(b"*.swp\r\n\xff\n", 0)
    assert repaired_ignore_file(other, 0) == other


def test_a_line_of_others_that_hides_manifests_is_told(tmp_path: Path) -> None:
    root = tmp_path / "models"
    new_registry(root, name="acme", hooks=False)
    lines = (root / ".gitignore").read_text().splitlines()
    (root / ".gitignore").write_text("\n".join([*lines, "*.yaml", ""]))
    repaired = repair_ignore_rules(root)
    last = (root / ".gitignore").read_text().splitlines().index("*.yaml") + 1
    assert repaired.left == ((last, "*.yaml"),)
    assert repair_ignore_rules(root) == (False, ((last, "*.yaml"),))
