"""What is written for drafts, and what seals them."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable
from typing import Literal

import pytest
from support.manifests import model_yaml, pointer_yaml, stored_artifact

from registry_tool.catalog.catalog import Catalog
from registry_tool.catalog.resolve import find_draft, latest, resolve
from registry_tool.checks.engine import check
from registry_tool.edits.aliases import add_tag, set_alias
from registry_tool.edits.annotations import add_evidence, annotate
from registry_tool.edits.changeset import ChangeSet, Edit, combine, overlaid
from registry_tool.edits.drafts import DraftChanges, add_draft, delete_draft, edit_draft
from registry_tool.edits.lifecycle import set_state
from registry_tool.edits.promotion import promote
from registry_tool.edits.sealing import apply_seal, seal
from registry_tool.edits.titles import set_title
from registry_tool.edits.versions import VersionRecord, add_version
from registry_tool.edits.wire import set_wire
from registry_tool.errors import DraftError, NotFoundError, RefusedError, UsageError
from registry_tool.names import ModelName, Reference

Make = Callable[..., tuple[ChangeSet, Catalog]]
RefusedBy = Callable[[Catalog], list[str]]
MODEL = ModelName("nlp", "lang-id")
TOP = "models/nlp/lang-id"
DRAFT = Reference(MODEL, "3")
NOW = dt.datetime(2026, 11, 21, 8, 30, tzinfo=dt.UTC)
RECORD = VersionRecord(
    {"created_at": "2026-11-21T08:30:00.000Z"}, tags=("v3",), aliases=("candidate",)
)
ADD = add_draft(MODEL, None, RECORD, now=NOW)


def after(*edits: Edit) -> Edit:
    return combine([ADD, *edits], "All")


def draft_in(catalog: Catalog, reference: Reference = DRAFT) -> dict[str, str]:
    found = catalog.tree.folder(f"{TOP}/drafts/{reference.selector}")
    return {
        name: (catalog.tree.read(f"{TOP}/drafts/{reference.selector}/{name}") or b"").decode()
        for name in found
    }


def test_a_draft_has_the_next_number_and_reserves_names(make: Make, refused: RefusedBy) -> None:
    change, catalog = make(ADD)
    assert change.message == "Add draft nlp/lang-id@3"
    assert set(change.puts) == {f"{TOP}/drafts/3/version.yaml", f"{TOP}/drafts/3/draft.yaml"}
    assert draft_in(catalog)["draft.yaml"] == (
        'schema: draft/v1\ntags:\n  - v3\naliases:\n  - candidate\nsince: "2026-11-21T08:30:00.000Z"\n'
    )
    assert not refused(catalog)
    model = catalog.model(MODEL)
    assert model is not None
    assert (model.drafts, "3" in model.versions) == (["3"], False)
    draft = find_draft(catalog, DRAFT)
    assert draft is not None
    assert (draft.state, draft.reserved_tags, draft.reserved_aliases) == (
        "draft", ("v3",), ("candidate",),
    )  # fmt: skip
    assert latest(model).version == "2"
    second, _ = make(after(add_version(MODEL, None, VersionRecord())))
    assert f"{TOP}/versions/4/version.yaml" in second.puts


@pytest.mark.parametrize("name", ["3", "v3", "candidate"])
def test_a_draft_does_not_resolve(make: Make, name: str) -> None:
    _, catalog = make(ADD)
    with pytest.raises(DraftError, match="nlp/lang-id@3") as caught:
        resolve(catalog, Reference(MODEL, name), allow_withdrawn=True)
    assert caught.value.remedy == "registry seal nlp/lang-id@3"
    assert resolve(catalog, DRAFT, allow_draft=True).state == "draft"


@pytest.mark.parametrize(
    "edit",
    [
        add_draft(MODEL, "2", VersionRecord()),
        after(add_draft(MODEL, "3", VersionRecord())),
        after(add_version(MODEL, "3", VersionRecord())),
        after(add_version(MODEL, "4", VersionRecord(tags=("v3",)))),
        after(add_draft(MODEL, "4", VersionRecord(tags=("candidate",)))),
        after(add_draft(MODEL, "4", VersionRecord(aliases=("candidate",)))),
        after(set_alias(Reference(MODEL, "1"), "candidate")),
        after(add_tag(Reference(MODEL, "1"), "v3")),
        edit_draft(Reference(MODEL, "1"), DraftChanges({"description": "x"})),
        after(seal(DRAFT), edit_draft(DRAFT, DraftChanges({"description": "x"}))),
        after(seal(DRAFT), delete_draft(DRAFT)),
        after(edit_draft(DRAFT, DraftChanges(tags=("production",)))),
    ],
)
def test_names_are_given_once(make: Make, edit: Edit) -> None:
    with pytest.raises(RefusedError):
        make(edit)


def test_an_edit_computes_the_identity_again(make: Make, refused: RefusedBy) -> None:
    entry = stored_artifact()
    pointer = pointer_yaml(entry).encode()
    other = stored_artifact(name="other", path="other.bin")
    second = pointer_yaml(other).encode()
    first = DraftChanges(
        {"framework": {"type": "onnx"}}, artifacts=[entry], pointers={"model.bin": pointer}
    )
    _, catalog = make(after(edit_draft(DRAFT, first)))
    assert not refused(catalog)
    assert set(draft_in(catalog)) == {"version.yaml", "draft.yaml", "model.bin.dvc"}
    more = DraftChanges(
        {"framework": None, "description": "Better."},
        artifacts=[other], pointers={"other.bin": second},
        remove_artifacts=[str(entry["name"])], metrics=[{"key": "accuracy", "value": 0.9}],
        tags=(), aliases=("candidate", "best"),
    )  # fmt: skip
    _, catalog = make(after(edit_draft(DRAFT, first), edit_draft(DRAFT, more)))
    assert not refused(catalog)
    assert set(draft_in(catalog)) == {"version.yaml", "draft.yaml", "other.bin.dvc"}
    draft = find_draft(catalog, DRAFT)
    assert draft is not None
    assert (draft.description, draft.metrics, draft.reserved_tags) == (
        "Better.", {"accuracy": 0.9}, (),
    )  # fmt: skip
    assert "framework" not in draft.data
    change, _ = make(after(edit_draft(DRAFT, DraftChanges())))
    assert change.puts.keys() == {f"{TOP}/drafts/3/version.yaml", f"{TOP}/drafts/3/draft.yaml"}


def test_an_edit_keeps_what_a_person_wrote(make: Make) -> None:
    _, catalog = make(ADD)
    source = "# Ours.\n" + draft_in(catalog)["version.yaml"]
    path = f"{TOP}/drafts/3/version.yaml"
    change, _ = make(
        edit_draft(DRAFT, DraftChanges({"description": "x"})),
        {path: source, f"{TOP}/drafts/3/draft.yaml": "schema: draft/v1\n"},
    )
    assert change.puts[path].startswith(b"# Ours.\n")
    assert b"description: x\n" in change.puts[path]


@pytest.mark.parametrize("key", ["identity", "version", "artifacts", "colour"])
def test_fields_that_cannot_be_set(key: str) -> None:
    with pytest.raises(UsageError):
        edit_draft(DRAFT, DraftChanges({key: "x"}))


def test_an_artifact_that_does_not_exist(make: Make) -> None:
    with pytest.raises(NotFoundError, match="no artifact 'x'"):
        make(after(edit_draft(DRAFT, DraftChanges(remove_artifacts=["x"]))))


def test_metadata_title_and_wire_of_a_draft_move_with_it(make: Make, refused: RefusedBy) -> None:
    edits = (
        annotate(DRAFT, metadata={"a": 1}),
        set_title(MODEL, "A shown name", name="3"),
        set_wire(MODEL, "3", "mlflow", {"b": 2}),
    )
    change, catalog = make(after(*edits))
    assert not refused(catalog)
    assert set(draft_in(catalog)) == {"version.yaml", "draft.yaml", "metadata.yaml", "wire.yaml"}
    change, catalog = make(after(*edits, seal(DRAFT)))
    assert not refused(catalog)
    assert set(change.puts) == {
        *(f"{TOP}/versions/3/{name}.yaml" for name in ("version", "metadata", "wire")),
        f"{TOP}/titles/3.yaml", f"{TOP}/tags/v3.yaml", f"{TOP}/aliases/candidate.yaml",
    }  # fmt: skip
    version = resolve(catalog, Reference(MODEL, "candidate")).version
    assert (version.all_metadata, version.title) == ({"a": 1}, "A shown name")


def test_deleting_a_draft_frees_its_names(make: Make, refused: RefusedBy) -> None:
    change, catalog = make(after(set_title(MODEL, "Shown", name="3"), delete_draft(DRAFT)))
    assert not refused(catalog)
    assert not draft_in(catalog)
    assert not change.puts
    _, catalog = make(after(delete_draft(DRAFT), set_alias(Reference(MODEL, "1"), "candidate")))
    assert not refused(catalog)


SEALING = {
    "Seal nlp/lang-id@3": seal(DRAFT),
    "Seal nlp/lang-id@3 as best": set_alias(DRAFT, "best"),
    "Seal nlp/lang-id@3 as candidate": set_alias(DRAFT, "candidate"),
    "Seal nlp/lang-id@3 as edge": add_tag(DRAFT, "edge"),
    "Seal nlp/lang-id@3 with evidence of kind note": add_evidence(
        DRAFT, "note", {"text": "Good."}, by="@acme/speech"
    ),
    "Seal nlp/lang-id@3 and promote it to production": promote(DRAFT, "production"),
}


@pytest.mark.parametrize("message", SEALING)
def test_what_seals_a_draft(make: Make, refused: RefusedBy, message: str) -> None:
    _, before = make(ADD)
    record = draft_in(before)["version.yaml"]
    change = SEALING[message](before)
    catalog = Catalog(overlaid(before.tree, change))
    assert change.message == message
    assert not refused(catalog)
    assert change.deletes == {f"{TOP}/drafts/3/version.yaml", f"{TOP}/drafts/3/draft.yaml"}
    assert change.puts[f"{TOP}/versions/3/version.yaml"].decode() == record
    assert resolve(catalog, Reference(MODEL, "v3")).version.version == "3"
    assert resolve(catalog, Reference(MODEL, "candidate")).version.version == "3"
    report = check(catalog.tree, base=before.tree, now=NOW)
    assert report.kind == "seal and alias"
    assert report.verdict == "pass", report.findings
    if "evidence" in message:
        (evidence,) = resolve(catalog, DRAFT).version.evidence()
        digest = hashlib.sha256(record.encode()).hexdigest()
        assert (evidence.data or {})["subject"] == {"version": "3", "sha256": digest}
    assert not seal(DRAFT)(catalog).puts


@pytest.mark.parametrize("state", ["deprecated", "withdrawn"])
def test_only_a_version_has_a_state(make: Make, state: Literal["deprecated", "withdrawn"]) -> None:
    with pytest.raises(DraftError):
        make(after(set_state(DRAFT, state, reason="Wrong.")))


def test_a_catalog_as_if_sealed(make: Make) -> None:
    _, catalog = make(ADD)
    assert resolve(apply_seal(catalog, DRAFT), DRAFT).state == "active"
    assert apply_seal(catalog, Reference(MODEL, "1")) is catalog


def test_a_model_with_drafts_alone_has_no_latest(make: Make) -> None:
    name = ModelName("nlp", "new")
    _, catalog = make(
        add_draft(name, None, VersionRecord()), {"models/nlp/new/model.yaml": model_yaml("new")}
    )
    with pytest.raises(NotFoundError, match="nlp/new has only drafts"):
        resolve(catalog, Reference.parse("nlp/new"))
