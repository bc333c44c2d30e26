"""Models and versions in a change: one set of methods, new or published; what cannot be valid is refused at once."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support import git
from support.manifests import small_registry

import registry_tool
from registry_tool.api.changes.change import Change
from registry_tool.api.changes.drafts import (
    ModelDraft,
    PublishedModel,
    PublishedVersion,
    VersionDraft,
)
from registry_tool.api.views import ModelVersion, RegisteredModel
from registry_tool.errors import InvalidNameError, NotFoundError, UsageError

MakeRegistry = Callable[..., Path]
CUSTOM = {"type": "custom"}


@pytest.fixture
def folder(make_registry: MakeRegistry) -> Path:
    return make_registry(small_registry())


@pytest.fixture
def registry(folder: Path) -> Iterator[registry_tool.Registry]:
    with registry_tool.open(folder) as opened:
        yield opened


@pytest.fixture
def report(tmp_path: Path) -> Path:
    place = tmp_path / "report.md"
    place.write_text("# Report\n")
    return place


def tell(target: VersionDraft | PublishedVersion | PublishedModel | ModelDraft) -> None:
    """What all four kinds of target can be told."""
    for step in (10, 2, 1):
        target.log_metrics({"loss": 1 / step}, step=step, wallclock=1_700_000_000 + step)
    target.log_metrics({"curve": b"\x00\xff", "note": "stable"})
    target.update_metadata("team", {"a": 1})
    target.update_metadata("more", 2)
    target.track_artifacts("s3://bucket/eval.csv", sha256="0" * 64, size=3)


def test_all_four_kinds_share_the_methods(registry: registry_tool.Registry, report: Path) -> None:
    with registry.change("Measure", commit=True) as change:
        new = change.new_model("ocr", namespace="nlp", owner="@acme/vision")
        tell(new)
        new.upload_artifact(report, role="document")
        version = new.new_version("1", framework=CUSTOM, artifacts=[report])
        tell(version)
        old = change.model("nlp/lang-id")
        tell(old)
        old.upload_artifact(report, role="document")
        published = change.version("nlp/lang-id@1")
        tell(published)
        published.upload_artifact(report, name="results.md")
        assert [a.name for a in new.artifacts()] == ["eval.csv", "report.md"]
        assert [a.name for a in version.artifacts()] == ["report.md", "eval.csv"]
        assert [a.name for a in old.artifacts()] == ["eval.csv", "report.md"]
        assert published.artifacts()[-2].uri == "s3://bucket/eval.csv"
        ids = {a.id for d in (new, version, old, published) for a in d.artifacts()}
    with registry.refresh() as newer:
        models = [newer.model(name) for name in ("nlp/ocr", "nlp/lang-id")]
        versions = [newer.version(name) for name in ("nlp/ocr@1", "nlp/lang-id@1")]
        both: list[RegisteredModel | ModelVersion] = [*models, *versions]
        for found in both:
            assert found.metrics["loss"] == 0.1
            assert (found.metrics["curve"], found.metrics["note"]) == (b"\x00\xff", "stable")
            series = found.metric_history("loss")
            assert [(p.step, p.value) for p in series] == [(1, 1.0), (2, 0.5), (10, 0.1)]
            assert [p.timestamp for p in series] == [1_700_000_001_000, 1_700_000_002_000, 1_700_000_010_000]  # fmt: skip
            assert found.metric_history("curve")[0].value == b"\x00\xff"
            assert dict(found.metadata)["team"] == {"a": 1}
            assert "eval.csv" in [a.name for a in found.artifacts()]
        assert ids == {a.id for found in both for a in found.artifacts()}
        assert [e["kind"] for e in models[1].evidence()] == ["metrics"]
        report_of_model = next(a for a in models[1].artifacts() if a.name == "report.md")
        assert report_of_model.fetch().read_text() == "# Report\n"
        assert newer.check().verdict == "pass"


def test_an_artifact_says_what_it_is(registry: registry_tool.Registry, report: Path) -> None:
    with registry.change("Add 3", commit=True) as change:
        version = change.model("nlp/lang-id").new_version(framework=CUSTOM, artifacts=[report])
        (tracked,) = version.track_artifacts("s3://bucket/a/eval.csv", media_type="text/x-own")
        (plain,) = version.track_artifacts("s3://bucket/a/eval.png")
        with pytest.raises(UsageError, match="has no number until the change is published"):
            _ = tracked.parent
        assert version.version is None
    assert version.version == "3"
    assert tracked.parent == "nlp/lang-id@3"
    with registry.refresh() as newer:
        stored, found, other = newer.version("nlp/lang-id@3").artifacts()
    assert (stored.parent, stored.path, stored.uri) == ("nlp/lang-id@3", "report.md", "")
    assert (stored.mime_type, stored.checksum) == ("text/markdown", stored.sha256)
    assert (found.path, found.uri) == ("s3://bucket/a/eval.csv", "s3://bucket/a/eval.csv")
    assert (found.mime_type, found.checksum, other.mime_type) == ("text/x-own", None, "image/png")
    assert (found.id, other.id) == (tracked.id, plain.id)
    assert len({stored.id, found.id, other.id}) == 3


def test_ids_are_the_same_in_another_clone(
    registry: registry_tool.Registry, folder: Path, tmp_path: Path, report: Path
) -> None:
    with registry.change("Add", commit=True) as change:
        change.model("nlp/lang-id").new_version(framework=CUSTOM, artifacts=[report])
        change.model("nlp/lang-id").upload_artifact(report)
    git(tmp_path, "clone", "--quiet", str(folder), "clone")
    with registry.refresh() as here, registry_tool.open(tmp_path / "clone") as there:
        for name in ("nlp/lang-id@3", "nlp/lang-id@1"):
            ids = [[a.id for a in one.version(name).artifacts()] for one in (here, there)]
            assert ids[0] == ids[1]
        assert [a.id for a in here.model("nlp/lang-id").artifacts()] == [
            a.id for a in there.model("nlp/lang-id").artifacts()
        ]


def test_a_name_and_the_author_are_enough_for_a_model(registry: registry_tool.Registry) -> None:
    with registry.change("Add", commit=True) as change:
        change.new_model("bare", namespace="own")
        change.new_model("asr", namespace="own", task="English ASR")
        change.new_model("first", namespace="own", task="asr", description="As before.")
    with registry.refresh() as newer:
        bare, asr, first = (newer.model(f"own/{name}") for name in ("bare", "asr", "first"))
        assert (bare.task, bare.description) == (None, None)
        assert bare.owner == git(
            newer.repository.git.work_tree or Path(), "log", "-1", "--format=%an <%ae>"
        )
        assert asr.task == "English ASR"
        assert [m.name for m in newer.models(task="english_ASR")] == ["own/asr"]
        assert [m.name for m in newer.models(task="english  asr")] == ["own/asr"]
        assert [m.data["schema"] for m in (bare, asr, first)] == [
            "model/v2",
            "model/v2",
            "model/v1",
        ]
        assert (bare.manifest.task, first.manifest.task) == (None, "asr")
        assert newer.check().verdict == "pass"


def test_a_long_series_becomes_several_files(registry: registry_tool.Registry) -> None:
    with registry.change("Train", commit=True) as change:
        version = change.model("nlp/lang-id").new_version("3", framework=CUSTOM)
        for step in range(6000):
            version.log_metrics({"loss": step / 7}, step=step)
    with registry.refresh() as newer:
        series = newer.version("nlp/lang-id@3").metric_history("loss")
        assert [p.step for p in series] == [*range(6000)]
        assert len([*newer.version("nlp/lang-id@3").evidence()]) >= 1
        assert newer.check().verdict == "pass"


def test_values_without_a_step_come_by_time(registry: registry_tool.Registry) -> None:
    moment = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
    with registry.change("Serve", commit=True) as change:
        model = change.model("nlp/lang-id")
        model.log_metrics({"load": 2}, wallclock=moment)
        model.log_metrics({"load": 1}, wallclock=moment - dt.timedelta(days=1))
        model.log_metrics({"load": math.nan}, wallclock=0)
    with registry.refresh() as newer:
        series = newer.model("nlp/lang-id").metric_history("load")
        assert [p.value for p in series] == ["NaN", 1, 2]
        assert series[-1].time == moment
        with pytest.raises(NotFoundError, match="has no metric 'lode'") as caught:
            newer.model("nlp/lang-id").metric_history("lode")
        assert "load" in caught.value.remedy


def test_the_last_value_of_a_model_is_that_of_the_newest_evidence(
    registry: registry_tool.Registry,
) -> None:
    for day, value in enumerate((3, 1, 2), start=1):
        fields = {"metrics": [{"key": "load", "value": value}]}
        at = f"2026-01-0{day}T00:00:00.000Z"
        # Names say nothing of the order.
        registry.add_model_evidence(
            "nlp/lang-id", "metrics", fields, by="x", at=at, name=f"e{9 - day}", commit=True
        )
    with registry.refresh() as newer:
        model = newer.model("nlp/lang-id")
        assert [point.value for point in model.metric_history("load")] == [3, 1, 2]
        assert model.metrics == {"load": 2}


def test_a_time_beyond_the_calendar_is_none() -> None:
    assert registry_tool.MetricPoint(1.0, None, 2**53).time is None
    assert registry_tool.MetricPoint(1.0, None, None).time is None


def test_a_file_for_a_published_version_is_stored_with_the_model(
    registry: registry_tool.Registry, folder: Path, report: Path
) -> None:
    record = (folder / "models/nlp/lang-id/versions/1/version.yaml").read_bytes()
    with registry.change("Add", commit=True) as change:
        (first,) = change.version("nlp/lang-id@1").upload_artifact(report)
        change.version("nlp/lang-id@2").upload_artifact(report, name="report-2.md")
    with registry.refresh() as newer:
        version, other = newer.version("nlp/lang-id@1"), newer.version("nlp/lang-id@2")
        assert [a.name for a in version.artifacts()] == ["model", "report.md"]
        assert [a.name for a in other.artifacts()] == ["model", "report-2.md"]
        found = version.artifact("report.md")
        assert (found.fetch().read_text(), found.parent) == ("# Report\n", "nlp/lang-id@1")
        assert found.id == first.id
        assert [a.name for a in version.record_artifacts()] == ["model"]
        assert newer.model("nlp/lang-id").artifacts() == ()
        assert newer.model("nlp/lang-id").data["schema"] == "model/v2"
        assert newer.check().verdict == "pass"
        with newer.change("Again") as again, pytest.raises(UsageError, match="two artifacts"):
            again.version("nlp/lang-id@2").upload_artifact(report)
    assert (folder / "models/nlp/lang-id/versions/1/version.yaml").read_bytes() == record


def _new_model(**fields: object) -> Callable[[Change], object]:
    return lambda change: change.new_model("new", namespace="nlp", **fields)  # type: ignore[arg-type]  # wrong on purpose


def _new_version(**fields: object) -> Callable[[Change], object]:
    return lambda change: change.model("nlp/lang-id").new_version("9", **fields)  # type: ignore[arg-type]  # likewise


CANNOT_BE = {
    "task with a blank at its end": (_new_model(task="asr "), 'found "asr "; expected one line'),
    "no owner": (_new_model(owner="\n"), "owner"),
    "description empty": (_new_model(description=""), "at least 1 character"),
    "misspelt field": (_new_model(licence="MIT"), "unknown field"),
    "license": (_new_model(license="Apache 2"), "not an SPDX licence expression"),
    "label": (_new_model(labels=["A b"]), "labels"),
    "framework": (_new_version(framework={"type": "nothing"}), "framework.type"),
    "misspelt field of a version": (_new_version(descripton="x"), "did you mean `description`"),
    "tag": (_new_version(unique_tags=["A b"]), "not a tag name"),
    "metric too long": (lambda c: c.model("nlp/lang-id").log_metrics({"a": b"x" * 50_000}), "metric 'a': value.bytes"),
    "metric text too long": (lambda c: c.version("nlp/lang-id@1").log_metrics({"a": "x" * 20_000}), "at most 16384"),
    "metric name": (lambda c: c.model("nlp/lang-id").log_metrics({" a": 1}), "metric ' a': key"),
    "step": (lambda c: c.model("nlp/lang-id").log_metrics({"a": 1}, step=-1), "step does not match the schema"),
    "metrics": (lambda c: c.model("nlp/lang-id").log_metrics([1]), "found list, expected values by name"),
    "address": (lambda c: c.model("nlp/lang-id").track_artifacts("eval.csv"), "uri does not match the schema"),
    "digest": (lambda c: c.model("nlp/lang-id").track_artifacts("s3://b/x", sha256="abc"), "sha256"),
    "argument": (lambda c: c.model("nlp/lang-id").track_artifacts("s3://b/x", md5="abc"), "no argument 'md5'"),
    "role": (lambda c: c.model("nlp/lang-id").track_artifacts("s3://b/x", role="x"), "role"),
    "reason": (lambda c: c.deprecate("nlp/lang-id@1", reason=""), "reason"),
    "successor": (lambda c: c.deprecate("nlp/lang-id@1", reason="x", replaced_by="a b"), "replaced_by"),
    "alias": (lambda c: c.set_alias("nlp/lang-id@1", "A b"), "not an alias name"),
    "verdict": (lambda c: c.version("nlp/lang-id@1").add_evidence("scan", {"tool": "x", "verdict": "ok"}), "verdict"),
    "evidence": (lambda c: c.version("nlp/lang-id@1").add_evidence("note", {}), "evidence of kind note has no `text`"),
}  # fmt: skip


@pytest.mark.parametrize("case", CANNOT_BE)
def test_what_cannot_be_valid_is_refused_in_the_call(
    registry: registry_tool.Registry, folder: Path, case: str
) -> None:
    act, words = CANNOT_BE[case]
    with registry.change("Wrong") as change:
        with pytest.raises((UsageError, InvalidNameError)) as caught:
            act(change)
        assert words in str(caught.value)
    assert git(folder, "status", "--porcelain") == ""


def test_a_model_that_the_change_adds_is_the_one_that_it_returns(
    registry: registry_tool.Registry,
) -> None:
    with registry.change("Add", commit=True) as change:
        draft = change.new_model("ocr", namespace="nlp", owner="@acme/vision")
        assert change.model("nlp/ocr") is draft
        with pytest.raises(UsageError, match="adds nlp/ocr already"):
            change.new_model("ocr", namespace="nlp")
        change.model("nlp/lang-id").update_metadata("a", 1)
    with registry.refresh() as newer:
        assert dict(newer.model("nlp/lang-id").metadata) == {"a": 1}
        assert newer.model("nlp/lang-id").data["schema"] == "model/v1"


def test_two_artifacts_of_one_name_are_refused_in_the_call(
    registry: registry_tool.Registry,
) -> None:
    with registry.change("Add", commit=True) as change:
        change.version("nlp/lang-id@1").track_artifacts("s3://b/x.csv")
    with registry.refresh() as newer, newer.change("Again") as change:
        with pytest.raises(UsageError, match=r"two artifacts named x\.csv"):
            change.version("nlp/lang-id@1").track_artifacts("s3://c/x.csv")
        assert change.version("nlp/lang-id@9").artifacts() == ()
        assert change.model("nlp/none").artifacts() == ()
