"""Snapshots: what the files of a commit say, ids and times included; moving one by one gives what a whole walk gives."""

from __future__ import annotations

import pytest
from support.live_steps import NOW, SERVER, START, Branch, as_data
from support.manifests import (
    alias_yaml,
    evidence_yaml,
    metadata_yaml,
    model_files,
    model_yaml,
    namespace_yaml,
    registry_yaml,
    status_yaml,
    tag_yaml,
    tracked_artifact,
    version_files,
    version_yaml,
)

from registry_tool.live.ids import BRANCH_START
from registry_tool.live.moving import move
from registry_tool.live.records import ObjectRecord, VersionRecord
from registry_tool.live.snapshot import Snapshot
from registry_tool.manifests.layout import Layout
from registry_tool.names import ModelName

LANG = ModelName("nlp", "lang-id")
HOME = "models/nlp/lang-id"


def version(snapshot: Snapshot, name: str, model: ModelName = LANG) -> VersionRecord:
    found = snapshot.version(model, name)
    assert found is not None
    return found


@pytest.fixture
def branch() -> Branch:
    found = Branch()
    found.commit({"registry.yaml": registry_yaml(), "models/nlp/namespace.yaml": namespace_yaml()})
    found.commit(model_files())
    return found


def agree(branch: Branch) -> Snapshot:
    """The snapshot, once both ways have come to it."""
    whole = branch.snapshot()
    assert as_data(branch.walked()) == as_data(whole)
    return whole


def test_a_model_and_its_version(branch: Branch) -> None:
    found = agree(branch)
    model = found.model(LANG)
    assert model is not None
    assert (model.id, model.state, model.shown, model.data["owner"]) == (
        1,
        "live",
        "lang-id",
        "@acme/speech",
    )
    assert [(v.id, v.version, v.state) for v in found.versions(model)] == [(2, "1", "active")]
    assert found.created(model) == (START + 2) * 1000
    assert found.record(2) is version(found, "1")
    assert found.number(version(found, "1")) == 1
    assert found.namespaces["nlp"].shown == "nlp"
    assert dict(found.problems) == {}


def test_ids_follow_paths_within_a_commit_and_commits_along_the_line(branch: Branch) -> None:
    branch.commit({**model_files("nlp/z"), **model_files("nlp/lang", versions=("1", "2"))})
    branch.commit(version_files("2", artifacts=[tracked_artifact()]))
    found = agree(branch)
    ids = {
        (str(v.model), v.version): v.id
        for v in found.records.values()
        if isinstance(v, VersionRecord)
    }
    assert ids == {
        ("nlp/lang-id", "1"): 2,
        ("nlp/lang", "1"): 4,
        ("nlp/lang", "2"): 5,
        ("nlp/z", "1"): 7,
        ("nlp/lang-id", "2"): 8,
    }


def test_a_removed_object_keeps_its_id(branch: Branch) -> None:
    gone = dict.fromkeys(version_files())
    branch.commit(gone)
    assert agree(branch).version(LANG, "1") is None
    branch.commit(version_files("2", artifacts=[tracked_artifact()]))
    branch.commit(version_files())
    found = agree(branch)
    assert (version(found, "1").id, version(found, "2").id) == (2, 3)
    assert found.number(version(found, "2")) == 2


def test_times_are_kept_by_kind_of_file(branch: Branch) -> None:
    branch.commit({f"{HOME}/versions/1/metadata.yaml": metadata_yaml(metadata={"team": "a"})})
    branch.commit({f"{HOME}/aliases/production.yaml": alias_yaml()})
    branch.commit({f"{HOME}/versions/1/status.yaml": status_yaml()})
    found = agree(branch)
    touched = version(found, "1").touched
    assert (touched.created, touched.record, touched.metadata) == (2, 2, 3)
    assert (touched.aliases, touched.status) == (4, 5)
    assert (touched.last(), touched.last("metadata"), touched.last("aliases")) == (5, 3, 4)
    assert found.changed(version(found, "1"), "metadata") == (START + 3) * 1000
    model = found.models[LANG].touched
    assert (model.record, model.aliases, model.versions) == (2, 4, 5)


def test_aliases_tags_and_what_they_touch(branch: Branch) -> None:
    branch.commit(version_files("2", artifacts=[tracked_artifact()]))
    branch.commit(
        {
            f"{HOME}/aliases/production.yaml": alias_yaml("1"),
            f"{HOME}/tags/first.yaml": tag_yaml("1"),
        }
    )
    branch.commit({f"{HOME}/aliases/production.yaml": alias_yaml("2")})
    found = agree(branch)
    model = found.models[LANG]
    assert found.alias(model, "production") is version(found, "2")
    assert found.tag(model, "first") is version(found, "1")
    assert found.alias(model, "first") is None
    assert version(found, "1").aliases == ()
    assert [version(found, n).touched.aliases for n in "12"] == [5, 5]
    branch.commit({f"{HOME}/aliases/production.yaml": None})
    assert agree(branch).alias(agree(branch).models[LANG], "production") is None


def test_free_metadata_is_laid_over_that_of_the_record(branch: Branch) -> None:
    branch.commit(
        version_files("2", artifacts=[tracked_artifact()], metadata={"a": 1, "b": 2, "c": 3})
    )
    over = {"b": 20}
    text = f"schema: metadata/v2\nmetadata: {{b: {over['b']}}}\nwithout: [c]\n"
    branch.commit({f"{HOME}/versions/2/metadata.yaml": text})
    assert version(agree(branch), "2").metadata == {"a": 1, "b": 20}


def test_titles_are_shown_names(branch: Branch) -> None:
    title = "schema: title/v1\ntitle: {}\n"
    branch.commit(
        {
            f"{HOME}/title.yaml": title.format("Language ID 🚀"),
            f"{HOME}/titles/1.yaml": title.format("model:first"),
            "models/nlp/title.yaml": title.format("ai/langtech"),
        }
    )
    found = agree(branch)
    assert found.model_shown("nlp", "Language ID 🚀") is found.models[LANG]
    assert found.model_shown("nlp", "lang-id") is None
    assert found.version_shown(LANG, "model:first") is version(found, "1")
    assert found.namespaces["nlp"].shown == "ai/langtech"
    assert version(found, "1").touched.title == 3


def test_a_deleted_model_frees_its_title_and_keeps_its_path(branch: Branch) -> None:
    deletion = "schema: deletion/v1\nreason: Wrong.\n"
    branch.commit({f"{HOME}/deletion.yaml": deletion, f"{HOME}/versions/1/deletion.yaml": deletion})
    branch.commit(
        {
            **model_files("nlp/lang-id-2"),
            "models/nlp/lang-id-2/title.yaml": "schema: title/v1\ntitle: lang-id\n",
        }
    )
    found = agree(branch)
    assert found.model_shown("nlp", "lang-id") is found.models[ModelName("nlp", "lang-id-2")]
    assert (found.models[LANG].state, version(found, "1").state) == ("deleted", "deleted")
    assert (found.record(1), found.record(2)) == (None, None)
    assert list(found.versions(found.models[LANG])) == []


def test_a_draft_keeps_its_id_when_it_is_sealed(branch: Branch) -> None:
    draft = f"{HOME}/drafts/2"
    record = version_yaml("2", artifacts=[tracked_artifact()])
    names = "schema: draft/v1\naliases: [candidate]\ntags: [v2-edge]\n"
    branch.commit({f"{draft}/version.yaml": record, f"{draft}/draft.yaml": names})
    found = agree(branch)
    two = version(found, "2")
    assert (two.id, two.state, two.is_draft) == (3, "draft", True)
    assert (two.aliases, two.tags) == (("candidate",), ("v2-edge",))
    assert found.alias(found.models[LANG], "candidate") is two
    assert found.tag(found.models[LANG], "candidate") is None
    branch.commit(
        {
            f"{draft}/version.yaml": None,
            f"{draft}/draft.yaml": None,
            f"{HOME}/versions/2/version.yaml": record,
            f"{HOME}/aliases/candidate.yaml": alias_yaml("2"),
        }
    )
    found = agree(branch)
    two = version(found, "2")
    assert (two.id, two.state, two.aliases) == (3, "active", ("candidate",))
    assert (two.touched.created, two.touched.record, two.touched.aliases) == (3, 3, 4)
    assert found.models[LANG].touched.versions == 4
    assert dict(found.models[LANG].reserved) == {}


def test_numbers_count_in_the_order_of_creation_where_the_scheme_does_not(branch: Branch) -> None:
    free = ModelName("nlp", "free")
    branch.commit({"models/nlp/free/model.yaml": model_yaml("free", version_scheme="free")})
    for name in ("zeta", "alpha", "mid"):
        folder = f"models/nlp/free/{'drafts' if name == 'alpha' else 'versions'}/{name}"
        branch.commit(
            {
                f"{folder}/version.yaml": version_yaml(
                    name, "nlp/free", artifacts=[tracked_artifact()]
                )
            }
        )
    branch.commit({"models/nlp/free/drafts/alpha/version.yaml": None})
    found = agree(branch)
    assert [found.number(version(found, n, free)) for n in ("zeta", "mid")] == [1, 3]
    assert found.version_numbered(free, 3) is version(found, "mid", free)
    assert [found.version_numbered(free, n) for n in (2, 0, 4)] == [None, None, None]


def test_artifacts_metrics_and_parameters_have_ids_of_their_own_pool(branch: Branch) -> None:
    record = version_yaml(
        "2",
        artifacts=[tracked_artifact()],
        metrics=[{"key": "f1", "value": 0.5}],
        parameters={"seed": 7},
    )
    branch.commit({f"{HOME}/drafts/2/version.yaml": record})
    more = version_yaml(
        "2",
        artifacts=[tracked_artifact("s3://b/new", name="new"), tracked_artifact()],
        metrics=[{"key": "f1", "value": 0.6}],
        parameters={"seed": 7},
    )
    branch.commit({f"{HOME}/drafts/2/version.yaml": more})
    found = agree(branch)
    listed = [
        (a.id, a.kind, a.name, a.created, a.changed) for a in found.artifacts(version(found, "2"))
    ]
    assert listed == [
        (2, "artifact", "eval", 3, 4),
        (3, "metric", "f1", 3, 4),
        (4, "parameter", "seed", 3, 4),
        (5, "artifact", "new", 4, 4),
    ]
    artifact = found.artifact(3)
    assert artifact is not None
    assert artifact.data == {"key": "f1", "value": 0.6}
    assert [found.artifact(n) for n in (0, 6, 10**12)] == [None, None, None]


def test_evidence_adds_artifacts_and_later_values(branch: Branch) -> None:
    evidence = evidence_yaml(kind="metrics", metrics=[{"key": "later", "value": 1}])
    branch.commit({f"{HOME}/versions/1/evidence/run.yaml": evidence})
    found = agree(branch)
    assert [(a.id, a.name, a.file) for a in found.artifacts(version(found, "1"))] == [
        (1, "model", "version.yaml"),
        (2, "later", "evidence/run.yaml"),
    ]
    assert list(version(found, "1").evidence()) == ["run"]


FIRST = Layout().object("kubeflow", "experiment", "first")
LOOSE = Layout().object("kubeflow", "artifact", "loose")
OBJECT = "schema: object/v1\napi: kubeflow\nkind: {}\ntitle: {}\ndata: {{external_id: {}}}\n"


def test_objects_and_standalone_artifacts(branch: Branch) -> None:
    branch.commit(
        {
            FIRST: OBJECT.format("experiment", "First", "e-1"),
            LOOSE: OBJECT.format("artifact", "Loose", "a-1"),
        }
    )
    found = agree(branch)
    experiment, artifact = found.record(3), found.artifact(2)
    assert isinstance(experiment, ObjectRecord)
    assert isinstance(artifact, ObjectRecord)
    assert (experiment.shown, artifact.shown) == ("First", "Loose")
    assert found.with_external_id("e-1") == [experiment]
    assert found.object("kubeflow", "artifact", "loose") is artifact
    assert found.standalone_artifacts() == [artifact]
    assert found.artifacts_with_external_id("a-1") == [artifact]
    assert found.with_external_id("a-1") == []
    wire = (
        "schema: wire/v1\nkubeflow:\n  attached: [artifact/loose]\n  external_id: v-1\n"
        "  artifacts:\n    model: {object: artifact/loose, external_id: w-1}\n"
    )
    branch.commit({f"{HOME}/versions/1/wire.yaml": wire})
    found = agree(branch)
    one = version(found, "1")
    assert found.attached(one) == [artifact]
    assert [a.id for a in found.artifacts(one)] == [artifact.id]
    assert found.with_external_id("v-1") == [one]
    assert [a.id for a in found.artifacts_with_external_id("w-1")] == [artifact.id]
    assert found.with_external_id("w-1") == []
    branch.commit({FIRST: None})
    assert agree(branch).record(3) is None


def test_a_broken_manifest_is_not_served_and_all_else_is(branch: Branch) -> None:
    branch.commit(version_files("2", artifacts=[tracked_artifact()]))
    branch.commit({f"{HOME}/versions/2/version.yaml": "schema: version/v1\nmodel: [\n"})
    found = agree(branch)
    assert version(found, "2").state == "broken"
    assert found.record(3) is None
    assert [v.version for v in found.versions(found.models[LANG])] == ["1"]
    assert list(found.problems) == [f"{HOME}/versions/2/version.yaml"]
    branch.commit(
        {f"{HOME}/versions/2/version.yaml": version_yaml("2", artifacts=[tracked_artifact()])}
    )
    found = agree(branch)
    assert (version(found, "2").state, version(found, "2").id) == ("active", 3)
    assert dict(found.problems) == {}


@pytest.mark.parametrize("file", ["status.yaml", "deletion.yaml"])
def test_a_version_whose_state_cannot_be_read_is_not_served(branch: Branch, file: str) -> None:
    branch.commit({f"{HOME}/versions/1/{file}": "{"})
    assert version(agree(branch), "1").state == "broken"


def test_files_of_a_version_that_came_before_its_record(branch: Branch) -> None:
    branch.commit({f"{HOME}/versions/9/metadata.yaml": metadata_yaml(metadata={"a": "b"})})
    found = agree(branch)
    assert found.version(LANG, "9") is None
    branch.commit(version_files("9", artifacts=[tracked_artifact()]))
    found = agree(branch)
    assert version(found, "9").metadata == {"a": "b"}
    assert not found.orphans


def test_the_committer_of_the_server_is_that_of_the_base(branch: Branch) -> None:
    serve = "schema: serve/v1\ncommitter: Bot <bot@example.org>\n"
    claimed = (START + 3) * 1000 + 7
    branch.commit({"serve.yaml": serve}, when=START + 3, claimed=claimed, by=SERVER)
    for by in (SERVER, "Bot <bot@example.org>"):
        at = START + len(branch.steps) + 1
        branch.commit({}, when=at, claimed=at * 1000 + 9, by=by)
    found = agree(branch)
    assert [found.time(n) - (START + n) * 1000 for n in (3, 4, 5)] == [7, 0, 9]


def test_readers_of_an_older_snapshot_see_the_older_state(branch: Branch) -> None:
    older = branch.snapshot()
    assert [v.version for v in older.versions(older.models[LANG])] == ["1"]
    branch.commit(version_files("2", artifacts=[tracked_artifact()]))
    newer = branch.snapshot()
    assert [v.version for v in older.versions(older.models[LANG])] == ["1"]
    assert [v.version for v in newer.versions(newer.models[LANG])] == ["1", "2"]
    assert older.etag(version(older, "1")) == newer.etag(version(newer, "1"))


def test_names_lead_elsewhere_only_after_some_changes(branch: Branch) -> None:
    title = "schema: title/v1\ntitle: Languages\n"
    steps = {
        f"{HOME}/versions/1/metadata.yaml": (metadata_yaml(labels=["edge"]), True),
        f"{HOME}/aliases/production.yaml": (alias_yaml(), True),
        f"{HOME}/title.yaml": (title, False),
        "models/ops/namespace.yaml": (namespace_yaml(), False),
        "serve.yaml": ("schema: serve/v1\nnamespaces: {mlflow: nlp}\n", False),
        "models/nlp/z/model.yaml": (model_yaml("z"), False),
        f"{HOME}/model.yaml": ("no: [manifest", False),
    }
    for path, (content, is_same) in steps.items():
        before = branch.snapshot()
        after = move(before, [branch.commit({path: content})], NOW)
        assert (after.naming is before.naming) == is_same, path
        is_touched = path.startswith(HOME)
        assert (after.marks.get(LANG) is not before.marks.get(LANG)) == is_touched, path


def test_a_version_that_is_broken_or_repaired_is_a_change_of_what_its_model_lists(
    branch: Branch,
) -> None:
    branch.commit({f"{HOME}/versions/1/version.yaml": "no: [manifest"})
    branch.commit({f"{HOME}/versions/1/version.yaml": version_yaml()})
    found = Snapshot()
    models = []
    for step in branch.steps:
        found = move(found, [step], NOW)
        models.append(found.models.get(LANG))
    _, good, broken, repaired = models
    assert good == broken == repaired
    assert good is not broken is not repaired


def test_hostile_paths_are_no_objects(branch: Branch) -> None:
    before = as_data(branch.snapshot())["records"]
    branch.commit(
        {
            "models/x": "a", "models/x/y": "a", "models/x/y/z": "a", "objects/a/b.yaml": "a",
            "models/nlp/lang-id/versions/1": "a", "models/nlp/lang-id/versions/1/evidence/a/b.yaml": "a",
            "objects/a/b/c/d/e.yaml": "a", "models//a/b": "a",
        }
    )  # fmt: skip
    assert as_data(agree(branch))["records"] == before


def test_a_registry_with_shards() -> None:
    branch = Branch()
    layout = Layout(2)
    home = layout.model(LANG)
    branch.commit({"registry.yaml": registry_yaml(shard=2)})
    branch.commit(
        {f"{home}/model.yaml": model_yaml(), f"{home}/versions/1/version.yaml": version_yaml()}
    )
    branch.commit(
        {f"{HOME}/model.yaml": model_yaml(), f"{home}/aliases/production.yaml": alias_yaml()}
    )
    found = agree(branch)
    assert list(found.models) == [LANG]
    assert found.alias(found.models[LANG], "production") is version(found, "1")
    assert [a.id for a in found.artifacts(version(found, "1"))] == [1]


def test_what_a_branch_adds_has_ids_of_its_own_range(branch: Branch) -> None:
    published = branch.snapshot()
    step = branch.commit(
        {**model_files("nlp/z"), **version_files("2", artifacts=[tracked_artifact()])}
    )
    view = move(published.on_branch(), [step], NOW)
    model, added = view.models[ModelName("nlp", "z")], version(view, "2")
    assert (added.id, model.id) == (BRANCH_START, BRANCH_START + 1)
    assert next(a.id for a in view.artifacts(added)) >= BRANCH_START
    assert [v.version for v in view.versions(view.models[LANG])] == ["1", "2"]
    assert version(view, "1").id == 2
    merged = branch.snapshot()
    assert merged.models[ModelName("nlp", "z")].id == 4
    assert published.version(LANG, "2") is None
