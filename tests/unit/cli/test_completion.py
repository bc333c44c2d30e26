from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.shell_completion import CompletionItem
from support import run_program
from support.manifests import registry_yaml, small_registry

from registry_tool.cli.completion import (
    complete_alias,
    complete_file,
    complete_folder,
    complete_framework,
    complete_model,
    complete_reference,
    complete_rule,
)

Make = Callable[..., Path]
Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


@pytest.fixture
def root(make_registry: Make, monkeypatch: pytest.MonkeyPatch) -> Path:
    settings = registry_yaml(stages={"staging": {}})
    root = make_registry(small_registry() | {"registry.yaml": settings})
    monkeypatch.chdir(root)
    return root


def offered(complete: Complete, incomplete: str, **params: str) -> list[str]:
    context = click.Context(click.Command("x"))
    context.params = dict(params)
    found = complete(context, click.Argument(["x"]), incomplete)
    return [str(item.value) for item in found]


@pytest.mark.parametrize(
    ("incomplete", "expected"),
    [
        ("", ["nlp/"]),
        ("n", ["nlp/"]),
        ("x", []),
        ("nlp/", ["nlp/lang-id"]),
        ("nlp/x", []),
        ("none/", []),
        ("nlp/lang-id@p", ["nlp/lang-id@production"]),
        ("nlp/lang-id@", [f"nlp/lang-id@{s}" for s in ("production", "first", "latest", "1", "2")]),
        ("nlp/none@", []),
        ("../@", []),
        ("\x00/", []),
    ],
)
def test_references(root: Path, incomplete: str, expected: list[str]) -> None:
    assert offered(complete_reference, incomplete) == expected


def test_models(root: Path) -> None:
    assert offered(complete_model, "nlp/l") == ["nlp/lang-id"]


def test_aliases_are_the_stages_and_those_there_are(root: Path) -> None:
    assert offered(complete_alias, "", reference="nlp/lang-id@1") == ["production", "staging"]
    assert offered(complete_alias, "") == ["staging"]
    assert offered(complete_alias, "", reference="no such name") == []


def test_rules(root: Path) -> None:
    assert offered(complete_rule, "f10")[:2] == ["F101", "F102"]


def test_frameworks() -> None:
    assert offered(complete_framework, "x") == ["xgboost"]


def test_the_shell_finds_files_and_folders() -> None:
    context, parameter = click.Context(click.Command("x")), click.Argument(["x"])
    found = [complete(context, parameter, "../m") for complete in (complete_file, complete_folder)]
    assert [[(i.type, i.value) for i in items] for items in found] == [
        [("file", "../m")],
        [("dir", "../m")],
    ]


def test_of_a_revision(root: Path) -> None:
    assert offered(complete_reference, "", ref="HEAD") == ["nlp/"]
    assert offered(complete_reference, "", ref="nope") == []


@pytest.mark.parametrize("repo", [".", "no/such/folder", "ext::sh -c true", "ssh://nowhere/x"])
def test_silent_where_there_is_no_registry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, repo: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert offered(complete_reference, "", repo=repo) == []


def test_through_the_shell(root: Path) -> None:
    words = "registry resolve nlp/lang-id@p"
    env = {"_REGISTRY_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": "2"}
    ran = run_program(cwd=root, env=env)
    assert (ran.out, ran.err) == ("plain,nlp/lang-id@production\n", "")


def test_names_that_are_no_plain_word_are_not_offered(root: Path) -> None:
    for name in ("a b", "$(touch x)", "a\n::error::x", "\x1b[31m", "naïve"):
        (root / "models/nlp" / name).mkdir()
        (root / "models/nlp" / name / "model.yaml").write_text("x")
    assert offered(complete_model, "nlp/") == ["nlp/lang-id"]
