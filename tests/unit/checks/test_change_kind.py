from __future__ import annotations

from typing import get_args

import pytest

from registry_tool.checks.change_kind import (
    ALONE,
    PARTS,
    ChangeKind,
    classify_change,
    classify_file,
)
from registry_tool.checks.rule import Located
from registry_tool.git.tree import FILE, Entry
from registry_tool.manifests.layout import Layout
from registry_tool.manifests.models.registry import RegistryManifest

LAYOUT = Layout()
LANG = "models/nlp/lang-id"
EYES = "models/cv/eyes"
OLD, NEW = Entry(FILE, "1" * 40), Entry(FILE, "2" * 40)


def one(mark: str, path: str) -> Located:
    before = None if mark == "+" else OLD
    after = None if mark == "-" else NEW
    return Located(path, before, after, LAYOUT.locate(path))


def changes(*lines: str) -> list[Located]:
    """Each line is ``+``, ``~`` or ``-`` and a path."""
    return [one(*line.split(" ", 1)) for line in lines]


@pytest.mark.parametrize(
    "path",
    [
        ".github/workflows/a.yml", ".gitlab-ci.yml", ".gitlab/ci/a.yml", "ci/build.gitlab-ci.yml", ".gitea/workflows/a.yml",
        ".forgejo/workflows/a.yaml", ".circleci/config.yml", "Jenkinsfile", "Jenkinsfile.release", "ci/Jenkinsfile",
        "a.jenkinsfile", "azure-pipelines.yml", "ci/azure-pipelines-nightly.yaml", ".azure-pipelines/a.yml",
        ".woodpecker.yml", ".woodpecker/a.yaml", ".buildkite/pipeline.yml", ".drone.yml", ".drone.jsonnet",
        "bitbucket-pipelines.yml", ".travis.yml", "appveyor.yml", ".appveyor.yml", ".cirrus.yml", ".cirrus.star",
        ".teamcity/settings.kts", ".tekton/push.yaml", ".builds/a.yml", ".semaphore/semaphore.yml", "cloudbuild.yaml",
        "buildspec.yml", ".mergify.yml", "renovate.json5", "bors.toml", ".husky/pre-commit", "lefthook.yml", "JENKINSFILE",
        ".GitHub/workflows/a.yml", ".gitea/CODEOWNERS", ".github", ".dvc", ".DVCIGNORE", ".GitModules", "docs/.dvc/config",
        "docs/.dvc/config.local", ".vscode/tasks.json", ".devcontainer/devcontainer.json", ".envrc", "CodeOwners",
    ],
)  # fmt: skip
def test_what_runs_in_any_ci_is_policy(path: str) -> None:
    for mark in "+~-":
        assert classify_file(one(mark, path)) == "policy"
        assert classify_change(changes(f"{mark} {path}", f"+ {LANG}/tags/a.yaml")) == "mixed"


@pytest.mark.parametrize(
    "path",
    ["Makefile", "tools/jenkins.py", "docs/github.txt", "azure.yml", "woodpecker.yml", ".githubx/a", "notes/travis.yml"],
)  # fmt: skip
def test_what_only_sounds_like_it_is_not(path: str) -> None:
    assert classify_file(one("+", path)) in {"other file", "document"}


VERSION = (f"+ {LANG}/versions/2/version.yaml", f"+ {LANG}/versions/2/a.bin.dvc")
DRAFT = (f"+ {LANG}/drafts/2/version.yaml", f"+ {LANG}/drafts/2/draft.yaml")
SEALED = (
    *VERSION,
    *(f"- {LANG}/drafts/2/{name}" for name in ("version.yaml", "draft.yaml", "a.bin.dvc")),
)


@pytest.mark.parametrize(
    ("path", "added", "edited", "removed"),
    [
        ("registry.yaml", "policy", "policy", "policy"),
        ("models/nlp/namespace.yaml", "new namespace", "policy", "frozen"),
        (f"{LANG}/model.yaml", "new model", "model edit", "frozen"),
        (f"{LANG}/test.csv.dvc", "model edit", "model edit", "model edit"),
        (f"{LANG}/CARD.md", "edit", "edit", "edit"),
        (f"{LANG}/versions/2/version.yaml", "new version", "frozen", "frozen"),
        (f"{LANG}/versions/2/a.bin.dvc", "pointer", "frozen", "pointer removed"),
        (f"{LANG}/versions/2/metadata.yaml", "edit", "edit", "edit"),
        (f"{LANG}/versions/2/CARD.md", "edit", "edit", "edit"),
        (f"{LANG}/versions/2/status.yaml", "status", "status", "status"),
        (f"{LANG}/versions/2/evidence/a.yaml", "evidence", "frozen", "frozen"),
        (f"{LANG}/drafts/2/version.yaml", "draft", "draft", "draft"),
        (f"{LANG}/drafts/2/draft.yaml", "draft", "draft", "draft"),
        (f"{LANG}/drafts/2/a.bin.dvc", "draft", "draft", "draft"),
        (f"{LANG}/drafts/2/evidence/a.yaml", "unknown", "unknown", "edit"),
        (f"{LANG}/tags/a.yaml", "tag", "frozen", "tag removed"),
        (f"{LANG}/aliases/a.yaml", "alias", "alias", "alias removed"),
        ("waivers/2026-11-21-m208-a.yaml", "waiver", "waiver", "waiver"),
        ("recipients.yaml", "policy", "policy", "policy"),
        ("keys/speech.yaml", "policy", "policy", "policy"),
        (f"{LANG}/versions/2/key.yaml", "key", "policy", "frozen"),
        ("schemas/team.json", "policy", "policy", "policy"),
        (".dvc/config", "policy", "policy", "policy"),
        (".github/workflows/check.yml", "policy", "policy", "policy"),
        (".gitlab/merge_request_templates/Default.md", "policy", "policy", "policy"),
        (".gitlab-ci.yml", "policy", "policy", "policy"),
        (".pre-commit-config.yaml", "policy", "policy", "policy"),
        ("CODEOWNERS", "policy", "policy", "policy"),
        ("docs/CODEOWNERS", "policy", "policy", "policy"),
        ("allowed_signers", "policy", "policy", "policy"),
        (".gitattributes", "policy", "policy", "policy"),
        ("docs/.gitattributes", "policy", "policy", "policy"),
        (".gitmodules", "policy", "policy", "policy"),
        (".gitignore", "policy", "policy", "policy"),
        ("README.md", "document", "document", "document"),
        ("docs/how.rst", "document", "document", "document"),
        ("LICENSE", "document", "document", "document"),
        ("tools/train.py", "other file", "other file", "other file"),
        ("registry.yaml.orig", "other file", "other file", "other file"),
        ("CODEOWNERS.old", "other file", "other file", "other file"),
        (f"{LANG}/notes.txt", "unknown", "unknown", "edit"),
        (f"{LANG}/versions/2/a.bin", "unknown", "unknown", "edit"),
        ("models/README.md", "unknown", "unknown", "edit"),
        ("waivers/README.md", "unknown", "unknown", "edit"),
        ("models", "unknown", "unknown", "edit"),
        ("waivers", "unknown", "unknown", "edit"),
        ("keys/notes.txt", "unknown", "unknown", "edit"),
    ],
)
def test_each_place_of_the_layout_is_an_act(
    path: str, added: str, edited: str, removed: str
) -> None:
    assert [classify_file(one(mark, path)) for mark in "+~-"] == [added, edited, removed]


@pytest.mark.parametrize(
    ("kind", "lines"),
    [
        ("version", VERSION),
        ("version", (*VERSION, f"+ {LANG}/tags/v2.yaml", f"+ {LANG}/versions/2/evidence/a.yaml")),
        ("version", (*VERSION, f"~ {LANG}/CARD.md", f"+ {LANG}/versions/2/status.yaml")),
        ("version", (*VERSION, f"+ {EYES}/versions/1/version.yaml")),
        ("version", (*VERSION, f"+ {LANG}/versions/2/key.yaml")),
        ("version and alias", (*VERSION, f"~ {LANG}/aliases/production.yaml")),
        ("draft", DRAFT),
        ("draft", (f"~ {LANG}/drafts/2/version.yaml", f"- {EYES}/drafts/7/version.yaml")),
        ("draft", (*DRAFT, f"+ {LANG}/titles/2.yaml")),
        ("seal", (*SEALED, f"~ {LANG}/titles/2.yaml")),
        ("model", (f"+ {LANG}/model.yaml", *DRAFT)),
        ("seal", SEALED),
        ("seal", (*SEALED, f"+ {LANG}/versions/2/metadata.yaml", f"+ {LANG}/tags/v2.yaml")),
        ("seal", (*SEALED, f"+ {LANG}/versions/2/evidence/a.yaml")),
        ("seal and alias", (*SEALED, f"~ {LANG}/aliases/production.yaml")),
        ("policy", (f"~ {LANG}/versions/1/key.yaml", "+ keys/speech.yaml", "~ recipients.yaml")),
        ("model", (f"+ {LANG}/model.yaml", *VERSION, f"+ {LANG}/aliases/production.yaml")),
        ("model", (f"+ {LANG}/model.yaml", "+ models/nlp/namespace.yaml", f"+ {LANG}/t.dvc")),
        ("model", ("+ models/nlp/namespace.yaml",)),
        ("alias", (f"~ {LANG}/aliases/production.yaml", f"- {EYES}/aliases/staging.yaml")),
        ("tag", (f"+ {LANG}/tags/a.yaml",)),
        ("status", (f"~ {LANG}/versions/1/status.yaml",)),
        (
            "status",
            (
                f"+ {LANG}/versions/1/status.yaml", f"- {LANG}/versions/1/a.bin.dvc",
                f"- {LANG}/tags/a.yaml",
            ),
        ),
        (
            "status",
            (f"+ {LANG}/versions/1/status.yaml", f"- {LANG}/aliases/production.yaml"),
        ),
        ("evidence", (f"+ {LANG}/versions/1/evidence/a.yaml",)),
        ("evidence", (f"+ {LANG}/evidence/a.yaml",)),
        ("edit", (f"~ {LANG}/versions/1/metadata.yaml", f"~ {EYES}/model.yaml", "~ README.md")),
        ("edit", ("~ README.md",)),
        ("edit", (f"- {LANG}/notes.txt",)),
        ("other", ("+ tools/train.py", "~ README.md")),
        ("policy", ("~ registry.yaml", "~ tools/train.py", "+ models/cv/namespace.yaml")),
        ("waiver", ("+ waivers/2026-11-21-m208-a.yaml",)),
    ],
)  # fmt: skip
def test_acts_that_belong_together_are_one_kind(kind: str, lines: tuple[str, ...]) -> None:
    assert classify_change(changes(*lines)) == kind


@pytest.mark.parametrize(
    "lines",
    [
        (*VERSION, f"~ {EYES}/aliases/production.yaml"),
        (*VERSION, f"- {LANG}/aliases/production.yaml"),
        (*DRAFT, f"~ {LANG}/aliases/production.yaml"),
        (*DRAFT, *VERSION),
        (*DRAFT, f"+ {LANG}/titles/1.yaml"),
        (*DRAFT, "~ registry.yaml"),
        (*SEALED, f"+ {EYES}/versions/1/version.yaml"),
        (*SEALED, f"+ {LANG}/drafts/3/version.yaml"),
        (*SEALED, f"~ {EYES}/CARD.md"),
        (*VERSION, f"+ {LANG}/versions/1/evidence/a.yaml"),
        (*VERSION, f"~ {LANG}/versions/1/metadata.yaml"),
        (*VERSION, f"+ {LANG}/versions/1/b.bin.dvc"),
        (*VERSION, f"~ {EYES}/CARD.md"),
        (*VERSION, f"+ {EYES}/tags/a.yaml"),
        (*VERSION, "~ README.md"),
        (*VERSION, f"+ {EYES}/model.yaml"),
        (*VERSION, "~ registry.yaml"),
        (f"+ {EYES}/model.yaml", f"~ {LANG}/aliases/production.yaml"),
        (f"+ {LANG}/versions/1/status.yaml", f"- {LANG}/versions/2/a.bin.dvc"),
        (f"+ {LANG}/versions/1/status.yaml", f"- {EYES}/tags/a.yaml"),
        (f"+ {LANG}/versions/1/status.yaml", f"~ {LANG}/aliases/production.yaml"),
        ("~ registry.yaml", "+ waivers/2026-11-21-m208-a.yaml"),
        (f"~ {LANG}/CARD.md", "~ tools/train.py"),
        ("~ registry.yaml", f"~ {LANG}/aliases/production.yaml"),
        (f"~ {LANG}/versions/1/version.yaml",),
        (f"- {LANG}/model.yaml",),
        (f"+ {LANG}/notes.txt",),
    ],
)
def test_what_does_not_belong_together_is_mixed(lines: tuple[str, ...]) -> None:
    assert classify_change(changes(*lines)) == "mixed"
    assert classify_change(reversed(changes(*lines))) == "mixed"


def test_a_later_schema_alone_comes_along_and_an_edit_does_not() -> None:
    evidence = changes(f"+ {LANG}/evidence/a.yaml")
    upgrade = one("~", f"{LANG}/model.yaml")._replace(upgrades=True)
    assert classify_change([*evidence, upgrade]) == "evidence"
    assert classify_change([*changes(*VERSION), upgrade]) == "version"
    assert classify_change([upgrade]) == "edit"
    assert classify_change([*evidence, one("~", f"{LANG}/model.yaml")]) == "mixed"
    assert classify_change([*changes(f"~ {LANG}/aliases/production.yaml"), upgrade]) == "mixed"


def test_uploads_go_with_the_version_that_is_erased() -> None:
    model = one("~", f"{LANG}/model.yaml")._replace(erases=True)
    pointer = one("-", f"{LANG}/report.md.dvc")._replace(erases=True)
    erasure = changes(f"+ {LANG}/versions/1/status.yaml", f"- {LANG}/versions/1/model.bin.dvc")
    assert classify_change([*erasure, model, pointer]) == "status"
    assert classify_change([model, pointer]) == "edit"
    assert classify_change([*erasure, model, pointer._replace(erases=False)]) == "mixed"
    assert classify_change([*erasure, model._replace(erases=False), pointer]) == "mixed"


def test_nothing_is_no_kind() -> None:
    assert classify_change([]) is None


def test_policy_can_ask_for_the_kinds_that_do_not_decide_how_others_are_judged() -> None:
    never = {"deletion", "other", "policy", "waiver", "mixed"}
    listed = RegistryManifest.model_fields["automerge"].annotation
    words = set(get_args(get_args(listed)[0]))
    assert words == set(get_args(ChangeKind)) - never - set(PARTS)
    assert {part for parts in PARTS.values() for part in parts} <= words


@pytest.mark.parametrize(
    ("kind", "lines"),
    [
        ("edit", (f"+ {LANG}/title.yaml",)),
        ("edit", (f"- {LANG}/titles/1.yaml", f"~ {LANG}/wire.yaml")),
        ("edit", ("+ models/nlp/title.yaml",)),
        ("version", (*VERSION, f"+ {LANG}/titles/2.yaml", f"+ {LANG}/versions/2/wire.yaml")),
        ("model", (f"+ {LANG}/model.yaml", f"+ {LANG}/title.yaml", f"+ {LANG}/wire.yaml")),
        ("model", ("+ models/new/namespace.yaml", "+ models/new/title.yaml")),
        ("alias", (f"- {LANG}/aliases/production.yaml", f"- {LANG}/titles/production.yaml")),
        ("object", ("+ objects/mlflow/run/68/bold-ape-7-26d80b9b.yaml",)),
        ("deletion", (f"+ {LANG}/versions/1/deletion.yaml", f"+ {LANG}/versions/1/status.yaml")),
        ("deletion", (f"+ {LANG}/deletion.yaml", f"~ {LANG}/model.yaml", f"- {LANG}/aliases/production.yaml")),
        ("policy", ("+ serve.yaml",)),
        ("mixed", (f"+ {LANG}/title.yaml", f"~ {LANG}/aliases/production.yaml", f"~ {LANG}/CARD.md")),
        ("mixed", (f"+ {LANG}/deletion.yaml", f"~ {EYES}/model.yaml")),
        ("mixed", ("+ objects/mlflow/run/68/bold-ape-7-26d80b9b.yaml", f"+ {LANG}/tags/a.yaml")),
    ],
)  # fmt: skip
def test_kinds_of_titles_objects_and_deletions(kind: str, lines: tuple[str, ...]) -> None:
    assert classify_change(changes(*lines)) == kind


def test_what_is_never_right_is_no_act_to_split_off() -> None:
    assert not ALONE & {"frozen", "unknown", "pointer removed", "tag removed"}
