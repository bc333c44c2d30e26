"""What each act writes, and when it says no."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Callable, Mapping

import pytest
from support.manifests import model_yaml, status_yaml, stored_artifact, version_yaml

from registry_tool.catalog.catalog import Catalog
from registry_tool.edits.aliases import add_tag, remove_alias, set_alias
from registry_tool.edits.annotations import add_evidence, annotate
from registry_tool.edits.changeset import ChangeSet, Edit, combine
from registry_tool.edits.lifecycle import archive, set_state
from registry_tool.edits.models import add_model
from registry_tool.edits.versions import VersionRecord, add_version, timestamp
from registry_tool.errors import (
    InvalidManifestError,
    InvalidNameError,
    NotFoundError,
    RefusedError,
    RegistryError,
    UsageError,
)
from registry_tool.git.tree import DictTree
from registry_tool.manifests.problems import JSON
from registry_tool.names import ModelName, Reference

Make = Callable[..., tuple[ChangeSet, Catalog]]
RefusedBy = Callable[[Catalog], list[str]]
MODEL = ModelName("nlp", "lang-id")
TOP = "models/nlp/lang-id"
ONE = f"{TOP}/versions/1"
FIELDS: dict[str, JSON] = {"owner": "speech", "task": "ocr", "description": "Reads."}


def ref(text: str) -> Reference:
    return Reference.parse(text)


GOOD: dict[str, tuple[Edit, str, set[str], set[str]]] = {
    "model": (
        add_model(ModelName("nlp", "ocr"), FIELDS), "Add model nlp/ocr",
        {"models/nlp/ocr/model.yaml", "models/nlp/ocr/CARD.md"}, set(),
    ),
    "model in a new namespace": (
        add_model(ModelName("vision", "ocr"), FIELDS), "Add model vision/ocr",
        {"models/vision/ocr/model.yaml", "models/vision/ocr/CARD.md", "models/vision/namespace.yaml"}, set(),
    ),
    "version": (
        add_version(MODEL, None, VersionRecord()), "Add nlp/lang-id@3", {f"{TOP}/versions/3/version.yaml"}, set(),
    ),
    "version with labels and tags": (
        add_version(MODEL, "7", VersionRecord(labels=["edge"], tags=["v7", "best"])), "Add nlp/lang-id@7",
        {f"{TOP}/versions/7/version.yaml", f"{TOP}/versions/7/metadata.yaml", f"{TOP}/tags/v7.yaml",
         f"{TOP}/tags/best.yaml"}, set(),
    ),
    "new alias": (
        set_alias(ref("nlp/lang-id@2"), "champion"), "Set nlp/lang-id@champion to 2", {f"{TOP}/aliases/champion.yaml"}, set(),
    ),
    "moved alias": (
        set_alias(ref("nlp/lang-id@2"), "production"), "Move nlp/lang-id@production from 1 to 2",
        {f"{TOP}/aliases/production.yaml"}, set(),
    ),
    "removed alias": (
        remove_alias(MODEL, "production"), "Remove nlp/lang-id@production", set(), {f"{TOP}/aliases/production.yaml"},
    ),
    "tag": (add_tag(ref("nlp/lang-id@production"), "x"), "Tag nlp/lang-id@1 as x", {f"{TOP}/tags/x.yaml"}, set()),
    "deprecated": (
        set_state(ref("nlp/lang-id@1"), "deprecated", reason="Old.\nVery.", replaced_by="2"),
        "Deprecate nlp/lang-id@1: Old.", {f"{ONE}/status.yaml"}, set(),
    ),
    "withdrawn": (
        set_state(ref("nlp/lang-id@2"), "withdrawn", reason="Wrong."), "Withdraw nlp/lang-id@2: Wrong.",
        {f"{TOP}/versions/2/status.yaml"}, set(),
    ),
    "archived": (archive(MODEL), "Archive nlp/lang-id", {f"{TOP}/model.yaml"}, set()),
    "annotated": (
        annotate(ref("nlp/lang-id@1"), metadata={"team": {"a": 1}}, labels=["edge"], description="New."),
        "Annotate nlp/lang-id@1", {f"{ONE}/metadata.yaml"}, set(),
    ),
    "evidence": (
        add_evidence(ref("nlp/lang-id@1"), "note", {"text": "Fine."}, by="@acme/speech", name="n"),
        "Add note to nlp/lang-id@1", {f"{ONE}/evidence/n.yaml"}, set(),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", GOOD)
def test_an_act_writes_few_files_and_passes_the_check(
    name: str, make: Make, refused: RefusedBy
) -> None:
    act, message, puts, deletes = GOOD[name]
    change, after = make(act)
    assert change.message == message
    assert (set(change.puts), set(change.deletes)) == (puts, deletes)
    assert refused(after) == []


@pytest.mark.parametrize("name", [name for name in GOOD if not name.startswith("model")])
def test_acts_on_a_model_that_is_not_there(name: str) -> None:
    with pytest.raises(NotFoundError, match="model nlp/lang-id does not exist"):
        GOOD[name][0](Catalog(DictTree({"registry.yaml": "schema: registry/v1\nname: x\n"})))


WITHDRAWN = {f"{TOP}/versions/2/status.yaml": status_yaml("withdrawn", reason="Wrong.")}
ERASED = {f"{TOP}/versions/2/status.yaml": status_yaml("erased", reason="By law.")}
DEPRECATED = {f"{TOP}/versions/2/status.yaml": status_yaml("deprecated", reason="Old.")}
BROKEN = {f"{TOP}/versions/2/version.yaml": "schema: version/v1\n"}
RECORD = VersionRecord()
NO: dict[str, tuple[Edit, Mapping[str, str], type[RegistryError], str]] = {
    "model twice": (add_model(MODEL, FIELDS), {}, RefusedError, "model nlp/lang-id exists already"),
    "a twin by case and dashes": (
        add_model(ModelName("nlp", "Lang_ID"), FIELDS), {}, RefusedError, "model nlp/lang-id exists already",
    ),
    "continues nothing": (
        add_model(ModelName("nlp", "b"), {**FIELDS, "continues": "nlp/nothing"}), {}, NotFoundError, "model nlp/nothing does not exist",
    ),
    "version twice": (add_version(MODEL, "1", RECORD), {}, RefusedError, "already has a version 1"),
    "not of the scheme": (add_version(MODEL, "1.0.0", RECORD), {}, InvalidNameError, "not a version of the scheme integer"),
    "reserved": (add_version(MODEL, "Latest", RECORD), {}, InvalidNameError, "'Latest' is reserved"),
    "no name": (add_version(MODEL, "../x", RECORD), {}, InvalidNameError, "is not a version name"),
    "does not count": (
        add_version(MODEL, None, RECORD), {f"{TOP}/model.yaml": model_yaml(version_scheme="semver")}, UsageError,
        "is semver, which has no next version",
    ),
    "a twin by case": (
        add_version(MODEL, "V1", RECORD),
        {f"{TOP}/model.yaml": model_yaml(version_scheme="free"), f"{TOP}/versions/v1/version.yaml": version_yaml("v1")},
        RefusedError, "already has a version v1",
    ),
    "archived": (
        add_version(MODEL, None, RECORD), {f"{TOP}/model.yaml": model_yaml(state="archived")}, RefusedError, "is archived",
    ),
    "moved": (
        add_version(MODEL, None, RECORD), {f"{TOP}/model.yaml": model_yaml(moved_to="nlp/new")}, RefusedError,
        "renamed to nlp/new",
    ),
    "model unreadable": (
        add_version(MODEL, None, RECORD), {f"{TOP}/model.yaml": "schema: model/v1\n"}, InvalidManifestError, "model.yaml:1",
    ),
    "first tag taken": (
        add_version(MODEL, None, VersionRecord(tags=["first"])), {}, RefusedError, "already has a tag first",
    ),
    "tag is the version": (
        add_version(MODEL, None, VersionRecord(tags=["3"])), {}, RefusedError, "already has a version named 3",
    ),
    "alias to nothing": (set_alias(ref("nlp/lang-id@9"), "a"), {}, NotFoundError, "no version, tag or alias 9"),
    "alias named as a tag": (set_alias(ref("nlp/lang-id@1"), "first"), {}, RefusedError, "has a tag named first"),
    "alias named as a version": (set_alias(ref("nlp/lang-id@1"), "2"), {}, RefusedError, "has a version named 2"),
    "alias to a withdrawn version": (
        set_alias(ref("nlp/lang-id@2"), "a"), WITHDRAWN, RefusedError, "is withdrawn; an alias cannot point to it",
    ),
    "alias to an erased version": (set_alias(ref("nlp/lang-id@2"), "a"), ERASED, RefusedError, "is erased"),
    "no such alias": (remove_alias(MODEL, "nothing"), {}, NotFoundError, "has no alias"),
    "tag that moves": (add_tag(ref("nlp/lang-id@2"), "first"), {}, RefusedError, "already has a tag first: it points to version 1"),
    "tag named as an alias": (add_tag(ref("nlp/lang-id@1"), "production"), {}, RefusedError, "has an alias named production"),
    "tag of an erased version": (add_tag(ref("nlp/lang-id@2"), "x"), ERASED, UsageError, "is erased"),
    "withdrawn under an alias": (
        set_state(ref("nlp/lang-id@1"), "withdrawn", reason="x"), {}, RefusedError, "still the target of alias production",
    ),
    "back from withdrawn": (
        set_state(ref("nlp/lang-id@2"), "active", reason="x"), WITHDRAWN, RefusedError, "is withdrawn; it cannot become active",
    ),
    "deprecated after withdrawn": (
        set_state(ref("nlp/lang-id@2"), "deprecated", reason="x"), WITHDRAWN, RefusedError, "cannot become deprecated",
    ),
    "withdrawn after erased": (
        set_state(ref("nlp/lang-id@2"), "withdrawn", reason="x"), ERASED, RefusedError, "cannot become withdrawn",
    ),
    "key that is not there": (annotate(ref("nlp/lang-id@1"), remove=["x"]), {}, NotFoundError, "has no key 'x'"),
    "metadata unreadable": (
        annotate(ref("nlp/lang-id@1"), metadata={"a": 1}), {f"{ONE}/metadata.yaml": "schema: x\n"}, InvalidManifestError,
        "metadata.yaml:1",
    ),
    "evidence twice": (
        add_evidence(ref("nlp/lang-id@1"), "note", {"text": "t"}, by="x", name="n"), {f"{ONE}/evidence/n.yaml": "x: 1\n"}, RefusedError,
        "exists already",
    ),
    "evidence on nothing": (
        add_evidence(ref("nlp/lang-id@9"), "note", {"text": "t"}, by="x", name="n"), {}, NotFoundError, "no version, tag or alias 9",
    ),
    "evidence on a broken record": (
        add_evidence(ref("nlp/lang-id@2"), "note", {"text": "t"}, by="x", name="n"), BROKEN, InvalidManifestError, "cannot be read",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", NO)
def test_an_act_that_says_no(name: str, make: Make) -> None:
    act, files, error, words = NO[name]
    with pytest.raises(error, match=re.escape(words)):
        make(act, files)


@pytest.mark.parametrize("name", ["latest", "Upper", "", "a/b", "../x", "x" * 65])
def test_names_are_looked_at_before_anything_is_read(name: str) -> None:
    for act in (set_alias, add_tag):
        with pytest.raises(InvalidNameError):
            act(ref("nlp/lang-id@1"), name)
    with pytest.raises(InvalidNameError):
        remove_alias(MODEL, name)


ALREADY: dict[str, tuple[Edit, Mapping[str, str]]] = {
    "alias": (set_alias(ref("nlp/lang-id@1"), "production"), {}),
    "alias through itself": (set_alias(ref("nlp/lang-id@production"), "production"), {}),
    "tag": (add_tag(ref("nlp/lang-id@1"), "first"), {}),
    "deprecated": (set_state(ref("nlp/lang-id@2"), "deprecated", reason="Other words."), DEPRECATED),
    "active": (set_state(ref("nlp/lang-id@1"), "active", reason="x"), {}),
    "archived": (archive(MODEL), {f"{TOP}/model.yaml": model_yaml(state="archived")}),
    "annotated": (
        annotate(ref("nlp/lang-id@1"), metadata={"a": 1}, labels=["x"]),
        {f"{ONE}/metadata.yaml": "schema: metadata/v1\nmetadata:\n  a: 1   # mine\nlabels: [x, y]\n"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ALREADY)
def test_what_is_so_already_writes_nothing(name: str, make: Make) -> None:
    act, files = ALREADY[name]
    change, _ = make(act, files)
    assert (dict(change.puts), change.deletes) == ({}, frozenset())
    assert "already" in change.message


def test_a_new_model_starts_its_namespace(make: Make) -> None:
    change, after = make(add_model(ModelName("vision", "ocr"), FIELDS))
    assert change.notes == ("new namespace vision, owned by @speech",)
    space = after.namespace("vision")
    assert space is not None
    assert space.data == {"schema": "namespace/v1", "owners": ["@speech"]}
    assert change.puts["models/vision/ocr/CARD.md"] == b"# ocr\n\nReads.\n"


def test_a_record_is_written_in_the_order_of_the_format(make: Make) -> None:
    record = VersionRecord(
        fields={
            "metadata": {"z": 1},
            "framework": {"type": "fasttext"},
            "author": "A <a@example.org>",
        },
        artifacts=[stored_artifact()],
        pointers={"model.bin": b"outs: []\n"},
        metrics=[{"key": "a", "value": 2, "step": 2}, {"key": "a", "value": 1, "step": 1}],
    )
    change, _ = make(add_version(MODEL, None, record))
    assert change.puts[f"{TOP}/versions/3/model.bin.dvc"] == b"outs: []\n"
    text = change.puts[f"{TOP}/versions/3/version.yaml"].decode()
    fields = re.findall(r"(?m)^([a-z_]+):", text)
    assert fields == [
        "schema", "model", "version", "created_at", "author", "framework", "artifacts", "metrics", "identity", "metadata",
    ]  # fmt: skip
    assert text.index("step: 1") < text.index("step: 2")


def test_a_status_that_is_set_again_loses_its_successor(make: Make) -> None:
    written = "# ours\nschema: status/v1\nstate: deprecated\nreason: Old.\nsince: '2026-01-01'\nreplaced_by: '1'   # gone\n"
    files = {f"{TOP}/versions/2/status.yaml": written}
    day = dt.date(2026, 11, 21)
    change, _ = make(
        set_state(ref("nlp/lang-id@2"), "withdrawn", reason="Wrong.", today=day), files
    )
    assert change.puts[f"{TOP}/versions/2/status.yaml"].decode() == (
        '# ours\nschema: status/v1\nstate: withdrawn\nreason: Wrong.\nsince: "2026-11-21"\n'
    )


def test_a_reason_for_an_alias_does_not_outlive_its_move(make: Make) -> None:
    files = {
        f"{TOP}/aliases/production.yaml": "schema: alias/v1\nmodel: nlp/lang-id\nversion: '1'\nreason: Good.\n"
    }
    change, _ = make(set_alias(ref("nlp/lang-id@2"), "production"), files)
    assert b"reason" not in change.puts[f"{TOP}/aliases/production.yaml"]
    change, _ = make(set_alias(ref("nlp/lang-id@2"), "production", reason="Better."), files)
    assert b"reason: Better." in change.puts[f"{TOP}/aliases/production.yaml"]


def test_evidence_names_the_bytes_it_is_about(make: Make) -> None:
    record = version_yaml("2")
    files = {f"{TOP}/versions/2/version.yaml": record}
    act = add_evidence(
        ref("nlp/lang-id@2"),
        "evaluation",
        {"suite": "Hold Out/2026", "verdict": "pass", "metrics": [{"key": "a", "value": 1}]},
        by="x",
        at="2026-11-21T08:30:00.000Z",
    )
    change, _ = make(act, files)
    ((path, source),) = change.puts.items()
    assert re.fullmatch(
        rf"{TOP}/versions/2/evidence/20261121-evaluation-hold-out-2026-[0-9a-f]{{6}}\.yaml", path
    )
    assert hashlib.sha256(record.encode()).hexdigest() in source.decode()
    assert make(act, files)[0].puts.keys() == change.puts.keys()


def test_acts_together_see_what_those_before_did(make: Make, refused: RefusedBy) -> None:
    acts = [
        add_model(ModelName("vision", "ocr"), FIELDS),
        add_version(ModelName("vision", "ocr"), None, VersionRecord()),
        add_version(ModelName("vision", "ocr"), None, VersionRecord(tags=["second"])),
        set_alias(ref("vision/ocr@latest"), "production"),
        set_alias(ref("vision/ocr@1"), "production"),
        remove_alias(MODEL, "production"),
        set_state(ref("nlp/lang-id@1"), "withdrawn", reason="Replaced."),
        set_alias(ref("vision/ocr@second"), "gone"),
        remove_alias(ModelName("vision", "ocr"), "gone"),
    ]
    change, after = make(combine(acts, "All of it"))
    assert change.message == "All of it"
    assert change.notes == ("new namespace vision, owned by @speech",)
    model = after.model(ModelName("vision", "ocr"))
    assert model is not None
    assert (model.versions, model.aliases, model.tags) == (["1", "2"], ["production"], ["second"])
    assert change.deletes >= {f"{TOP}/aliases/production.yaml"}
    assert not change.deletes & change.puts.keys()
    assert refused(after) == []


def test_one_act_that_says_no_stops_all(make: Make) -> None:
    acts = [add_tag(ref("nlp/lang-id@1"), "x"), add_tag(ref("nlp/lang-id@2"), "x")]
    with pytest.raises(RefusedError, match="already has a tag x: it points to version 1"):
        make(combine(acts, "Both"))


def test_what_is_removed_can_be_made_again(make: Make) -> None:
    acts = [remove_alias(MODEL, "production"), set_alias(ref("nlp/lang-id@2"), "production")]
    change, _ = make(combine(acts, "Again"))
    assert (set(change.puts), set(change.deletes)) == ({f"{TOP}/aliases/production.yaml"}, set())


def test_a_file_where_a_folder_is_needed_is_not_overwritten(make: Make) -> None:
    with pytest.raises(RefusedError, match="is a file or a link; a folder is needed"):
        make(add_model(ModelName("nlp", "ocr"), FIELDS), {"models/nlp/ocr": "a file\n"})


def test_times_are_written_in_utc_to_the_millisecond() -> None:
    zone = dt.timezone(dt.timedelta(hours=2))
    assert timestamp(dt.datetime(2026, 11, 21, 10, 30, 0, 7999, zone)) == "2026-11-21T08:30:00.007Z"
    assert re.fullmatch(r"20[0-9]{2}-.*\.[0-9]{3}Z", timestamp())
