"""Pages of registries that are empty, broken, hostile or very large: each is made, says what is wrong, and stays small."""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Mapping
from pathlib import Path

import jsonschema
import pytest
from support import git
from support.built_pages import PageReader, build_pages, find_broken_links, list_pages, read_data
from support.manifests import (
    alias_yaml,
    evidence_yaml,
    model_yaml,
    namespace_yaml,
    registry_yaml,
    small_registry,
    status_yaml,
    stored_artifact,
    version_data,
    version_files,
)
from support.repositories import commit, new_repository, write_files

from registry_tool.manifests.problems import JSON
from registry_tool.manifests.yaml.writer import render
from registry_tool.web.pages.axes import TimeAxis, ValueAxis, number_ticks
from registry_tool.web.views.moves import AliasMove, AliasMoves

ROOT = Path(__file__).parents[3]
MODEL = "models/nlp/lang-id"
HOSTILE = "\"><script>alert(1)</script>'&\u202e\u00fc\u732b"


def _build(files: Mapping[str, str], tmp_path: Path, **options: object) -> Path:
    repository = new_repository(tmp_path / "registry", dict(files))
    folder = tmp_path / "pages"
    build_pages(repository, folder, **options)  # type: ignore[arg-type]  # as the test says
    assert find_broken_links(folder) == []
    for page in list_pages(folder):
        data = read_data(page)
        schema = json.loads((ROOT / "schemas" / f"{data['schema']}.schema.json").read_bytes())
        jsonschema.Draft202012Validator(schema).validate(data)
        assert PageReader(page.read_text(encoding="utf-8")).inline == [], page
    return folder


def _words(page: Path) -> str:
    return " ".join(PageReader(page.read_text(encoding="utf-8")).words.split())


def test_an_empty_registry_says_how_to_begin(tmp_path: Path) -> None:
    pages = _build({"registry.yaml": registry_yaml()}, tmp_path, check=True)
    assert "No models yet. The first one: registry model add" in _words(pages / "index.html")
    assert "No models yet" in _words(pages / "models/index.html")
    assert "No version was in production so far" in _words(pages / "timeline/index.html")


def test_a_model_without_versions_says_how_to_add_one(tmp_path: Path) -> None:
    files = {p: t for p, t in small_registry().items() if not p.startswith(MODEL)}
    pages = _build({**files, f"{MODEL}/model.yaml": model_yaml()}, tmp_path)
    words = _words(pages / MODEL / "index.html")
    assert "No versions yet. The first one: registry version add nlp/lang-id" in words


def test_a_model_whose_record_cannot_be_read_has_a_page_that_says_so(tmp_path: Path) -> None:
    files = {**small_registry(), f"{MODEL}/model.yaml": "schema: model/v1\nname: [\n"}
    repository = new_repository(tmp_path / "registry", files)
    summaries = build_pages(repository, tmp_path / "pages", check=True)
    words = _words(tmp_path / "pages" / MODEL / "index.html")
    assert "The record of this model cannot be read" in words
    assert f"{MODEL}/model.yaml:" in words
    assert summaries[0].concerns[0].kind == "unreadable"
    assert "Records that cannot be read" in _words(tmp_path / "pages/health/index.html")
    assert "refuse" in _words(tmp_path / "pages/health/index.html")


@pytest.mark.parametrize("file", ["version.yaml", "status.yaml"])
def test_a_version_whose_files_cannot_be_read_has_a_page_that_says_so(
    tmp_path: Path, file: str
) -> None:
    pages = _build({**small_registry(), f"{MODEL}/versions/1/{file}": "schema: [\n"}, tmp_path)
    words = _words(pages / MODEL / "1/index.html")
    assert "The record of this version cannot be read" in words
    assert f"{file}:" in words
    assert "unreadable" in _words(pages / MODEL / "index.html")


def test_an_alias_and_policy_that_cannot_be_read_leave_the_pages_whole(tmp_path: Path) -> None:
    broken = {f"{MODEL}/aliases/production.yaml": "version: {", "models/nlp/namespace.yaml": ":"}
    pages = _build({**small_registry(), **broken}, tmp_path)
    assert "The file of this namespace cannot be read" in _words(pages / "models/nlp/index.html")


def test_hostile_texts_are_texts(tmp_path: Path) -> None:
    long = "a" * 128
    measured: list[JSON] = [{"key": 'f1 "<b>"', "value": 0.5}, {"key": "x</svg>", "value": HOSTILE}]
    fields: dict[str, JSON] = {
        "description": HOSTILE, "author": HOSTILE, "metrics": measured,
        "parameters": {HOSTILE: {"a": HOSTILE}}, "metadata": {HOSTILE: HOSTILE},
        "environment": {"pip_packages": [HOSTILE]}, "created_at": "2026-01-01T00:00:00.000Z",
    }  # fmt: skip
    second: dict[str, JSON] = {**fields, "artifacts": [stored_artifact(b"2")]}
    name = f"nlp/{long}"
    files = {
        "registry.yaml": registry_yaml(description=HOSTILE, stages={"production": {"require": [{"metric": 'f1 "<b>"', "min": 0.1}]}}),
        "models/nlp/namespace.yaml": namespace_yaml(description=HOSTILE),
        f"models/{name}/model.yaml": model_yaml(long, description=HOSTILE, owner=HOSTILE, labels=["x"]),
        f"models/{name}/title.yaml": render({"schema": "title/v1", "title": HOSTILE}).decode(),
        **version_files("1", name, **fields),
        **version_files("2", name, **second),
        f"models/{name}/aliases/production.yaml": alias_yaml("2", name, reason=HOSTILE),
        f"models/{name}/versions/1/status.yaml": status_yaml("withdrawn", reason=HOSTILE),
    }  # fmt: skip
    pages = _build(files, tmp_path)
    for page in (*list_pages(pages), pages / "timeline" / "feed.xml"):
        source = page.read_text(encoding="utf-8")
        assert "<script>alert" not in source, page
        assert '</svg>"' not in source
    assert len(list((pages / "models" / name).glob("*/index.html"))) == 2


def test_names_of_the_files_of_a_page_are_no_trouble(tmp_path: Path) -> None:
    files: dict[str, str] = {
        "registry.yaml": registry_yaml(version_scheme="free"),
        "models/nlp/namespace.yaml": namespace_yaml(),
    }
    for model in ("nlp/index.html", "nlp/-".replace("-", "x")):
        namespace, _, short = model.partition("/")
        files[f"models/{model}/model.yaml"] = model_yaml(short, namespace)
        for number, version in enumerate(("index.html", "index.json", "1.0+cpu", "versions")):
            content = f"{model} {number}".encode()
            files |= version_files(version, model, artifacts=[stored_artifact(content)])
    pages = _build(files, tmp_path)
    assert "Version 1.0+cpu" in _words(pages / "models/nlp/-index.html/1.0+cpu/index.html")
    assert "Version index.html" in _words(pages / "models/nlp/x/-index.html/index.html")


def test_metrics_that_no_axis_can_show(tmp_path: Path) -> None:
    values: tuple[JSON, ...] = (
        1e308,
        -1e308,
        "NaN",
        "a text",
        {"bytes": "AAEC"},
        0,
        5e-324,
        10**300,
    )
    files = dict(small_registry(versions=["1"]))
    for number, value in enumerate(values, 1):
        metrics: list[JSON] = [{"key": "m", "value": value}, {"key": "accuracy", "value": 0.5}]
        created = f"2026-01-{number:02}T00:00:00.000Z"
        files |= version_files(
            str(number), metrics=metrics, created_at=created,
            artifacts=[stored_artifact(str(number).encode())],
        )  # fmt: skip
    pages = _build(files, tmp_path)
    source = (pages / MODEL / "index.html").read_text(encoding="utf-8")
    assert "nan" not in source.partition("<svg height")[2].partition("</svg>")[0].lower()
    assert "inf%" not in source
    assert "1e+308" in source
    assert "(bytes)" in source
    assert "a text" in source


def test_a_long_series_is_drawn_with_few_points(tmp_path: Path) -> None:
    files = small_registry(versions=["1"])
    record = files[f"{MODEL}/versions/1/version.yaml"]
    for part in range(4):  # no manifest is larger than 256 kB
        steps = range(part * 2500, (part + 1) * 2500)
        metrics: list[JSON] = [{"key": "loss", "value": 1 / (n + 1), "step": n} for n in steps]
        metrics[0] = {"key": "loss", "value": "NaN", "step": part * 2500}
        evidence = evidence_yaml("1", kind="metrics", record=record, metrics=metrics)
        files[f"{MODEL}/versions/1/evidence/part-{part}.yaml"] = evidence
    pages = _build(files, tmp_path)
    page = pages / MODEL / "1/index.html"
    assert "10 000 values by step" in _words(page)
    assert len(gzip.compress(page.read_bytes())) <= 15_000
    assert page.with_suffix(".json").stat().st_size < 40_000


def _many_versions(count: int) -> dict[str, str]:
    files = dict(small_registry(versions=["1"]))
    for number in range(1, count + 1):
        data = version_data(
            str(number), created_at=f"20{10 + number // 400:02}-{number % 12 + 1:02}-{number % 28 + 1:02}T00:00:00.000Z",
            metrics=[{"key": "accuracy", "value": 0.5 + number / 10_000}, {"key": "latency_ms", "value": number % 90}],
            artifacts=[stored_artifact(str(number).encode())],
        )  # fmt: skip
        files[f"{MODEL}/versions/{number}/version.yaml"] = render(data).decode()
    return files


def test_a_model_page_of_a_hundred_versions_is_small(tmp_path: Path) -> None:
    pages = _build(_many_versions(100), tmp_path)
    assert len(gzip.compress((pages / MODEL / "index.html").read_bytes(), 6)) <= 40_000
    assert (pages / MODEL / "-/versions/2/index.html").is_file()
    assert "100 to 51" in _words(pages / MODEL / "-/versions/1/index.html")


@pytest.mark.long
def test_three_thousand_versions_of_a_model(tmp_path: Path) -> None:
    pages = _build(_many_versions(3000), tmp_path, selection="named")
    page = pages / MODEL / "index.html"
    assert len(gzip.compress(page.read_bytes(), 6)) <= 40_000
    assert "3 000 versions" in _words(page)
    assert len(list((pages / MODEL / "-/versions").iterdir())) == 60
    # Only named versions and the newest ten have pages; the others have what a comparison needs.
    assert len(list((pages / MODEL).glob("*/index.html"))) == 11
    last = read_data(pages / MODEL / "-/versions/60/index.html")
    compared = last["compared"]
    assert isinstance(compared, dict)
    values = compared["values"]
    assert isinstance(values, dict)
    assert "2" in values
    assert "1" not in values


def test_five_thousand_moves_of_an_alias(tmp_path: Path) -> None:
    repository = new_repository(tmp_path / "registry", small_registry())
    tip = git(repository, "rev-parse", "HEAD")
    moves = tuple(
        AliasMove(
            "production", str(n % 2 + 1), str((n + 1) % 2 + 1) if n else None, f"{n:040x}",
            f"20{10 + n // 400:02}-{n // 30 % 12 + 1:02}-{n % 28 + 1:02}T00:00:00Z", "bot", "", "again", pinned=False,
        )
        for n in range(5000)
    )  # fmt: skip
    known = AliasMoves(tip, {"nlp/lang-id": moves})
    build_pages(repository, tmp_path / "pages", moves=known)
    page = tmp_path / "pages" / MODEL / "index.html"
    assert len(gzip.compress(page.read_bytes(), 6)) <= 40_000
    version = tmp_path / "pages" / MODEL / "1/index.html"
    assert len(gzip.compress(version.read_bytes(), 6)) <= 15_000
    timeline = tmp_path / "pages" / "timeline" / "index.html"
    assert "The newest 100 of 5000." in _words(timeline)
    assert len(gzip.compress(timeline.read_bytes(), 6)) <= 40_000
    lines = (tmp_path / "pages/timeline/moves.csv").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 5001


def test_a_shallow_clone_says_that_moves_are_missing(tmp_path: Path) -> None:
    repository = new_repository(tmp_path / "registry", small_registry())
    write_files(repository, {f"{MODEL}/aliases/production.yaml": alias_yaml("2", reason="better")})
    commit(repository, "Move")
    git(tmp_path, "clone", "--quiet", "--depth", "1", f"file://{repository}", "shallow")
    build_pages(tmp_path / "shallow", tmp_path / "pages")
    for page in ("timeline/index.html", f"{MODEL}/index.html", "health/index.html", "index.html"):
        words = _words(tmp_path / "pages" / page)
        assert "The history is incomplete" in words, page
        assert "git fetch --unshallow" in words, page
    assert "Since when is not known here" in _words(tmp_path / "pages" / MODEL / "index.html")


def test_evidence_of_every_kind_is_shown(tmp_path: Path) -> None:
    files = dict(small_registry(versions=["1"]))
    record = files[f"{MODEL}/versions/1/version.yaml"]
    kinds: dict[str, dict[str, JSON]] = {
        "approval": {"stage": "production", "decision": "reject", "by": "ada@example.org"},
        "scan": {"tool": "scanner", "verdict": "fail", "findings": [HOSTILE]},
        "signature": {"format": "ssh", "value": "not a signature"},
        "note": {"text": HOSTILE},
    }
    for kind, fields in kinds.items():
        text = evidence_yaml("1", kind=kind, record=record, **fields)
        files[f"{MODEL}/versions/1/evidence/{kind}.yaml"] = text
    pages = _build(files, tmp_path)
    words = _words(pages / MODEL / "1/index.html")
    assert "Approval production: reject" in words
    assert "Scan scanner: fail" in words
    assert "ada@example.org" not in words
    assert "it is not an SSH signature" in words


@pytest.mark.parametrize(
    "values", [[0.0, 0.0], [1e308, -1e308], [5e-324], [-1.0, 3.0], [1e-9, 1e9], [1e308]]
)
def test_axes_place_every_value_within_them(values: list[float]) -> None:
    axis = ValueAxis.over(values, top=10, bottom=90)
    assert all(10 <= axis.place(value) <= 90 for value in values)
    ticks = number_ticks(axis.low, axis.high)
    assert 1 <= len(ticks) <= 4
    assert all(math.isfinite(axis.place(tick)) for tick in ticks)


@pytest.mark.parametrize(
    "end",
    [
        "2026-01-01T00:00:00Z",
        "2026-01-02T00:00:00Z",
        "2026-03-09T00:00:00Z",
        "2031-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
        "x",
    ],
)
def test_time_axes_have_few_ticks_in_order(end: str) -> None:
    axis = TimeAxis("2026-01-01T00:00:00Z", end)
    places = [place for place, _ in axis.ticks()]
    assert len(places) <= 8
    assert places == sorted(places)
    assert all(0 <= place <= 100 for place in places)
