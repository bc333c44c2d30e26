"""Titles and deletions with the real program: shown, found, renamed, freed; and a registry of an earlier starter."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from support import Ran, commit, git, write_files
from support.manifests import model_yaml, small_registry

import registry_tool

Cli = Callable[..., Ran]
LANG = "nlp/lang-id"
TITLE = "helpful-meadow-5 (YOLOR-D6, 1280x1280, pytorch-1.7) 🚀"
# The part about models of the `.gitignore` that `registry init` wrote before titles.
EARLIER = """\
/models/*/*/?*
!/models/*/*/model.yaml
!/models/*/*/CARD.md
!/models/*/*/*.dvc
!/models/*/*/tags/
!/models/*/*/aliases/
!/models/*/*/evidence/
!/models/*/*/versions/
/models/*/*/versions/*/?*
!/models/*/*/versions/*/version.yaml
!/models/*/*/versions/*/metadata.yaml
!/models/*/*/versions/*/status.yaml
!/models/*/*/versions/*/key.yaml
!/models/*/*/versions/*/CARD.md
!/models/*/*/versions/*/*.dvc
!/models/*/*/versions/*/evidence/
"""


@pytest.fixture
def folder(make_registry: Callable[..., Path]) -> Path:
    return make_registry(small_registry())


def test_what_has_a_title_is_shown_and_found_by_it(folder: Path, cli: Cli) -> None:
    for subject, title in ((LANG, TITLE), (f"{LANG}@2", "model:latest"), ("nlp/", "Speech")):
        ran = cli("title", "set", subject, title, "--commit", cwd=folder)
        assert ran.code == 0, ran.err
    assert TITLE in cli("list", cwd=folder).out
    assert "model:latest" in cli("list", LANG, cwd=folder).out
    assert TITLE in cli("show", LANG, cwd=folder).out
    asked = f"nlp/{TITLE.upper()}@MODEL:latest"
    assert cli("resolve", "--title", asked, cwd=folder).out.startswith("nlp/lang-id@2")
    assert cli("show", "--title", f"nlp/{TITLE}", cwd=folder).out.startswith("nlp/lang-id")
    assert (
        json.loads(cli("search", "meadow", "--format", "json", cwd=folder).out)[0]["title"] == TITLE
    )
    assert cli("search", f'title:"{TITLE}"', cwd=folder).out.startswith("nlp/lang-id")
    # A path wins, and is not looked up as a title.
    assert cli("resolve", LANG, cwd=folder).code == 0
    assert cli("resolve", f"nlp/{TITLE}", cwd=folder).code == 2
    ran = cli("title", "set", f"{LANG}@1", "Model:Latest", cwd=folder)
    assert ran.code == 1
    assert "nlp/lang-id@2 is already shown as 'Model:Latest'" in ran.err
    ran = cli("title", "set", LANG, "a\u202eb", cwd=folder)
    assert "text contains a control character" in ran.err
    ran = cli("title", "set", LANG, "a\u200bb", cwd=folder)
    assert "contains U+200B" in ran.err or "contains a control character" in ran.err
    ran = cli("title", "set", LANG, "👩\u200d🔬 ❤\ufe0f", "--commit", cwd=folder)
    assert ran.code == 0, ran.err
    assert cli("resolve", "--title", "nlp/👩\u200d🔬 ❤\ufe0f@1", cwd=folder).code == 0
    assert cli("title", "set", LANG, TITLE, "--commit", cwd=folder).code == 0
    with registry_tool.open(folder) as reg:
        assert reg.model(title=f"nlp/{TITLE}").title == TITLE
        assert reg.version(title=f"nlp/{TITLE}@model:latest").title == "model:latest"
        assert reg.version(f"{LANG}@1").title == "1"
    assert cli("check", "--all", cwd=folder).code == 0


def test_the_hook_refuses_a_title_that_is_taken(folder: Path, cli: Cli) -> None:
    fields = ("--task", "t", "--owner", "@acme/speech", "--description", "d", "--commit")
    assert cli("model", "add", "nlp/other", "--title", "Best", *fields, cwd=folder).code == 0
    place = folder / "models/nlp/lang-id/title.yaml"
    place.write_text("schema: title/v1\ntitle: BEST\n")
    git(folder, "add", "--all")
    for command in (["check", "--staged"], ["check"]):
        ran = cli(*command, cwd=folder)
        assert ran.code == 1
        assert "R318" in ran.out
    commit(folder, "past the hooks")
    whole = cli("check", "--all", cwd=folder)
    assert whole.code == 1
    assert "R318" in whole.out
    pushed = cli("check", "--base", "HEAD~1", cwd=folder)
    assert (pushed.code, "R318" in pushed.out) == (1, True)


def test_a_new_model_is_compared_with_the_titles_of_a_large_namespace(
    folder: Path, cli: Cli
) -> None:
    new = {"models/nlp/New/model.yaml": model_yaml(name="New")}
    many = {f"models/nlp/m{n}/model.yaml": model_yaml(name=f"m{n}") for n in range(1_050)}
    write_files(folder, {**many, "models/nlp/m7/title.yaml": "schema: title/v1\ntitle: new\n"})
    commit(folder, "Many models, one of which has a title")
    fields = ("--task", "t", "--owner", "@acme/speech", "--description", "d", "--commit")
    added = cli("model", "add", "nlp/New", *fields, cwd=folder)
    assert (added.code, "is already shown as 'New'" in added.err) == (1, True)
    write_files(folder, new)
    git(folder, "add", "--all")
    staged = cli("check", "--staged", cwd=folder)
    assert (staged.code, "R318" in staged.out) == (1, True)
    commit(folder, "past the hooks")
    pushed = cli("check", "--base", "HEAD~1", cwd=folder)
    assert (pushed.code, "R318" in pushed.out) == (1, True)


def test_a_deleted_model_frees_its_title(folder: Path, cli: Cli) -> None:
    assert cli("title", "set", LANG, "Best", "--commit", cwd=folder).code == 0
    ran = cli("delete", f"{LANG}@2", "--reason", "twice", "--commit", cwd=folder)
    assert ran.code == 0, ran.err
    assert "2  " not in cli("list", LANG, cwd=folder).out
    assert "deleted" in cli("list", LANG, "--all", cwd=folder).out
    with registry_tool.open(folder) as reg:
        assert [one.version for one in reg.versions(LANG)] == ["1"]
        assert reg.version(f"{LANG}@2", allow_withdrawn=True).state == "deleted"
    assert "nlp/lang-id@2 is deleted: twice" in cli("resolve", f"{LANG}@2", cwd=folder).err
    assert "alias production" in cli("delete", f"{LANG}@1", "--reason", "x", cwd=folder).err
    assert cli("delete", LANG, "--reason", "twice", "--commit", cwd=folder).code == 0
    assert "lang-id" not in cli("list", cwd=folder).out
    assert "lang-id" in cli("list", "--all", cwd=folder).out
    assert cli("resolve", LANG, cwd=folder).code == 2
    with registry_tool.open(folder) as reg:
        assert [*reg.models()] == []
        assert reg.model(LANG).state == "deleted"
    fields = ("--task", "t", "--owner", "@acme/speech", "--description", "d", "--commit")
    assert cli("model", "add", "nlp/next", "--title", "BEST", *fields, cwd=folder).code == 0
    assert cli("model", "add", LANG, *fields, cwd=folder).code == 1
    assert cli("check", "--all", cwd=folder).code == 0
    (folder / "models/nlp/lang-id/deletion.yaml").unlink()
    ran = cli("check", cwd=folder)
    assert (ran.code, "C426" in ran.out) == (1, True)


def test_a_registry_of_an_earlier_starter_stays_valid(
    make_registry: Callable[..., Path], cli: Cli
) -> None:
    folder = make_registry(
        {
            **small_registry(),
            ".gitignore": EARLIER,
            "serve.yaml": "applications: []\n",
            "objects/a.txt": "x\n",
        }
    )
    whole = cli("check", "--all", cwd=folder)
    assert whole.code == 0, whole.out
    assert "F113" not in whole.out
    ran = cli("title", "set", LANG, "Best", cwd=folder)
    assert ran.code == 0
    assert (
        "Git ignores models/nlp/lang-id/title.yaml; to repair the ignore rules: registry init ."
        in ran.err
    )
    assert cli("init", ".", cwd=folder).code == 0
    assert "?? models/nlp/lang-id/title.yaml" in git(folder, "status", "--porcelain", "-uall")
