"""The snapshot between runs: what was saved comes back as it was, and what is damaged is not there."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.live_steps import NOW, Branch, as_data
from support.manifests import (
    alias_yaml,
    metadata_yaml,
    model_files,
    registry_yaml,
    tracked_artifact,
    version_files,
    version_yaml,
)

from registry_tool.live.moving import move
from registry_tool.live.snapshot import Snapshot
from registry_tool.live.store import SnapshotStore
from registry_tool.manifests.layout import Layout

HOME = "models/nlp/lang-id"
FIRST = Layout().object("kubeflow", "experiment", "first")
LOOSE = Layout().object("kubeflow", "artifact", "loose")
OBJECT = "schema: object/v1\napi: kubeflow\nkind: {}\ntitle: {}\ndata: {{external_id: {}}}\n"


@pytest.fixture
def branch() -> Branch:
    """One of everything that a snapshot holds."""
    found = Branch()
    found.commit(
        {
            "registry.yaml": registry_yaml(),
            "models/nlp/title.yaml": "schema: title/v1\ntitle: NLP\n",
        }
    )
    found.commit(model_files(versions=("1", "2")))
    found.commit(
        {
            f"{HOME}/aliases/production.yaml": alias_yaml("2"),
            f"{HOME}/titles/1.yaml": "schema: title/v1\ntitle: é\n",
        }
    )
    found.commit({f"{HOME}/versions/2/metadata.yaml": metadata_yaml(metadata={"ключ": "значение"})})
    found.commit(
        {f"{HOME}/drafts/3/version.yaml": version_yaml("3", artifacts=[tracked_artifact()])}
    )
    found.commit({f"{HOME}/versions/9/metadata.yaml": metadata_yaml(labels=["orphan"])})
    found.commit({"models/x/y/versions/1/metadata.yaml": metadata_yaml(labels=["homeless"])})
    found.commit(
        {
            FIRST: OBJECT.format("experiment", "First", "e-1"),
            LOOSE: OBJECT.format("artifact", "Loose", "a-1"),
            "models/nlp/broken/model.yaml": "{",
        }
    )
    found.commit(dict.fromkeys(version_files("1")))
    return found


def test_a_snapshot_comes_back(branch: Branch, tmp_path: Path) -> None:
    snapshot = branch.snapshot()
    store = SnapshotStore(tmp_path / "live", "here")
    assert store.load() is None
    store.save(snapshot)
    found = store.load()
    assert found is not None
    assert as_data(found) == as_data(snapshot)
    assert (found.ids.next_id, found.ids.next_artifact) == (
        snapshot.ids.next_id,
        snapshot.ids.next_artifact,
    )
    assert SnapshotStore(tmp_path / "live", "elsewhere").load() is None


def test_it_goes_on_as_if_it_had_never_stopped(branch: Branch, tmp_path: Path) -> None:
    store = SnapshotStore(tmp_path, "here")
    cut = len(branch.steps)
    store.save(branch.snapshot())
    branch.commit(version_files("4", artifacts=[tracked_artifact()]))
    branch.commit(version_files("9", artifacts=[tracked_artifact()]))
    branch.commit({f"{HOME}/aliases/production.yaml": alias_yaml("4")})
    loaded = store.load()
    assert loaded is not None
    assert as_data(move(loaded, branch.steps[cut:], NOW)) == as_data(branch.snapshot())


def test_a_damaged_file_is_not_there(branch: Branch, tmp_path: Path) -> None:
    store = SnapshotStore(tmp_path, "here")
    store.save(branch.snapshot())
    (place,) = tmp_path.iterdir()
    whole = place.read_bytes()
    for damaged in (b"", whole[:-1], whole[:100], whole.replace(b"nlp", b"nlq", 1), b"x" * 5000):
        place.write_bytes(damaged)
        assert store.load() is None
    place.write_bytes(whole)
    place.chmod(0o666)
    assert store.load() is None


def test_an_empty_registry_is_kept_too(tmp_path: Path) -> None:
    store = SnapshotStore(tmp_path, "here")
    store.save(Snapshot())
    found = store.load()
    assert found is not None
    assert found.commit == ""


def test_where_nothing_can_be_written_nothing_is(branch: Branch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    SnapshotStore(tmp_path / "file" / "below", "here").save(branch.snapshot())
