"""Changing a registry from a program: all in one, or nothing."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from support import git, write_files
from support.manifests import small_registry

import registry_tool
from registry_tool.api.changes.publish import RefusedByCheckError
from registry_tool.errors import (
    InvalidNameError,
    NoRemoteError,
    NotFoundError,
    RefusedError,
    UsageError,
)
from registry_tool.manifests.data import records

# Looks like a key of a cloud provider; written in two parts, so that no scanner takes it for one.
SECRET = "AK" + "IAIOSFODNN7EXAMPLQ"
MakeRegistry = Callable[..., Path]


@pytest.fixture
def folder(make_registry: MakeRegistry) -> Path:
    return make_registry(small_registry())


@pytest.fixture
def registry(folder: Path) -> Iterator[registry_tool.Registry]:
    with registry_tool.open(folder) as opened:
        yield opened


@pytest.fixture
def model_file(tmp_path: Path) -> Path:
    place = tmp_path / "lid.176.ftz"
    place.write_bytes(b"a model of its own\n")
    return place


def test_a_model_a_version_and_its_bytes_in_one_commit(
    registry: registry_tool.Registry, folder: Path, model_file: Path
) -> None:
    with registry.change("Add ocr 1", commit=True) as change:
        model = change.new_model(
            "ocr", namespace="vision", owner="@acme/vision", task="ocr", description="Reads."
        )
        version = model.new_version(
            framework={"type": "fasttext"},
            artifacts=[model_file],
            unique_tags=["best"],
            labels=["edge"],
        )
        version.log_metrics({"accuracy": 0.9}, step=1)
        version.log_metrics({"accuracy": 0.97}, step=10)
        version.update_metadata("team", {"a": 1})
        version.update_metadata("more", 2)
        version.track_artifacts(["s3://bucket/eval.parquet"])
        assert [a.name for a in version.artifacts()] == ["lid.176.ftz", "eval.parquet"]
        change.set_alias("vision/ocr@1", "production", reason="First.")
    assert change.publication is not None
    assert change.publication.commit == git(folder, "rev-parse", "HEAD")
    assert git(folder, "log", "-1", "--format=%s") == "Add ocr 1"
    with registry.refresh() as newer:
        found = newer.version("vision/ocr@production")
        assert (found.version, found.tags, found.labels) == ("1", ("best",), ("edge",))
        assert dict(found.metrics) == {"accuracy": 0.97}
        assert dict(found.metadata) == {"team": {"a": 1}, "more": 2}
        assert found.artifact("lid.176.ftz").fetch().read_bytes() == b"a model of its own\n"
        assert newer.check().verdict == "pass"


def test_in_a_checkout_files_are_written_unless_a_commit_is_asked_for(
    registry: registry_tool.Registry, folder: Path
) -> None:
    with registry.change("Tag it") as change:
        change.add_tag("nlp/lang-id@2", "second")
    assert git(folder, "status", "--porcelain") == "?? models/nlp/lang-id/tags/second.yaml"
    assert registry.model("nlp/lang-id").tags == {"first": "1"}


def test_an_exception_in_the_block_leaves_no_trace(
    registry: registry_tool.Registry, folder: Path, model_file: Path
) -> None:
    def fail() -> None:
        with registry.change("Half") as change:
            change.model("nlp/lang-id").new_version(artifacts=[model_file])
            raise LookupError("in the block")

    with pytest.raises(LookupError):
        fail()
    assert git(folder, "status", "--porcelain") == ""
    assert list((folder / "storage").iterdir()) == []


def test_what_would_not_pass_is_neither_uploaded_nor_written(
    registry: registry_tool.Registry, folder: Path, model_file: Path
) -> None:
    def wrong() -> None:
        with registry.change("Wrong") as change:
            change.model("nlp/lang-id").new_version(
                artifacts=[model_file], framework={"type": "custom"}, metadata={"api_key": SECRET}
            )

    with pytest.raises(RefusedByCheckError, match="Wrong: the result would not pass the check"):
        wrong()
    assert git(folder, "status", "--porcelain") == ""
    assert list((folder / "storage").iterdir()) == []


def test_a_change_to_published_versions(registry: registry_tool.Registry, folder: Path) -> None:
    with registry.change("Say more", commit=True) as change:
        version = change.version("nlp/lang-id@1")
        version.log_metrics({"later": 1.5})
        version.update_metadata("a", 1)
        version.annotate(labels=["edge"], description="Said later.")
        change.set_alias("nlp/lang-id@2", "production")
        change.deprecate("nlp/lang-id@1", reason="Old.", replaced_by="2")
    with registry.refresh() as newer:
        found = newer.version("nlp/lang-id@1")
        assert (found.state, found.labels, found.description) == (
            "deprecated",
            ("edge",),
            "Said later.",
        )
        assert dict(found.metrics) == {"later": 1.5}
        assert found.metadata["a"] == 1
        (evidence,) = found.evidence()
        assert evidence["by"] == "A. Tester <tester@example.org>"
    changed = git(folder, "show", "--format=", "--name-only", "HEAD").split("\n")
    assert not [path for path in changed if path.endswith("version.yaml")]


def test_withdrawing_and_archiving(registry: registry_tool.Registry) -> None:
    with registry.change("End", commit=True) as change:
        change.remove_alias("nlp/lang-id", "production")
        change.withdraw("nlp/lang-id@1", reason="Wrong data.")
        change.archive("nlp/lang-id")
    with registry.refresh() as newer:
        assert newer.version("nlp/lang-id@1", allow_withdrawn=True).state == "withdrawn"
        assert newer.model("nlp/lang-id").data["state"] == "archived"


def test_names_are_looked_at_at_once(registry: registry_tool.Registry) -> None:
    change = registry.change("Names")
    given = {"owner": "x", "task": "x", "description": "x"}
    for call in (
        lambda: change.new_model("a b", **given),
        lambda: change.new_model("a", namespace="A", **given),
        lambda: change.model("a/b/c"),
        lambda: change.version("a@b@c"),
        lambda: change.set_alias("nlp/lang-id@1", "Upper"),
        lambda: change.add_tag("nlp/lang-id@1", "latest"),
    ):
        with pytest.raises(InvalidNameError):
            call()


def test_the_ways_in(registry: registry_tool.Registry, model_file: Path) -> None:
    config = model_file.with_name("config.json")
    config.write_text("{}")
    with registry.change("One", commit=True) as change:
        draft = change.model("nlp/lang-id").new_version("8", framework={"type": "fasttext"})
        (merged,) = draft.upload_artifact([model_file, str(config)], name="model")
    files = [file["path"] for file in records(merged.entry, "files")]
    assert files == sorted([model_file.name, "config.json"])
    published = registry.refresh().version("nlp/lang-id@8").artifact("model")
    with registry.change("Two", commit=True) as change:
        change.model("nlp/lang-id").new_version(
            "9", framework={"type": "fasttext"}, parameters={"k": 2}, artifacts=[published]
        )
    found = registry.refresh().version("nlp/lang-id@9").artifact("model")
    assert dict(found.entry) == dict(published.entry)
    assert (found.fetch() / "config.json").read_text() == "{}"


def test_artifacts_that_cannot_be(registry: registry_tool.Registry, model_file: Path) -> None:
    version = registry.change("Files").model("nlp/lang-id").new_version(artifacts=[model_file])
    with pytest.raises(UsageError, match="two artifacts named"):
        version.upload_artifact(model_file)
    with pytest.raises(UsageError, match="would both be stored as"):
        version.upload_artifact([model_file, model_file], name="x")
    for given in ({"path": "x"}, {"name": "x"}):
        with pytest.raises(UsageError, match="a name goes with one source"):
            version.upload_artifact([model_file, "https://example.org/x"], **given)
    with pytest.raises(UsageError, match="goes with a single address"):
        version.track_artifacts(["s3://b/x", "s3://b/y"], size=1)
    with pytest.raises(UsageError):
        version.upload_artifact(model_file.with_name("nothing"))


@pytest.mark.parametrize("path", ["../../evil", "a/b", "version.yaml", ".hidden", "x.dvc"])
def test_an_artifact_s_path_does_not_lead_out(
    registry: registry_tool.Registry, folder: Path, model_file: Path, path: str
) -> None:
    def lead_out() -> None:
        with registry.change("Out") as change:
            version = change.model("nlp/lang-id").new_version()
            version.upload_artifact(model_file, name="model", path=path)

    with pytest.raises((RefusedError, UsageError)):
        lead_out()
    assert git(folder, "status", "--porcelain") == ""


def test_no_remote(make_registry: MakeRegistry, model_file: Path) -> None:
    files = {p: t for p, t in small_registry().items() if p != ".dvc/config"}
    folder = make_registry(files, name="without")
    text = files["registry.yaml"].replace("remote: storage\n", "")
    write_files(folder, {"registry.yaml": text})

    def add() -> None:
        with registry_tool.open(folder) as registry, registry.change("Add") as change:
            change.model("nlp/lang-id").new_version(artifacts=[model_file])

    with pytest.raises(NoRemoteError):
        add()
    assert "versions/3" not in git(folder, "status", "--porcelain", "--untracked-files=all")


def test_a_change_through_a_url_is_pushed(folder: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", "--bare", str(folder), "server")
    url = (tmp_path / "server").as_uri()
    with registry_tool.open(url) as registry, registry.change("Tag") as change:
        change.add_tag("nlp/lang-id@2", "second")
    assert change.publication is not None
    assert git(tmp_path / "server", "rev-parse", "main") == change.publication.commit


def test_a_branch_for_a_review(registry: registry_tool.Registry, folder: Path) -> None:
    with registry.change("Tag", branch="review/tag") as change:
        change.add_tag("nlp/lang-id@2", "second")
    assert (
        git(folder, "diff", "--name-only", "main", "review/tag")
        == "models/nlp/lang-id/tags/second.yaml"
    )
    assert git(folder, "status", "--porcelain") == ""


def test_acts_see_each_other_and_one_refusal_stops_all(
    registry: registry_tool.Registry, folder: Path
) -> None:
    def both() -> None:
        with registry.change("Both") as change:
            change.add_tag("nlp/lang-id@1", "x")
            change.set_alias("nlp/lang-id@x", "x")

    with pytest.raises(RefusedError, match="has a tag named x"):
        both()
    assert git(folder, "status", "--porcelain") == ""


def test_a_version_of_a_model_that_is_not_there(registry: registry_tool.Registry) -> None:
    def add() -> None:
        with registry.change("Add") as change:
            change.model("nlp/nothing").new_version()

    with pytest.raises(NotFoundError, match="model nlp/nothing does not exist"):
        add()


def test_values_of_other_libraries_come_back_as_plain_ones(
    registry: registry_tool.Registry, model_file: Path
) -> None:
    moment = dt.datetime(2026, 8, 1, 12, tzinfo=dt.UTC)
    with registry.change("Add 3", commit=True) as change:
        version = change.model("nlp/lang-id").new_version(
            framework={"type": "fasttext"},
            artifacts=[model_file],
            created_at=moment,
            parameters={"dim": np.int32(16)},
            metadata={"loss": np.float32(0.5)},
        )
        version.log_metrics(
            {"accuracy": np.float64(0.99), "raw": bytearray(b"x")}, step=np.int64(1)
        )
        version.update_metadata("team", {"on": np.bool_(True), "day": moment.date()})
        naive = dt.datetime(2026, 8, 1)  # noqa: DTZ001 (that is the point)
        for wrong in ({"team": {"loss": math.nan}}, {"n": 2**63}, {"when": naive}):
            with pytest.raises(UsageError, match=r"metadata\.own\."):
                version.update_metadata("own", wrong)
        with pytest.raises(UsageError, match=r"metrics\.loss: .* would become 0"):
            version.log_metrics({"loss": Decimal("1e-400")})
    with registry.refresh() as newer:
        added = newer.version("nlp/lang-id@3")
        assert added.metrics == {"accuracy": 0.99, "raw": b"x"}
        assert added.metadata == {
            "loss": 0.5, "team": {"on": True, "day": "2026-08-01"}
        }  # fmt: skip
        assert added.parameters == {"dim": 16}
        assert added.created_at == "2026-08-01T12:00:00.000Z"


def test_values_are_plain_in_evidence_and_metadata_too(
    registry: registry_tool.Registry, folder: Path
) -> None:
    with registry.change("More", commit=True) as change:
        version = change.version("nlp/lang-id@1")
        version.log_metrics({"later": np.float64(0.5)}, step=np.int16(2))
        version.update_metadata("sizes", np.array([1, 2]))
        with pytest.raises(UsageError, match=r"metadata\.x"):
            version.update_metadata("x", math.inf)
        with pytest.raises(UsageError, match="note: "):
            version.add_evidence("note", {"note": b"bytes"})
    found = git(folder, "show", "--format=", "HEAD")
    assert "value: 0.5" in found
    assert "np." not in found
