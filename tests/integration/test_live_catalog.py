"""The live catalog beside the real program: after each command both say the same, and so does a fresh clone."""

from __future__ import annotations

import json
from pathlib import Path

from support import git, run_program
from support.live_steps import as_data

from registry_tool.git.repository import Repository
from registry_tool.live.follow import LiveCatalog
from registry_tool.live.records import ModelRecord, VersionRecord
from registry_tool.names import ModelName

LANG = ModelName("nlp", "lang-id")


def run(folder: Path, *arguments: str) -> str:
    ran = run_program(*arguments, cwd=folder)
    assert ran.code == 0, ran.out + ran.err
    return ran.out


def resolved(folder: Path, reference: str) -> str:
    found = json.loads(run(folder, "resolve", reference, "--format", "json"))
    return str(found["version"])


def model(live: LiveCatalog) -> ModelRecord:
    live.look()
    return live.snapshot.models[LANG]


def named(live: LiveCatalog, alias: str) -> VersionRecord | None:
    found = model(live)
    return live.snapshot.alias(found, alias)


def test_a_registry_as_people_make_it(tmp_path: Path) -> None:
    run(tmp_path, "init", "models", "--name", "acme", "--remote", str(tmp_path / "storage"))
    folder = tmp_path / "models"
    live = LiveCatalog(Repository.open(folder), folder=tmp_path / "kept")
    add = ("version", "add", "nlp/lang-id", "--framework", "fasttext", "--commit")
    task = ("--task", "language-identification", "--owner", "@acme/nlp", "--description", "d")
    run(folder, "model", "add", "nlp/lang-id", *task, "--commit")
    run(folder, *add, "--track", "s3://bucket/1", "--metadata", 'team="speech"')
    run(folder, *add, "--track", "s3://bucket/2", "--metric", "accuracy=0.9")
    run(folder, "alias", "set", "nlp/lang-id@2", "production", "--commit")
    production = named(live, "production")
    assert production is not None
    assert production.version == resolved(folder, "nlp/lang-id@production") == "2"
    assert [(a.kind, a.name) for a in live.snapshot.artifacts(production)][-1] == (
        "metric",
        "accuracy",
    )
    run(folder, "title", "set", "nlp/lang-id", "Which language? 🌍", "--commit")
    run(folder, "annotate", "nlp/lang-id@1", 'team="text"', "--commit")
    shown = model(live)
    assert shown.shown == "Which language? 🌍"
    assert live.snapshot.model_shown("nlp", shown.shown) is shown
    one = live.snapshot.version(LANG, "1")
    assert one is not None
    assert one.metadata == {"team": "text"}
    assert one.touched.metadata > one.touched.record
    run(folder, "alias", "set", "nlp/lang-id@1", "production", "--commit")
    run(folder, "delete", "nlp/lang-id@2", "--reason", "Wrong.", "--commit")
    left = model(live)
    assert [v.version for v in live.snapshot.versions(left)] == ["1"]
    assert (named(live, "production") or production).version == "1"
    run(folder, *add, "--track", "s3://bucket/3", "--draft")
    model(live)
    draft = live.snapshot.version(LANG, "3")
    assert draft is not None
    assert draft.state == "draft"
    run(folder, "seal", "nlp/lang-id@3", "--commit")
    model(live)
    sealed = live.snapshot.version(LANG, "3")
    assert sealed is not None
    assert (sealed.id, sealed.state, sealed.touched.created) == (
        draft.id,
        "active",
        draft.touched.created,
    )
    assert sealed.touched.record == draft.touched.record
    assert dict(live.snapshot.problems) == {}
    live.close()
    clone = tmp_path / "clone.git"
    git(tmp_path, "clone", "--quiet", "--bare", str(folder), str(clone))
    for place, kept in ((clone, None), (folder, tmp_path / "kept")):
        again = LiveCatalog(Repository.open(place), folder=kept)
        assert as_data(again.snapshot) == as_data(live.snapshot)
