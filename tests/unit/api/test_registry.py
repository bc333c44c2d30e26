"""The façade: one truth per opened registry, resolving, and the past."""

from __future__ import annotations

import datetime as dt
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support import commit, git, write_files
from support.manifests import (
    alias_yaml,
    evidence_yaml,
    metadata_yaml,
    model_files,
    model_yaml,
    small_registry,
    status_yaml,
    version_files,
    version_yaml,
)

import registry_tool
from registry_tool.catalog.evidence import read_metrics
from registry_tool.errors import (
    InvalidManifestError,
    InvalidNameError,
    NotARegistryError,
    NotFoundError,
    OperationalError,
    UsageError,
    WithdrawnError,
)
from registry_tool.manifests.problems import JSON

MakeRegistry = Callable[..., Path]
TOP = "models/nlp/lang-id"


def test_a_schema_of_a_later_release_is_said_and_not_guessed_around(
    make_registry: MakeRegistry,
) -> None:
    root = make_registry(small_registry())
    manifest = root / "registry.yaml"
    manifest.write_text(manifest.read_text().replace("registry/v1", "registry/v2"))
    with pytest.raises(OperationalError, match="does not know registry/v2") as caught:
        registry_tool.open(root, ref=registry_tool.WORK_TREE)
    assert "pip install" in caught.value.remedy
    commit(root, "Later")
    with pytest.raises(OperationalError):
        registry_tool.open(root, ref="HEAD")
    assert registry_tool.open(root, ref="HEAD~1").version("nlp/lang-id").version == "2"


def _registry(make_registry: MakeRegistry, files: dict[str, str]) -> registry_tool.Registry:
    return registry_tool.open(make_registry({**small_registry(), **files}))


@pytest.mark.parametrize(
    ("reference", "version"),
    [
        ("nlp/lang-id", "2"), ("nlp/lang-id@latest", "2"), ("nlp/lang-id@1", "1"), ("nlp/lang-id@production", "1"),
        ("nlp/lang-id@first", "1"),
    ],
)  # fmt: skip
def test_references(make_registry: MakeRegistry, reference: str, version: str) -> None:
    with _registry(make_registry, {}) as registry:
        found = registry.version(reference)
        assert (found.model, found.version, found.state) == ("nlp/lang-id", version, "active")


def test_the_default_namespace(make_registry: MakeRegistry) -> None:
    with _registry(make_registry, model_files("default/ocr")) as registry:
        assert registry.version("ocr").model == "default/ocr"
        assert registry.model("ocr").name == "default/ocr"


@pytest.mark.parametrize(
    ("scheme", "versions", "latest"),
    [
        ("integer", ["1", "9", "10"], "10"),
        ("semver", ["1.9.0", "1.10.0", "2.0.0-rc.1"], "1.10.0"),
        ("calver", ["2026.9", "2026.10", "2026.11-rc1"], "2026.10"),
    ],
)
def test_the_latest_of_a_scheme(
    make_registry: MakeRegistry, scheme: str, versions: list[str], latest: str
) -> None:
    files = model_files("nlp/x", versions=versions, version_scheme=scheme)
    with _registry(make_registry, files) as registry:
        assert registry.version("nlp/x").version == latest
        assert [v.version for v in registry.versions("nlp/x")][: len(versions)] == versions


def test_the_latest_of_free_versions_is_the_newest(make_registry: MakeRegistry) -> None:
    times = {"zeta": "2026-01-01T00:00:00.000Z", "alpha": "2026-01-02T00:00:00.000Z"}
    files = {"models/nlp/x/model.yaml": model_yaml("x", version_scheme="free")}
    for version, at in times.items():
        files |= version_files(version, "nlp/x", created_at=at)
    with _registry(make_registry, files) as registry:
        assert registry.version("nlp/x").version == "alpha"
        assert registry.model("nlp/x").versions == ("zeta", "alpha")


@pytest.mark.parametrize("state", ["deprecated", "withdrawn", "erased"])
def test_latest_passes_over_what_is_not_active(make_registry: MakeRegistry, state: str) -> None:
    files = {f"{TOP}/versions/2/status.yaml": status_yaml(state)}
    with _registry(make_registry, files) as registry:
        assert registry.version("nlp/lang-id").version == "1"


def test_a_deprecated_version_is_served_with_a_note(make_registry: MakeRegistry) -> None:
    files = {f"{TOP}/versions/2/status.yaml": status_yaml("deprecated", replaced_by="1")}
    with _registry(make_registry, files) as registry:
        assert registry.version("nlp/lang-id@2").notes == (
            "nlp/lang-id@2 is deprecated: It is out of date.; use 1",
        )


@pytest.mark.parametrize("state", ["withdrawn", "erased"])
def test_a_withdrawn_version_is_not_served(make_registry: MakeRegistry, state: str) -> None:
    files = {f"{TOP}/versions/2/status.yaml": status_yaml(state)}
    with _registry(make_registry, files) as registry:
        with pytest.raises(WithdrawnError, match=f"nlp/lang-id@2 is {state}"):
            registry.version("nlp/lang-id@2")
        assert registry.version("nlp/lang-id@2", allow_withdrawn=True).state == state


def test_a_model_without_an_active_version(make_registry: MakeRegistry) -> None:
    files = {f"{TOP}/versions/{v}/status.yaml": status_yaml("withdrawn") for v in ("1", "2")}
    with (
        _registry(make_registry, files) as registry,
        pytest.raises(NotFoundError, match="nlp/lang-id has no active version"),
    ):
        registry.version("nlp/lang-id")


@pytest.mark.parametrize(
    ("reference", "error", "words"),
    [
        ("nlp/lang-ib", NotFoundError, "did you mean nlp/lang-id"), ("nlq/lang-id", NotFoundError, "did you mean nlp/lang-id"),
        ("nlp/lang-id@productoin", NotFoundError, "did you mean production"), ("zz/zz", NotFoundError, "registry list"),
        ("nlp/lang-id@9", NotFoundError, "no version, tag or alias 9"), ("a b", InvalidNameError, "is not a model name"),
        ("nlp/lang-id@../1", InvalidNameError, "is not a reference"),
    ],
)  # fmt: skip
def test_what_is_not_there(
    make_registry: MakeRegistry, reference: str, error: type[Exception], words: str
) -> None:
    with _registry(make_registry, {}) as registry, pytest.raises(error, match=words):
        registry.version(reference)


@pytest.mark.parametrize(
    ("path", "text", "words"),
    [
        (f"{TOP}/versions/1/version.yaml", "schema: version/v1\n", r"version\.yaml:1: "),
        (f"{TOP}/versions/1/status.yaml", "state: [\n", r"status\.yaml:2: the file is not YAML"),
        (f"{TOP}/aliases/production.yaml", "schema: alias/v1\n", r"production\.yaml:1: "),
    ],
)
def test_a_broken_file_on_the_way(
    make_registry: MakeRegistry, path: str, text: str, words: str
) -> None:
    with (
        _registry(make_registry, {path: text}) as registry,
        pytest.raises(InvalidManifestError, match=words),
    ):
        registry.version("nlp/lang-id@production")


def test_an_alias_to_a_version_that_is_gone(make_registry: MakeRegistry) -> None:
    files = {f"{TOP}/aliases/production.yaml": alias_yaml("9")}
    with (
        _registry(make_registry, files) as registry,
        pytest.raises(NotFoundError, match="names version 9, which does not exist"),
    ):
        registry.version("nlp/lang-id@production")


def test_what_was_said_later_lies_over_the_record(make_registry: MakeRegistry) -> None:
    record = version_yaml("1", description="Old.", metadata={"a": 1, "b": 1})
    files = {
        f"{TOP}/versions/1/version.yaml": record,
        f"{TOP}/versions/1/metadata.yaml": metadata_yaml(
            description="New.", labels=["z", "a"], metadata={"b": 2, "c": 3}
        ),
    }
    with _registry(make_registry, files) as registry:
        found = registry.version("nlp/lang-id@1")
        assert found.description == "New."
        assert found.labels == ("a", "z")
        assert found.metadata == {"a": 1, "b": 2, "c": 3}
        assert (found.tags, found.aliases) == (("first",), ("production",))
        assert found.framework is not None
        assert found.framework.type == "fasttext"


def test_metrics_of_the_record_and_of_later_evidence(make_registry: MakeRegistry) -> None:
    record = version_yaml(
        "1",
        metrics=[{"key": "loss", "value": 3, "step": 10}, {"key": "loss", "value": 9, "step": 2}],
    )
    later = evidence_yaml(
        "1", kind="metrics", record=record,
        metrics=[{"key": "loss", "value": 2, "step": 11.0}, {"key": "new", "value": "x"}],
    )  # fmt: skip
    files = {f"{TOP}/versions/1/version.yaml": record, f"{TOP}/versions/1/evidence/m.yaml": later}
    with _registry(make_registry, files) as registry:
        assert dict(registry.version("nlp/lang-id@1").metrics) == {"loss": 2, "new": "x"}


def test_a_metric_without_step_and_time_is_the_one_that_was_added_last(
    make_registry: MakeRegistry,
) -> None:
    """Also where the file names say otherwise: a name ends in a digest of the content."""
    record = version_yaml("1", metrics=[{"key": "loss", "value": 9}])
    evidence = f"{TOP}/versions/1/evidence"

    def add(value: int, at: str) -> str:
        metrics: list[JSON] = [{"key": "loss", "value": value}]
        return evidence_yaml("1", kind="metrics", record=record, at=at, metrics=metrics)

    files = {
        f"{TOP}/versions/1/version.yaml": record,
        f"{evidence}/a.yaml": add(1, "2026-11-21T08:30:00.002Z"),
        f"{evidence}/b.yaml": add(2, "2026-11-21T08:30:00.001Z"),
        f"{evidence}/c.yaml": add(3, "2026-11-21T08:30:00.001Z"),
    }
    with _registry(make_registry, files) as registry:
        version = registry.version("nlp/lang-id@1")
        assert dict(version.metrics) == {"loss": 1}
        assert [point.value for point in version.metric_history("loss")] == [9, 2, 3, 1]
        assert next(registry.versions("nlp/lang-id")).metrics["loss"] == 1
        assert read_metrics(version._view) == {"loss": 1}  # what gates read


def test_models_by_what_they_are(make_registry: MakeRegistry) -> None:
    files = {
        **model_files("nlp/ner", task="ner", labels=["edge", "fast"], owner="@acme/other"),
        **model_files("vision/ocr", task="ocr", labels=["edge"]),
        "models/nlp/broken/model.yaml": "schema: model/v1\n",
    }
    with _registry(make_registry, files) as registry:
        names = [m.name for m in registry.models()]
        assert names == ["nlp/lang-id", "nlp/ner", "vision/ocr"]
        assert [m.name for m in registry.models(namespace="nlp", labels=["edge"])] == ["nlp/ner"]
        assert [m.name for m in registry.models(labels=["edge"])] == ["nlp/ner", "vision/ocr"]
        assert [m.name for m in registry.models(task="ocr")] == ["vision/ocr"]
        assert [m.name for m in registry.models(owner="@acme/other")] == ["nlp/ner"]
        assert list(registry.models(namespace="nothing")) == []


def test_an_opened_registry_stays_at_its_commit(make_registry: MakeRegistry) -> None:
    folder = make_registry(small_registry())
    with registry_tool.open(folder) as registry:
        write_files(folder, {f"{TOP}/aliases/production.yaml": alias_yaml("2")})
        moved = commit(folder)
        assert registry.version("nlp/lang-id@production").version == "1"
        with registry.refresh() as newer:
            assert newer.commit == moved
            assert newer.version("nlp/lang-id@production").version == "2"


def test_the_work_tree_as_it_lies_on_disk(make_registry: MakeRegistry) -> None:
    folder = make_registry(small_registry())
    write_files(folder, {f"{TOP}/aliases/production.yaml": alias_yaml("2")})
    with registry_tool.open(folder, ref=registry_tool.WORK_TREE) as registry:
        assert registry.commit is None
        assert registry.version("nlp/lang-id@production").version == "2"
        assert registry.at("HEAD").version("nlp/lang-id@production").version == "1"


@pytest.fixture
def past(make_registry: MakeRegistry) -> tuple[Path, list[str]]:
    """Three days, on which `production` was 1, 2 and 1."""
    folder = make_registry({"README.md": "Before it was a registry.\n"})
    commits = []
    for day, version in enumerate(("1", "2", "1"), 1):
        write_files(
            folder, {**small_registry(), f"{TOP}/aliases/production.yaml": alias_yaml(version)}
        )
        commits.append(commit(folder, f"Day {day}", at=f"2026-08-0{day}T12:00:00Z"))
    git(folder, "tag", "v2", commits[1])
    return folder, commits


@pytest.mark.parametrize(
    ("moment", "version"),
    [("2026-08-01", "1"), ("2026-08-02", "2"), ("2026-08-02T11:00:00Z", "1"), ("v2", "2"), ("HEAD~1", "2"), ("2030-01-01", "1")],
)  # fmt: skip
def test_the_past(past: tuple[Path, list[str]], moment: str, version: str) -> None:
    with registry_tool.open(past[0]) as registry:
        assert registry.at(moment).version("nlp/lang-id@production").version == version


def test_the_past_of_the_past(past: tuple[Path, list[str]]) -> None:
    folder, commits = past
    with registry_tool.open(folder) as registry:
        second = registry.at("2026-08-02")
        assert second.commit == commits[1]
        assert second.at("2026-08-01").commit == commits[0]
        assert second.at("2026-08-03").commit == commits[1]  # its line ends there
        with second.refresh() as again:
            assert again.commit == commits[1]


def test_what_the_past_does_not_hold(past: tuple[Path, list[str]]) -> None:
    folder, commits = past
    with registry_tool.open(folder) as registry:
        with pytest.raises(NotFoundError, match="no commit from 2000-01-01 or earlier"):
            registry.at("2000-01-01")
        with pytest.raises(UsageError, match="2026-02-30 is not a time"):
            registry.at("2026-02-30")
        with pytest.raises(NotFoundError):
            registry.at("nothing")
        with pytest.raises(NotARegistryError, match=r"it has no registry\.yaml"):
            registry.at(f"{commits[0]}^")


def test_no_registry(make_registry: MakeRegistry, tmp_path: Path) -> None:
    with pytest.raises(NotARegistryError, match="is not in a Git repository"):
        registry_tool.open(tmp_path)
    with pytest.raises(NotARegistryError, match="is a Git repository but not a registry"):
        registry_tool.open(make_registry({"x": "1"}))


def test_many_threads_read_one_registry(make_registry: MakeRegistry) -> None:
    files: dict[str, str] = {}
    for number in range(12):
        files |= model_files(f"nlp/m{number}", versions=["1", "2", "3"])
    with _registry(make_registry, files) as registry:

        def ask(number: int) -> tuple[str, str]:
            found = registry.version(f"nlp/m{number % 12}@{number % 3 + 1}")
            return found.model, found.artifact().name

        with ThreadPoolExecutor(8) as threads:
            found = list(threads.map(ask, range(240)))
    assert found == [(f"nlp/m{n % 12}", "model") for n in range(240)]


def test_a_url_that_went_away_warns_and_answers(make_registry: MakeRegistry) -> None:
    folder = make_registry(small_registry())
    url = folder.as_uri()
    with registry_tool.open(url) as registry:
        assert registry.version("nlp/lang-id").version == "2"
        assert registry.note == ""
    folder.rename(folder.with_name("moved"))
    with pytest.warns(registry_tool.StaleRegistryWarning, match="cannot be reached"):
        registry = registry_tool.open(url)
    with registry:
        assert registry.name == "acme-models"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        registry_tool.open(url, offline=True).close()  # asked for, so no warning


def test_closing_is_no_end(make_registry: MakeRegistry) -> None:
    registry = _registry(make_registry, {})
    registry.close()
    assert registry.version("nlp/lang-id").version == "2"
    registry.close()


def test_a_registry_shows_itself(make_registry: MakeRegistry) -> None:
    with _registry(make_registry, {}) as registry:
        assert repr(registry.version("nlp/lang-id@1")) == "ModelVersion(nlp/lang-id@1)"
        assert repr(registry.model("nlp/lang-id")) == "RegisteredModel(nlp/lang-id)"
        assert registry.commit is not None
        assert registry.commit in repr(registry)
        assert registry.check().verdict == "pass"


def test_a_time_may_be_an_object(past: tuple[Path, list[str]]) -> None:
    folder, commits = past
    with registry_tool.open(folder) as registry:
        assert registry.at(dt.date(2026, 8, 1)).commit == commits[0]
        assert registry.at(dt.datetime(2026, 8, 2, 12, tzinfo=dt.UTC)).commit == commits[1]
        east = dt.timezone(dt.timedelta(hours=5, seconds=28))
        assert registry.at(dt.datetime(2026, 8, 2, 12, tzinfo=east)).commit == commits[0]
        with pytest.raises(UsageError, match="has no time zone") as caught:
            registry.at(dt.datetime(2026, 8, 2, 12))  # noqa: DTZ001 (a naive one)
        assert "astimezone" in caught.value.remedy
        late = dt.datetime.max.replace(tzinfo=dt.timezone(-dt.timedelta(hours=5)))
        for wrong in (late, 3, None):
            with pytest.raises(UsageError, match="is not a time"):
                registry.at(wrong)  # type: ignore[arg-type]  # that is the point
