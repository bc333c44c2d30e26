"""Rows: they say what the files say, whatever lies in the folder where they are kept, and let go of the files."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import commit, git, write_files
from support.manifests import (
    alias_yaml,
    evidence_yaml,
    metadata_yaml,
    model_files,
    model_yaml,
    registry_yaml,
    status_yaml,
    tag_yaml,
    version_yaml,
)

from registry_tool.catalog.catalog import Catalog, ModelView, VersionView
from registry_tool.catalog.resolve import in_order
from registry_tool.catalog.search.query import Bound, Filter, Query, search
from registry_tool.catalog.search.summary import ModelRow, VersionRow
from registry_tool.catalog.search.summary_cache import Rows
from registry_tool.catalog.search.worker import main as make_rows
from registry_tool.catalog.search.worker import row_workers
from registry_tool.errors import InvalidManifestError
from registry_tool.git.repository import Repository
from registry_tool.git.tree import DictTree
from registry_tool.manifests.data import member, text, texts
from registry_tool.manifests.document import Document
from registry_tool.manifests.problems import JSON
from registry_tool.names import ModelName

LANG = "models/nlp/lang-id"
NAME = ModelName("nlp", "lang-id")
BROKEN = "x: ["
Everything = list[tuple[ModelRow, tuple[VersionRow, ...]]]


def everything(rows: Rows) -> Everything:
    return [(rows.model(name), rows.versions(name)) for name in rows.models()]


# --- rows and files say the same

LABELS = ["edge", "gpu", "Pilot"]
WORDS = ["quick", "fox", "lazy", "nlp", "one@2"]


def some(values: Sequence[str]) -> st.SearchStrategy[list[JSON]]:
    return st.lists(st.sampled_from(values), max_size=2, unique=True)


def maybe_broken(good: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(good, good, good, st.just(BROKEN))


metrics = st.lists(
    st.builds(
        lambda key, value, step: {"key": key, "value": value, "step": step},
        st.sampled_from(["accuracy", "loss"]),
        st.sampled_from([0.5, 0.9, 1, "good"]),
        st.integers(0, 3),
    ),
    max_size=3,
)


@st.composite
def versions(draw: st.DrawFn, model: str, version: str) -> dict[str, str]:
    folder = f"models/{model}/versions/{version}"
    record = version_yaml(
        version, model, framework={"type": draw(st.sampled_from(["onnx", "pytorch"]))},
        metrics=[*draw(metrics)] or None, description=draw(st.sampled_from([None, *WORDS])),
        created_at=f"2026-01-0{draw(st.integers(1, 9))}T00:00:00.000Z",
    )  # fmt: skip
    optional = {
        "version.yaml": maybe_broken(st.just(record)),
        "status.yaml": maybe_broken(st.sampled_from(["deprecated", "erased"]).map(status_yaml)),
        "metadata.yaml": maybe_broken(
            st.builds(
                lambda labels, words: metadata_yaml(labels=labels, metadata={"note": words}),
                some(LABELS), st.sampled_from(WORDS),
            )
        ),
        "evidence/later.yaml": maybe_broken(
            metrics.map(lambda m: evidence_yaml(version, kind="metrics", metrics=[*m] or None))
        ),
        "CARD.md": st.just("# Card\n"),
    }  # fmt: skip
    names = draw(st.sets(st.sampled_from(sorted(optional)))) | {"version.yaml"}
    if draw(st.integers(0, 9)) == 0:
        names.remove("version.yaml")
    return {f"{folder}/{name}": draw(optional[name]) for name in sorted(names)}


@st.composite
def registries(draw: st.DrawFn) -> dict[str, str]:
    files = {"registry.yaml": registry_yaml()}
    for model in draw(st.lists(st.sampled_from(["nlp/one", "nlp/two", "vision/x"]), unique=True)):
        namespace, _, name = model.partition("/")
        record = model_yaml(
            name, namespace, labels=draw(some(LABELS)), description=draw(st.sampled_from(WORDS)),
            version_scheme=draw(st.sampled_from([None, "free"])),
            state=draw(st.sampled_from([None, "archived"])),
        )  # fmt: skip
        files[f"models/{model}/model.yaml"] = draw(maybe_broken(st.just(record)))
        for version in draw(st.lists(st.sampled_from(["1", "2", "10"]), unique=True)):
            files |= draw(versions(model, version))
        for kind, make in (("aliases", alias_yaml), ("tags", tag_yaml)):
            for pointer in draw(st.lists(st.sampled_from(["a", "b"]), unique=True)):
                named = make(draw(st.sampled_from(["1", "2", "7"])), model)
                files[f"models/{model}/{kind}/{pointer}.yaml"] = draw(maybe_broken(st.just(named)))
    return files


filters = st.sampled_from(
    [
        *(Filter("label", label) for label in (*LABELS, "EDGE")),
        Filter("state", "live"), Filter("state", "active"), Filter("state", "deprecated"),
        Filter("framework", "onnx"), Filter("alias", "a"), Filter("tag", "b"),
        Filter("namespace", "nlp"), Filter("owner", "acme/Speech"),
    ]
)  # fmt: skip
bounds = st.builds(
    Bound,
    st.sampled_from(["accuracy", "loss", "none"]),
    st.sampled_from([">=", "<", "=", "!="]),
    st.sampled_from([0.5, 0.9, "good"]),
)
queries = st.builds(
    Query,
    st.lists(st.sampled_from(WORDS), max_size=2).map(tuple),
    st.lists(filters, max_size=2).map(tuple),
    st.lists(bounds.filter(lambda b: b.operator in "!=" or b.value != "good"), max_size=1).map(tuple),
    st.just(value=True),
)  # fmt: skip


def _strings(value: JSON) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for key, inner in value.items() if isinstance(value, dict) else ():
        yield from (key, *_strings(inner))


def _about_model(model: ModelView, asked: Filter) -> bool:
    data, value = model.data, asked.value.casefold()
    return {
        "label": value in texts(data, "labels"),
        "state": (text(data, "state") or "live") == value,
        "namespace": model.name.namespace == value,
        "owner": text(data, "owner").strip("@").casefold() == value.strip("@"),
    }[asked.field]


def _about_version(version: VersionView, asked: Filter) -> bool:
    if asked.field == "framework":
        return text(version.data, "framework", "type") == asked.value
    if asked.field == "state":
        return version.state == asked.value
    return asked.value in (version.aliases if asked.field == "alias" else version.tags)


def _measured(version: VersionView, bound: Bound) -> bool:
    known = version.metrics
    value, wanted = known.get(bound.metric), bound.value
    if bound.metric not in known or isinstance(value, str) is not isinstance(wanted, str):
        return bound.metric in known and bound.operator == "!="
    if (
        isinstance(value, int | float)
        and isinstance(wanted, int | float)
        and bound.operator in "<>="
    ):
        return {"=": value == wanted, "<": value < wanted, ">=": value >= wanted}[bound.operator]
    return (value == wanted) == (bound.operator == "=")


def _says(version: VersionView, word: str) -> bool:
    data = version.model.data
    parts = [str(version.model.name), *(text(data, k) for k in ("task", "description"))]
    parts += [*texts(data, "labels"), *_strings(dict(member(data, "metadata")))]
    if not any(word in part.casefold() for part in parts):
        added = None if version.metadata is None else version.metadata.data
        parts = [str(version), text(version.data, "description"), *version.labels]
        parts += [*_strings(dict(member(added, "metadata")))]
    return any(word in part.casefold() for part in parts)


def _holds(version: VersionView, asked: Filter | Bound | str) -> bool:
    """One term, answered from the files of a version."""
    if isinstance(asked, str):
        return _says(version, asked)
    if isinstance(asked, Bound):
        return _measured(version, asked)
    if asked.field == "label" and asked.value.casefold() in version.labels:
        return True
    if asked.field in {"alias", "tag", "framework"} or asked.value in {"active", "deprecated"}:
        return _about_version(version, asked)
    return _about_model(version.model, asked)


def _candidates(model: ModelView, query: Query) -> list[str]:
    for asked in query.filters:
        if asked.field in {"alias", "tag"}:
            document = (
                model.alias(asked.value) if asked.field == "alias" else model.tag(asked.value)
            )
            return [] if document is None else [text(document.data, "version")]
    return [*reversed(in_order(model))]


def _answer(version: VersionView, query: Query) -> bool | None:
    try:
        asked: list[Filter | Bound | str] = [*query.filters, *query.bounds, *query.words]
        if not all(_holds(version, one) for one in asked):
            return False
        return bool(version.data and version.state)
    except InvalidManifestError:
        return None


def by_hand(catalog: Catalog, query: Query) -> tuple[list[str], list[str]]:
    """What a query finds, and what it cannot read: file by file, as slowly as can be."""
    hits: list[str] = []
    unreadable: list[str] = []
    of_model = {"namespace", "owner"}
    only = {f.value for f in query.filters if f.field == "namespace"}
    for model in catalog.models():
        if only and model.name.namespace not in only:
            continue
        if model.document is None or model.document.data is None:
            unreadable.append(str(model.name))
            continue
        asked = [f for f in query.filters if f.field in of_model or f.value == "live"]
        if not all(_about_model(model, f) for f in asked):
            continue
        for name in _candidates(model, query):
            version = model.version(name)
            answer = False if version is None else _answer(version, query)
            if answer is not False:
                (unreadable if answer is None else hits).append(f"{model.name}@{name}")
    return hits, unreadable


@given(registries(), queries)
def test_a_search_over_rows_is_a_search_over_files(files: dict[str, str], query: Query) -> None:
    unreadable: list[str] = []
    rows = Rows(Catalog(DictTree(files)))
    hits = [str(hit) for hit in search(rows, query, unreadable=unreadable.append)]
    assert (hits, unreadable) == by_hand(Catalog(DictTree(files)), query)
    again: list[str] = []  # now that the rows of all versions are there
    everything(rows)
    assert [str(hit) for hit in search(rows, query, unreadable=again.append)] == hits
    assert again == unreadable


@given(registries())
def test_rows_answer_as_the_files_of_a_version(files: dict[str, str]) -> None:
    rows = Rows(Catalog(DictTree(files)))
    for model in Catalog(DictTree(files)).models():
        for row in rows.versions(model.name):
            view = model.version(row.version)
            assert view is not None
            assert (row.aliases, row.tags, row.labels) == (view.aliases, view.tags, view.labels)
            if not row.unreadable:
                assert [row.state, row.created_at, row.description, row.metrics] == [
                    view.state, view.created_at, view.description, view.metrics,
                ]  # fmt: skip
                assert row.get("framework.type") == text(view.data, "framework", "type")


# --- rows between runs

FILES = {
    "registry.yaml": registry_yaml(),
    **model_files(versions=("1", "2", "10"), labels=["edge"], metadata={"team": "Zoë"}),
    **model_files("vision/cats", versions=("1",)),
    f"{LANG}/versions/2/metadata.yaml": metadata_yaml(labels=["int8"]),
    f"{LANG}/versions/2/status.yaml": status_yaml("deprecated"),
    f"{LANG}/versions/10/evidence/a.yaml": evidence_yaml(
        "10", kind="metrics", metrics=[{"key": "accuracy", "value": 0.9}]
    ),
    f"{LANG}/aliases/production.yaml": alias_yaml("10"),
    f"{LANG}/tags/first.yaml": tag_yaml("1"),
}


@pytest.fixture
def folder(make_registry: Callable[..., Path]) -> Path:
    return make_registry(FILES)


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return tmp_path / "kept"


def rows_at_head(folder: Path, kept: Path | None, reads: list[str] | None = None) -> Everything:
    repository = Repository.open(folder)
    tree = repository.tree(repository.commit("HEAD"))
    if reads is not None:
        original = tree.read

        def reading(path: str, *, limit: int | None = None) -> bytes | None:
            reads.append(path)
            return original(path, limit=limit)

        tree.read = reading  # type: ignore[method-assign]  # a spy on a real tree
    try:
        return everything(Rows(Catalog(tree), kept))
    finally:
        repository.close()


def places(kept: Path) -> list[Path]:
    return sorted(place for place in kept.rglob("*") if place.is_file())


def test_rows(folder: Path) -> None:
    (model, versions), (_, others) = rows_at_head(folder, None)
    assert model == ModelRow(
        NAME, ("", "@acme/speech", "language-identification", "Tells 176 languages apart.", ""), "live",
        ("edge",), "nlp/lang-id\nlanguage-identification\ntells 176 languages apart.\nedge\nteam\nzoë",
    )  # fmt: skip
    assert [v.version for v in versions] == ["10", "2", "1"]
    assert [v.state for v in versions] == ["active", "deprecated", "active"]
    assert (versions[0].aliases, versions[2].tags) == (("production",), ("first",))
    assert (versions[0].metrics, versions[1].labels) == ({"accuracy": 0.9}, ("int8",))
    assert len(others) == 1


def test_what_is_kept_is_not_read_again(folder: Path, kept: Path) -> None:
    first = rows_at_head(folder, kept)
    assert first == rows_at_head(folder, None)
    reads: list[str] = []
    assert rows_at_head(folder, kept, reads) == first
    assert reads == ["registry.yaml"]


def test_a_changed_model_is_read_again_and_no_other(folder: Path, kept: Path) -> None:
    rows_at_head(folder, kept)
    write_files(folder, {f"{LANG}/aliases/production.yaml": alias_yaml("1")})
    commit(folder)
    reads: list[str] = []
    (_, versions), _ = rows_at_head(folder, kept, reads)
    assert [v.aliases for v in versions] == [(), (), ("production",)]
    assert {path.split("/")[1] for path in reads if "/" in path} == {"nlp"}


def test_the_scheme_of_the_registry_is_part_of_it(folder: Path, kept: Path) -> None:
    rows_at_head(folder, kept)
    write_files(folder, {"registry.yaml": registry_yaml(version_scheme="free")})
    commit(folder)
    assert rows_at_head(folder, kept) == rows_at_head(folder, None)
    (_, versions), _ = rows_at_head(folder, kept)
    assert [v.version for v in versions] == ["2", "10", "1"]


def test_a_model_under_another_name_is_another_model(folder: Path, kept: Path) -> None:
    rows_at_head(folder, kept)
    git(folder, "mv", "models/vision/cats", "models/vision/dogs")  # the same folder id
    commit(folder)
    _, (model, _) = rows_at_head(folder, kept)
    assert str(model.name) == "vision/dogs"


def test_what_cannot_be_read_is_looked_at_again(folder: Path, kept: Path) -> None:
    write_files(folder, {f"{LANG}/versions/2/version.yaml": BROKEN, "models/nlp/x/model.yaml": "x"})
    commit(folder)
    first = rows_at_head(folder, kept)
    (_, versions), (broken, _), _ = first
    assert [v.unreadable for v in versions] == [(), ("version",), ()]
    assert broken == ModelRow(ModelName("nlp", "x"), unreadable=True)
    reads: list[str] = []
    assert rows_at_head(folder, kept, reads) == first
    assert {f"{LANG}/versions/2/version.yaml", "models/nlp/x/model.yaml"} <= {*reads}


def _cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


def _flipped(data: bytes) -> bytes:
    return data.replace(b"active", b"erased").replace(b"live", b"dead")


def _of_an_older_program(data: bytes) -> bytes:
    return b"0" * 64 + data[64:]


@pytest.mark.parametrize("damage", [_cut, _flipped, _of_an_older_program])
def test_a_damaged_file_changes_nothing(
    damage: Callable[[bytes], bytes], folder: Path, kept: Path
) -> None:
    first = rows_at_head(folder, kept)
    assert len(places(kept)) == 4
    for place in places(kept):
        place.write_bytes(damage(place.read_bytes()))
    assert rows_at_head(folder, kept) == first
    assert rows_at_head(folder, kept) == first


def test_the_file_of_another_model_is_not_taken(folder: Path, kept: Path) -> None:
    first = rows_at_head(folder, kept)
    one, *others = places(kept)
    for other in others:
        other.write_bytes(one.read_bytes())
    assert rows_at_head(folder, kept) == first


def test_a_second_process_leaves_rows_that_the_first_takes(folder: Path, kept: Path) -> None:
    make_rows([str(folder), git(folder, "rev-parse", "HEAD"), str(kept), "1", "2"])
    assert len(places(kept)) == 4
    reads: list[str] = []
    assert rows_at_head(folder, kept, reads) == rows_at_head(folder, None)
    assert reads == ["registry.yaml"]


def test_it_runs_until_the_first_has_its_answer(
    folder: Path, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registry_tool.catalog.search.summary_cache._MANY", 1)
    repository = Repository.open(folder)
    head = repository.commit("HEAD")
    monkeypatch.setattr("registry_tool.catalog.search.worker._FEW", 1)
    helped: list[int] = []
    with row_workers(repository.git, head, kept, 3) as start:

        def many() -> None:
            start(4)
            helped.append(4)

        found = everything(Rows(Catalog(repository.tree(head)), kept, many=many))
    repository.close()
    assert helped == [4]
    assert found == rows_at_head(folder, None)


def test_a_sweep_keeps_no_files(folder: Path, kept: Path) -> None:
    repository = Repository.open(folder)
    catalog = Catalog(repository.tree(repository.commit("HEAD")))
    rows = Rows(catalog, kept)
    gc.collect()
    others = {id(o) for o in gc.get_objects() if isinstance(o, Document)}
    everything(rows)
    gc.collect()
    held = [
        o.path
        for o in gc.get_objects()
        if isinstance(o, Document) and id(o) not in others and o is not catalog.registry
    ]
    repository.close()
    assert rows.versions(NAME)
    assert held == []
