"""Titles, data of other protocols, objects and deletions: what each edit writes, and when it is refused."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from support.manifests import version_yaml

from registry_tool.catalog.catalog import Catalog, ModelView, VersionView
from registry_tool.catalog.resolve import resolve
from registry_tool.catalog.titles import (
    find_models,
    model_slug,
    read_title_reference,
    shown_models,
    shown_selectors,
)
from registry_tool.checks.engine import check
from registry_tool.edits.aliases import add_tag, remove_alias, set_alias
from registry_tool.edits.annotations import add_evidence, annotate, replace_metadata
from registry_tool.edits.changeset import ChangeSet, Edit, combine, overlaid
from registry_tool.edits.deletion import delete_model, delete_version
from registry_tool.edits.lifecycle import erase, set_state
from registry_tool.edits.models import add_model, add_namespace
from registry_tool.edits.objects import ObjectName, edit_object, find_object, put_object
from registry_tool.edits.titles import set_namespace_title, set_title
from registry_tool.edits.versions import VersionRecord, add_version
from registry_tool.edits.wire import set_wire
from registry_tool.errors import (
    InvalidNameError,
    NotFoundError,
    RefusedError,
    UsageError,
    WithdrawnError,
)
from registry_tool.git.tree import DictTree
from registry_tool.manifests.data import member, text
from registry_tool.manifests.problems import JSON
from registry_tool.names import ModelName, Reference

Make = Callable[..., tuple[ChangeSet, Catalog]]
MODEL = ModelName("nlp", "lang-id")
TOP = "models/nlp/lang-id"
FIELDS: dict[str, JSON] = {"owner": "speech", "task": "ocr", "description": "Reads."}
NOW = dt.datetime(2026, 11, 30, 12, tzinfo=dt.UTC)


def ref(words: str) -> Reference:
    return Reference.parse(words)


def lang_id(catalog: Catalog) -> ModelView:
    model = catalog.model(MODEL)
    assert model is not None
    return model


def first(catalog: Catalog) -> VersionView:
    version = lang_id(catalog).version("1")
    assert version is not None
    return version


def after(catalog: Catalog, edit: Edit) -> Catalog:
    """The catalog carried on over an edit, which its own check does not refuse."""
    change = edit(catalog)
    tree = overlaid(catalog.tree, change)
    report = check(tree, base=catalog.tree)
    assert [f for f in report.findings if f.severity == "refuse"] == []
    assert report.kind != "mixed"
    whole = check(tree)
    assert [f for f in whole.findings if f.severity == "refuse"] == []
    carried = catalog.after({*change.puts, *change.deletes})
    carried.tree = tree
    return carried


@pytest.fixture
def catalog(make: Make) -> Catalog:
    return make(lambda _: ChangeSet("Nothing"))[1]


def test_a_title_is_set_changed_and_removed_and_no_path_moves(catalog: Catalog) -> None:
    one = after(catalog, set_title(MODEL, "Which language?"))
    two = after(one, set_title(MODEL, "Which one?"))
    titles = [lang_id(c).title for c in (catalog, one, two)]
    assert titles == ["", "Which language?", "Which one?"]
    gone = set_title(MODEL, "")(two)
    assert gone.deletes == {f"{TOP}/title.yaml"}
    assert not set_title(MODEL, "Which one?")(two).puts
    assert set_title(MODEL, "lang-id")(two).deletes == {f"{TOP}/title.yaml"}
    assert set_title(MODEL, "")(catalog) == ChangeSet("nlp/lang-id has no title")


@pytest.mark.parametrize("title", ["a\u202eb", " a", "x" * 513])
def test_what_is_no_title_is_refused_at_once(title: str) -> None:
    with pytest.raises(InvalidNameError):
        set_title(MODEL, title)


def test_titles_of_versions_tags_and_aliases_are_of_one_pool(catalog: Catalog) -> None:
    one = after(catalog, set_title(MODEL, "model:latest", name="1"))
    for name in ("2", "first", "production"):
        with pytest.raises(RefusedError, match="already shown"):
            set_title(MODEL, "MODEL:latest", name=name)(one)
    with pytest.raises(RefusedError, match="already shown"):
        set_title(MODEL, "2", name="1")(one)
    with pytest.raises(RefusedError, match="already shown"):
        add_tag(ref("nlp/lang-id@2"), "third")(after(one, set_title(MODEL, "Third", name="2")))
    with pytest.raises(NotFoundError):
        set_title(MODEL, "x", name="7")(one)
    two = after(one, set_title(MODEL, "In production", name="production"))
    assert remove_alias(MODEL, "production")(two).deletes == {
        f"{TOP}/aliases/production.yaml", f"{TOP}/titles/production.yaml",
    }  # fmt: skip
    after(two, remove_alias(MODEL, "production"))


def test_numbers_pass_over_titles(catalog: Catalog) -> None:
    one = after(catalog, set_title(MODEL, "3", name="1"))
    change = add_version(MODEL, None, VersionRecord(title="3 (again)", wire={"mlflow": {"a": 1}}))(
        one
    )
    assert change.versions == (ref("nlp/lang-id@4"),)
    assert change.puts[f"{TOP}/titles/4.yaml"] == b'schema: title/v1\ntitle: "3 (again)"\n'
    assert f"{TOP}/versions/4/wire.yaml" in change.puts
    with pytest.raises(RefusedError, match="already shown"):
        add_version(MODEL, "3", VersionRecord())(one)
    with pytest.raises(RefusedError, match="already shown"):
        add_version(MODEL, None, VersionRecord(title="FIRST"))(one)


def test_models_with_titles_get_paths_and_renamed_ones_free_theirs(catalog: Catalog) -> None:
    renamed = after(catalog, set_title(MODEL, "language"))
    name = model_slug(renamed, "nlp", "lang-id")
    assert name.name.startswith("lang-id-")
    both = after(renamed, add_model(name, FIELDS, title="lang-id"))
    assert [view.name for view in find_models(both, "nlp", "Lang-ID")] == [name]
    assert resolve(both, "nlp/lang-id@1").notes == (
        f"nlp/lang-id has the title 'language'; the title lang-id is that of {name}",
    )
    with pytest.raises(RefusedError, match="already shown"):
        set_title(MODEL, "LANG-ID")(both)
    with pytest.raises(RefusedError, match="already shown"):
        set_title(MODEL, "")(both)
    with pytest.raises(RefusedError, match="already shown"):
        add_model(ModelName("nlp", "x"), FIELDS, title="Language")(both)


def test_the_index_that_is_carried_on_is_that_of_a_new_catalog(catalog: Catalog) -> None:
    edits = [
        set_title(MODEL, "language"),
        add_model(ModelName("nlp", "x"), FIELDS, title="y"),
        set_title(MODEL, "best", name="2"),
        add_tag(ref("nlp/lang-id@2"), "z"),
        set_title(MODEL, "last", name="z"),
        remove_alias(MODEL, "production"),
        set_title(MODEL, "", name="2"),
    ]
    for edit in edits:
        model = catalog.model(MODEL)
        assert model is not None
        shown_models(catalog, "nlp"), shown_selectors(model)
        catalog = after(catalog, edit)
        fresh = Catalog(catalog.tree)
        one, other = catalog.model(MODEL), fresh.model(MODEL)
        assert one is not None
        assert other is not None
        assert sorted(shown_models(catalog, "nlp").titles()) == sorted(
            shown_models(fresh, "nlp").titles()
        )
        assert sorted(shown_selectors(one).titles()) == sorted(shown_selectors(other).titles())


def test_references_by_title(catalog: Catalog) -> None:
    found = after(
        after(catalog, set_title(MODEL, "team/x@home")), set_title(MODEL, "a@b", name="2")
    )
    assert read_title_reference(found, "nlp/TEAM/x@home") == ref("nlp/lang-id")
    assert read_title_reference(found, "nlp/team/x@home@a@b") == ref("nlp/lang-id@2")
    assert read_title_reference(found, "nlp/team/x@home@production") == ref(
        "nlp/lang-id@production"
    )
    assert read_title_reference(found, "nlp/team/x@home@latest") == ref("nlp/lang-id@latest")
    for unknown in ("team/x@home", "nlp/lang-id", "nlp/team/x@home@7", "", "@", "/"):
        with pytest.raises(NotFoundError):
            read_title_reference(found, unknown)
    other = after(found, add_model(ModelName("default", "y"), FIELDS, title="nlp/team/x@home"))
    with pytest.raises(UsageError, match="may mean default/y@latest, nlp/lang-id@latest"):
        read_title_reference(other, "nlp/team/x@home")


def test_namespaces_have_titles(catalog: Catalog) -> None:
    named = after(catalog, set_namespace_title("nlp", "Speech & text"))
    assert named.namespace_title("nlp") == "Speech & text"
    new = after(named, add_namespace("cv", ["@acme/vision"], title="Vision"))
    assert new.namespace_title("cv") == "Vision"
    with pytest.raises(RefusedError):
        add_namespace("cv", ["@acme/vision"])(new)
    with pytest.raises(NotFoundError):
        set_namespace_title("x", "y")(new)


def test_wire_data_is_replaced_by_protocol(catalog: Catalog) -> None:
    one = after(catalog, set_wire(MODEL, "1", "mlflow", {"run_id": "7f3a"}))
    two = after(one, set_wire(MODEL, "1", "kubeflow", {"externalId": "a b"}))
    view = first(two)
    assert view.wire is not None
    assert member(view.wire.data, "kubeflow") == {"externalId": "a b"}
    assert member(view.wire.data, "mlflow") == {"run_id": "7f3a"}
    assert not set_wire(MODEL, "1", "mlflow", {"run_id": "7f3a"})(two).puts
    three = after(two, set_wire(MODEL, "1", "mlflow", None))
    assert set_wire(MODEL, "1", "kubeflow", None)(three).deletes == {f"{TOP}/versions/1/wire.yaml"}
    after(three, set_wire(MODEL, None, "mlflow", {"a": {"b": [1, None]}}))
    with pytest.raises(UsageError):
        set_wire(MODEL, "1", "gto", {})
    with pytest.raises(NotFoundError):
        set_wire(MODEL, "7", "mlflow", {})(catalog)


def test_objects_are_added_edited_and_deleted_by_state(catalog: Catalog) -> None:
    one = after(catalog, put_object("kubeflow", "experiment", "First tries 🚀"))
    (path,) = put_object("kubeflow", "experiment", "First tries 🚀", slug="e")(one).puts
    assert path.endswith("/e.yaml")
    again = put_object("kubeflow", "experiment", "First tries 🚀")(one)
    assert next(iter(again.puts)).removesuffix(".yaml").endswith("-2")
    two = after(
        one,
        put_object("mlflow", "run", "bold-ape", {"lr": 0.1}, slug="bold-ape-1", state="running"),
    )
    run = ObjectName("mlflow", "run", "bold-ape-1")
    with pytest.raises(RefusedError, match="already exists"):
        put_object("mlflow", "run", "x", slug="bold-ape-1")(two)
    with pytest.raises(NotFoundError):
        put_object("mlflow", "run", "x", parent="experiment/none")(two)
    three = after(two, edit_object(run, title="Bold ape", data={"lr": 0.2}, state=""))
    found = find_object(three, run)
    assert found is not None
    assert found.data == {
        "schema": "object/v1", "api": "mlflow", "kind": "run", "title": "Bold ape", "data": {"lr": 0.2},
    }  # fmt: skip
    assert not edit_object(run, title="Bold ape", parent="")(three).puts
    gone = after(three, edit_object(run, state="deleted"))
    with pytest.raises(RefusedError, match="is deleted"):
        edit_object(run, state="running")(gone)
    with pytest.raises(NotFoundError):
        edit_object(ObjectName("mlflow", "run", "x"), title="y")(gone)
    with pytest.raises(UsageError):
        put_object("gto", "run", "x")


def test_a_deleted_version_is_served_and_found_no_more(catalog: Catalog) -> None:
    titled = after(catalog, set_title(MODEL, "best", name="1"))
    with pytest.raises(RefusedError, match="production"):
        delete_version(ref("nlp/lang-id@1"), reason="Twice.")(titled)
    with pytest.raises(UsageError):
        delete_version(ref("nlp/lang-id@production"), reason="Twice.", remove_aliases=True)(titled)
    gone = after(
        titled, delete_version(ref("nlp/lang-id@1"), reason="Twice.", remove_aliases=True, now=NOW)
    )
    view = first(gone)
    assert (view.state, view.is_deleted) == ("deleted", True)
    assert view.status is not None
    assert view.status.data == {
        "schema": "status/v1", "state": "withdrawn", "reason": "Twice.", "since": "2026-11-30",
    }  # fmt: skip
    for words in ("nlp/lang-id@1", "nlp/lang-id@first"):
        with pytest.raises(WithdrawnError, match=r"nlp/lang-id@1 is deleted: Twice\."):
            resolve(gone, words)
    assert str(resolve(gone, "nlp/lang-id").version) == "nlp/lang-id@2"
    for edit in (
        set_alias(ref("nlp/lang-id@1"), "x"),
        add_tag(ref("nlp/lang-id@1"), "x"),
        set_state(ref("nlp/lang-id@1"), "active", reason="x"),
        set_title(MODEL, "x", name="1"),
    ):
        with pytest.raises((RefusedError, UsageError), match="deleted"):
            edit(gone)
    assert not delete_version(ref("nlp/lang-id@1"), reason="Twice.")(gone).puts
    after(gone, set_title(MODEL, "best", name="2"))
    assert add_version(MODEL, None, VersionRecord())(gone).versions == (ref("nlp/lang-id@3"),)
    erased = after(gone, erase(ref("nlp/lang-id@1"), reason="Twice.", with_tags=True))
    assert resolve(erased, "nlp/lang-id@1", allow_withdrawn=True).state == "erased"


def test_a_deleted_model_frees_its_title_and_keeps_its_path(catalog: Catalog) -> None:
    titled = after(
        after(catalog, set_title(MODEL, "best")), set_title(MODEL, "live", name="production")
    )
    gone = after(titled, delete_model(MODEL, reason="Twice.\nReally."))
    model = gone.model(MODEL)
    assert model is not None
    assert (model.state, model.aliases) == ("deleted", [])
    assert {v.state for v in map(model.version, model.versions) if v is not None} == {"deleted"}
    assert not delete_model(MODEL, reason="Again.")(gone).puts
    with pytest.raises(RefusedError):
        set_title(MODEL, "x")(gone)
    with pytest.raises(RefusedError):
        add_version(MODEL, None, VersionRecord())(gone)
    with pytest.raises(NotFoundError, match="is deleted: Twice"):
        resolve(gone, "nlp/lang-id")
    with pytest.raises(RefusedError):
        add_model(MODEL, FIELDS)(gone)
    assert model_slug(gone, "nlp", "lang-id") != MODEL
    after(gone, add_model(ModelName("nlp", "x"), FIELDS, title="best"))
    with pytest.raises(UsageError, match="reason"):
        delete_model(MODEL, reason=" ")


def test_half_a_deletion_is_completed(make: Make) -> None:
    files = {f"{TOP}/deletion.yaml": "schema: deletion/v1\nreason: Twice.\n"}
    change, whole = make(delete_model(MODEL, reason="Twice."), files)
    assert f"{TOP}/deletion.yaml" not in change.puts
    assert [f for f in check(whole.tree).findings if f.severity == "refuse"] == []


def test_keys_of_the_record_are_left_out(make: Make) -> None:
    record = version_yaml("1", metadata={"a": 1, "b": 2})
    _, base = make(lambda _: ChangeSet("Nothing"), {f"{TOP}/versions/1/version.yaml": record})
    one = after(base, annotate(ref("nlp/lang-id@1"), metadata={"c": 3}, remove=["a"]))
    view = first(one)
    assert view.all_metadata == {"b": 2, "c": 3}
    assert view.metadata is not None
    assert text(view.metadata.data, "schema") == "metadata/v2"
    back = after(one, annotate(ref("nlp/lang-id@1"), metadata={"a": 9}))
    assert first(back).all_metadata == {"a": 9, "b": 2, "c": 3}
    plain = after(base, annotate(ref("nlp/lang-id@1"), metadata={"c": 3}))
    said = first(plain).metadata
    assert said is not None
    assert text(said.data, "schema") == "metadata/v1"
    with pytest.raises(NotFoundError, match="no key 'z'"):
        annotate(ref("nlp/lang-id@1"), remove=["z"])(base)
    wishes: list[dict[str, JSON]] = [
        {}, {"a": 1, "b": 2}, {"a": 1, "b": 3, "x": None}, {"y": {"z": []}},
    ]  # fmt: skip
    for wanted in wishes:
        for start in (base, one, back):
            replaced = after(start, replace_metadata(ref("nlp/lang-id@1"), wanted, labels=["l"]))
            version = first(replaced)
            assert version.all_metadata == wanted
            assert not replace_metadata(ref("nlp/lang-id@1"), wanted, labels=["l"])(replaced).puts


def test_revised_evidence_no_longer_counts(catalog: Catalog) -> None:
    def metrics(name: str, value: float, **more: JSON) -> Edit:
        fields: dict[str, JSON] = {"metrics": [{"key": "wer", "value": value}], **more}
        return add_evidence(
            ref("nlp/lang-id@1"),
            "metrics",
            fields,
            by="@a",
            at=f"2026-11-30T00:00:0{len(name)}.000Z",
            name=name,
        )

    one = after(catalog, metrics("a", 0.5))
    two = after(one, metrics("bb", 0.4, revises="a"))
    view = first(two)
    assert view.metrics["wer"] == 0.4
    assert [text(d.data, "schema") for d in view.evidence()] == ["evidence/v1", "evidence/v3"]
    assert [entry["value"] for entry in view.measured if entry["key"] == "wer"] == [0.4]


def test_edits_of_one_request_are_combined(catalog: Catalog) -> None:
    edit = combine(
        [
            add_model(ModelName("nlp", "x"), FIELDS, title="X!"),
            set_wire(ModelName("nlp", "x"), None, "mlflow", {"a": "b"}),
        ],
        "Register X!",
    )
    after(catalog, edit)


def test_an_unreadable_title_is_none(make: Make) -> None:
    _, broken = make(lambda _: ChangeSet("Nothing"), {f"{TOP}/title.yaml": "title: [\n"})
    assert lang_id(broken).title == ""
    assert read_title_reference(broken, "nlp/lang-id") == ref("nlp/lang-id")
    assert DictTree({}).folder("") == {}


def test_a_description_that_was_added_can_be_removed(catalog: Catalog) -> None:
    reference = ref("nlp/lang-id@1")
    own, kept = first(catalog).description, first(catalog).all_metadata
    described = after(catalog, replace_metadata(reference, {"a": 1}, description="Added."))
    assert first(described).description == "Added."
    removed = after(described, replace_metadata(reference, kept, description=""))
    assert (first(removed).description, first(removed).all_metadata) == (own, kept)
    assert not replace_metadata(reference, kept, description="")(removed).puts
