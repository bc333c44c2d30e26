"""The memory of verdicts: it saves time and never changes a report, whatever lies in its folder."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from support import commit, git, write_files
from support.manifests import (
    alias_yaml,
    model_files,
    model_yaml,
    registry_yaml,
    small_registry,
    status_yaml,
    version_files,
)

from registry_tool.catalog.catalog import Catalog
from registry_tool.checks.cache import VerdictCache
from registry_tool.checks.engine import check, judge_models
from registry_tool.checks.findings import Report
from registry_tool.checks.worker import main as check_models
from registry_tool.git.repository import Repository
from registry_tool.names import ModelName

NOW = dt.datetime(2026, 11, 21, 12, tzinfo=dt.UTC)
LANG = "models/nlp/lang-id"
FILES = {
    **small_registry(),
    **model_files("nlp/child", versions=()),
    **version_files("1", "nlp/child", lineage={"base_model": "nlp/lang-id@1"}),
    f"{LANG}/aliases/old.yaml": alias_yaml("2"),
    f"{LANG}/versions/2/status.yaml": status_yaml("deprecated"),
}


@pytest.fixture
def folder(make_registry: Callable[..., Path]) -> Path:
    return make_registry(FILES)


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return tmp_path / "kept"


def checked(folder: Path, kept: Path | None, *, reads: list[str] | None = None) -> Report:
    repository = Repository.open(folder)
    tree = repository.tree(repository.commit("HEAD"))
    if reads is not None:
        original = tree.read

        def reading(path: str, *, limit: int | None = None) -> bytes | None:
            reads.append(path)
            return original(path, limit=limit)

        tree.read = reading  # type: ignore[method-assign]  # a spy on a real tree
    try:
        return check(tree, kept=kept, now=NOW)
    finally:
        repository.close()


def same_with_and_without(folder: Path, kept: Path) -> Report:
    with_memory = checked(folder, kept)
    assert with_memory == checked(folder, None)
    return with_memory


def places(kept: Path) -> list[Path]:
    return sorted(place for place in kept.rglob("*") if place.is_file())


def test_what_is_remembered_is_not_read_again(folder: Path, kept: Path) -> None:
    first = same_with_and_without(folder, kept)
    assert {f.rule for f in first.findings} == {"R312", "M208"}
    reads: list[str] = []
    assert checked(folder, kept, reads=reads) == first
    assert [path for path in reads if path.endswith((".dvc", "model.yaml", "status.yaml"))] == []


def test_a_changed_model_is_judged_again(folder: Path, kept: Path) -> None:
    same_with_and_without(folder, kept)
    write_files(folder, {f"{LANG}/aliases/old.yaml": alias_yaml("9")})
    commit(folder)
    assert "M203" in {f.rule for f in same_with_and_without(folder, kept).findings}


def test_a_model_whose_parent_goes_is_judged_again(folder: Path, kept: Path) -> None:
    same_with_and_without(folder, kept)
    git(folder, "rm", "-rq", LANG)
    commit(folder)
    assert "M206" in {f.rule for f in same_with_and_without(folder, kept).findings}


def test_a_model_that_was_missed_is_seen_when_it_comes(folder: Path, kept: Path) -> None:
    write_files(folder, {"models/nlp/child/model.yaml": model_yaml("child", continues="nlp/new")})
    commit(folder)
    assert "M206" in {f.rule for f in same_with_and_without(folder, kept).findings}
    write_files(folder, model_files("nlp/new", versions=()))
    commit(folder)
    assert "M206" not in {f.rule for f in same_with_and_without(folder, kept).findings}


def test_policy_is_part_of_it(folder: Path, kept: Path) -> None:
    same_with_and_without(folder, kept)
    write_files(folder, {"registry.yaml": registry_yaml(rules={"M208": "refuse"})})
    commit(folder)
    assert same_with_and_without(folder, kept).verdict == "refuse"


def _cut(data: bytes) -> bytes:
    return data[:-3]


def _swapped(data: bytes) -> bytes:
    return data.replace(
        b'"findings": [', b'"findings": [["M203", "refuse", "x", 1, 1, "m", "", "", ""]', 1
    )


def _nothing(data: bytes) -> bytes:
    return b""


def _foreign(data: bytes) -> bytes:
    return b"\xff\xfe\x00" * 50


@pytest.mark.parametrize("damage", [_cut, _swapped, _nothing, _foreign])
def test_a_damaged_file_is_not_there_at_all(
    damage: Callable[[bytes], bytes], folder: Path, kept: Path
) -> None:
    clean = checked(folder, kept)
    for place in places(kept):
        place.write_bytes(damage(place.read_bytes()))
    assert checked(folder, kept) == clean
    assert checked(folder, kept) == clean


def test_the_verdict_of_another_model_is_not_taken(folder: Path, kept: Path) -> None:
    clean = checked(folder, kept)
    first, *others = places(kept)
    others[0].write_bytes(first.read_bytes())  # whole, and in the wrong place
    repository = Repository.open(folder)
    catalog = Catalog(repository.tree(repository.commit("HEAD")))
    memory = VerdictCache(kept, catalog, catalog)
    remembered = [memory.recall(name) for name in catalog.model_names()]
    repository.close()
    assert None in remembered
    assert checked(folder, kept) == clean


def test_a_folder_that_cannot_be_written_changes_nothing(folder: Path, kept: Path) -> None:
    kept.write_text("a file where the folder should be")
    assert checked(folder, kept) == checked(folder, None)


def test_several_checks_at_once_share_it(folder: Path, kept: Path) -> None:
    expected, reports = checked(folder, None), list[Report]()
    threads = [
        threading.Thread(target=lambda: reports.append(checked(folder, kept))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert reports == [expected] * 4


def test_a_worker_leaves_verdicts_that_the_check_takes(folder: Path, kept: Path) -> None:
    head = git(folder, "rev-parse", "HEAD")
    check_models([str(folder), head, head, str(kept), "1", "2"])
    assert len(places(kept)) == 2
    reads: list[str] = []
    assert checked(folder, kept, reads=reads) == checked(folder, None)
    assert not [path for path in reads if path.endswith(".dvc")]


def test_judging_stops_where_everything_is_known(folder: Path, kept: Path) -> None:
    checked(folder, kept)
    repository = Repository.open(folder)
    catalog = Catalog(repository.tree(repository.commit("HEAD")))

    def models() -> Iterable[ModelName]:
        yield ModelName("nlp", "lang-id")
        raise AssertionError("it went on")

    judge_models(catalog, catalog, models(), VerdictCache(kept, catalog, catalog), enough=1)
    repository.close()
