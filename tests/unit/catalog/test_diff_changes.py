"""From two trees to what happened between them, and how that is said."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest
from support.manifests import (
    alias_yaml,
    evidence_yaml,
    metadata_yaml,
    model_yaml,
    namespace_yaml,
    registry_yaml,
    small_registry,
    status_yaml,
    stored_artifact,
    tag_yaml,
    tracked_artifact,
    version_files,
    version_yaml,
    waiver_yaml,
)

from registry_tool.catalog.catalog import Catalog
from registry_tool.catalog.describe import sentence
from registry_tool.catalog.diff import between
from registry_tool.catalog.events import AliasEvent, Event, VersionEvent
from registry_tool.git.tree import EXECUTABLE, SYMLINK, DictTree

FOLDER = "models/nlp/lang-id"
ALIAS = f"{FOLDER}/aliases/production.yaml"
STATUS = f"{FOLDER}/versions/1/status.yaml"
METADATA = f"{FOLDER}/versions/1/metadata.yaml"
EVIDENCE = f"{FOLDER}/versions/1/evidence/holdout.yaml"
WAIVER = "waivers/2026-11-a501-move.yaml"
Files = Mapping[str, str | None]
THIRD = version_files(
    "3",
    author="Ana",
    framework={"type": "sklearn", "version": "1.5.0"},
    artifacts=[stored_artifact(b"x" * 1500), tracked_artifact()],
    metrics=[
        {"key": "accuracy", "value": 0.9, "step": 2},
        {"key": "accuracy", "value": 0.8, "step": 1},
    ],
)


def with_files(base: Mapping[str, str], change: Files) -> dict[str, str]:
    files: dict[str, str | None] = {**base, **change}
    return {path: text for path, text in files.items() if text is not None}


def events(change: Files, base: Files = {}) -> list[Event]:  # noqa: B006 (never changed)
    before = with_files(small_registry(), base)
    trees = (DictTree(before), DictTree(with_files(before, change)))
    return between(*(Catalog(tree) for tree in trees))


# What changes, what is said, and what was there besides a small registry.
MODEL_EVIDENCE = """schema: evidence/v2
kind: metrics
subject:
  model: nlp/lang-id
by: "@acme/speech"
at: "2026-11-20T09:00:00.000Z"
metrics:
  - key: requests
    value: 3
"""
CASES: dict[str, tuple[Files, list[str], Files]] = {
    "nothing": ({}, [], {}),
    "a new version is one event": (
        {**THIRD, f"{FOLDER}/versions/3/CARD.md": "#\n", f"{FOLDER}/versions/3/metadata.yaml": metadata_yaml(labels=["x"])},
        ["version nlp/lang-id@3 added: sklearn 1.5.0; model 1.5 kB, eval ?; accuracy 0.9"],
        {},
    ),
    "a new model, in the order of reading": (
        {
            "models/cv/namespace.yaml": namespace_yaml(owners=["@acme/vision", "@ana"]),
            "models/cv/faces/model.yaml": model_yaml("faces", "cv", task="face-detection"),
            "models/cv/faces/CARD.md": "# Faces\n",
            **version_files("1", "cv/faces"),
            "models/cv/faces/aliases/production.yaml": alias_yaml("1", "cv/faces", reason="The first."),
            "models/cv/faces/tags/v1.yaml": tag_yaml("1", "cv/faces"),
        },
        [
            "namespace cv added, owned by @acme/vision, @ana",
            "model cv/faces added, for face-detection, owned by @acme/speech",
            "version cv/faces@1 added: fasttext; model 21 B",
            "tag cv/faces@v1 added: points to 1",
            "cv/faces@production now points to 1: The first.",
        ],
        {},
    ),
    "an alias moves": (
        {ALIAS: alias_yaml("2", reason="Better.")},
        ["nlp/lang-id@production moved from 1 to 2: Better."],
        {},
    ),
    "an alias is pinned on its way back": (
        {ALIAS: alias_yaml("1", reason="Back.", pinned=True)},
        ["nlp/lang-id@production moved from 2 to 1 and pinned: Back."],
        {ALIAS: alias_yaml("2")},
    ),
    "an alias stays and says why": (
        {ALIAS: alias_yaml("1", reason="It is good.")},
        ["nlp/lang-id@production still points to 1, edited: It is good."],
        {},
    ),
    "an alias goes": ({ALIAS: None}, ["nlp/lang-id@production removed; it pointed to 1"], {}),
    "an alias that cannot be read": (
        {ALIAS: "no alias\n"},
        ["nlp/lang-id@production moved from 1 to an unreadable version"],
        {},
    ),
    "an alias is renamed": (
        {ALIAS: None, f"{FOLDER}/aliases/live.yaml": alias_yaml("1")},
        ["nlp/lang-id@live now points to 1", "nlp/lang-id@production removed; it pointed to 1"],
        {},
    ),
    "tags": (
        {f"{FOLDER}/tags/first.yaml": tag_yaml("2"), f"{FOLDER}/tags/second.yaml": tag_yaml("2")},
        ["tag nlp/lang-id@first moved from 1 to 2", "tag nlp/lang-id@second added: points to 2"],
        {},
    ),
    "a tag goes": (
        {f"{FOLDER}/tags/first.yaml": None},
        ["tag nlp/lang-id@first removed; it pointed to 1"],
        {},
    ),
    "a status": (
        {STATUS: status_yaml("withdrawn", reason="It is wrong.", replaced_by="2")},
        ["version nlp/lang-id@1 is withdrawn (it was active), use 2 instead: It is wrong."],
        {},
    ),
    "a status goes": (
        {STATUS: None},
        ["version nlp/lang-id@1 is active (it was deprecated)"],
        {STATUS: status_yaml("deprecated")},
    ),
    "the reason of a status": (
        {STATUS: status_yaml("deprecated", reason="Other words.")},
        ["version nlp/lang-id@1 is deprecated as before: Other words."],
        {STATUS: status_yaml("deprecated")},
    ),
    "an erasure takes the pointer along": (
        {STATUS: status_yaml("erased", reason="Law."), f"{FOLDER}/versions/1/model.bin.dvc": None},
        ["version nlp/lang-id@1 is erased (it was active): Law."],
        {},
    ),
    "a pointer alone": (
        {f"{FOLDER}/versions/1/model.bin.dvc": None},
        ["the pointer to model.bin of nlp/lang-id@1 removed"],
        {},
    ),
    "evidence": (
        {EVIDENCE: evidence_yaml("1", kind="approval", stage="production", decision="approve", by="Ben")},
        ["evidence holdout on nlp/lang-id@1 added: approval production approve by Ben"],
        {},
    ),
    "evidence goes": (
        {EVIDENCE: None},
        ["evidence holdout on nlp/lang-id@1 removed: note by @acme/speech"],
        {EVIDENCE: evidence_yaml("1")},
    ),
    "evidence about a model": (
        {
            f"{FOLDER}/model.yaml": model_yaml().replace("model/v1", "model/v2"),
            f"{FOLDER}/evidence/usage.yaml": MODEL_EVIDENCE,
        },
        ["model nlp/lang-id edited: schema", "evidence usage on nlp/lang-id added: metrics by @acme/speech"],
        {},
    ),
    "metadata": (
        {METADATA: metadata_yaml(labels=["edge"], metadata={"a": 1, "b": 3})},
        ["metadata of nlp/lang-id@1 edited: labels, metadata.b, metadata.c"],
        {METADATA: metadata_yaml(metadata={"a": 1, "b": 2, "c": 1})},
    ),
    "cards": (
        {f"{FOLDER}/CARD.md": "# Card\n", f"{FOLDER}/versions/1/CARD.md": "# Card\n"},
        ["the card of nlp/lang-id added", "the card of nlp/lang-id@1 added"],
        {},
    ),
    "a model": (
        {f"{FOLDER}/model.yaml": model_yaml(description="Other.", labels=["edge"])},
        ["model nlp/lang-id edited: description, labels"],
        {},
    ),
    "a record, though it is frozen": (
        {f"{FOLDER}/versions/1/version.yaml": version_yaml("1", parameters={"k": 2}, description="Other.")},
        ["version nlp/lang-id@1 edited: description, identity, parameters.k"],
        {},
    ),
    "a version goes with all it has": (
        {f"{FOLDER}/versions/1/version.yaml": None, f"{FOLDER}/versions/1/model.bin.dvc": None, STATUS: None, EVIDENCE: None},
        ["version nlp/lang-id@1 removed"],
        {STATUS: status_yaml("deprecated"), EVIDENCE: evidence_yaml("1")},
    ),
    "policy": (
        {"registry.yaml": registry_yaml(rules={"M203": "warn"}, stages={"staging": {}, "production": {"from": "staging"}})},
        ["the policy (registry.yaml) edited: rules.M203, stages.production, version_scheme"],
        {"registry.yaml": registry_yaml(version_scheme="semver", stages={"staging": {}})},
    ),
    "owners": (
        {"models/nlp/namespace.yaml": namespace_yaml(owners=["@eve"])},
        ["namespace nlp edited: owners"],
        {},
    ),
    "a waiver, and files of any kind, after all else": (
        {
            WAIVER: waiver_yaml("A501"), "README.md": "r\n", ".dvc/config": None, ".gitignore": "changed\n",
            "models/nlp/stray": "s\n", ALIAS: alias_yaml("2"), "registry.yaml": registry_yaml(description="Ours."),
        },
        [
            "the policy (registry.yaml) edited: description",
            "nlp/lang-id@production moved from 1 to 2",
            "waiver 2026-11-a501-move added; it waives A501 for nlp/lang-id@1 until 2026-12-01, approved by @acme/platform: The remote moves this week.",
            "file .dvc/config removed",
            "file .gitignore edited",
            "file README.md added",
            "file models/nlp/stray added",
        ],
        {},
    ),
    "much of one kind is counted": (
        {f"{FOLDER}/model.yaml": model_yaml(metadata={f"key{n}": n for n in range(9)})},
        ["model nlp/lang-id edited: " + ", ".join(f"metadata.key{n}" for n in range(6)) + " and 3 more"],
        {},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_happened_and_what_is_said(case: str) -> None:
    change, expected, base = CASES[case]
    found = events(change, base)
    assert [sentence(event) for event in found] == expected
    for event in found:
        json.dumps(event.data())
        assert event.reference


def test_every_piece_of_the_registry_s_text_is_quoted() -> None:
    def quote(text: str) -> str:
        return "" if text else "nothing is quoted for nothing"

    for change, _, base in CASES.values():
        for event in events(change, base):
            said = sentence(event, quote)
            assert "lang-id" not in said
            assert "acme" not in said
            assert "nothing is quoted" not in said


def test_an_event_is_plain_data() -> None:
    (event,) = events(THIRD)
    assert isinstance(event, VersionEvent)
    assert (event.kind, event.act, event.reference) == ("version", "added", "nlp/lang-id@3")
    assert event.data() == {
        "model": "nlp/lang-id", "version": "3", "author": "Ana", "framework": "sklearn",
        "framework_version": "1.5.0", "metrics": {"accuracy": 0.9}, "fields": [],
        "artifacts": [
            {"name": "model", "role": "model", "size": 1500, "uri": "",
             "sha256": stored_artifact(b"x" * 1500)["sha256"]},
            {"name": "eval", "role": "dataset", "size": None, "sha256": "", "uri": "s3://bucket/eval.parquet"},
        ],
    }  # fmt: skip


def test_an_alias_that_is_a_link_names_nothing() -> None:
    before = small_registry()
    base, head = DictTree(before), DictTree(before, modes={ALIAS: SYMLINK})
    (event,) = between(Catalog(base), Catalog(head))
    assert isinstance(event, AliasEvent)
    assert (event.version, event.before) == ("", "1")


def test_a_mode_alone_is_an_edit() -> None:
    before = small_registry()
    head = DictTree(before, modes={f"{FOLDER}/model.yaml": EXECUTABLE})
    (event,) = between(Catalog(DictTree(before)), Catalog(head))
    assert sentence(event) == "model nlp/lang-id edited"


def test_models_in_shards() -> None:
    sharded = {"registry.yaml": registry_yaml(shard=2)}
    layout = Catalog(DictTree(sharded)).layout
    from registry_tool.names import ModelName

    path = layout.alias(ModelName("nlp", "lang-id"), "production")
    base, head = DictTree(sharded), DictTree({**sharded, path: alias_yaml("1")})
    (event,) = between(Catalog(base), Catalog(head))
    assert event.reference == "nlp/lang-id@production"
