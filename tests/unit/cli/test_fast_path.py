"""The short cuts of the console script: what they print is what the command prints, and they leave the rest alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support import Ran, commit, git, write_files
from support.manifests import alias_yaml, registry_yaml, small_registry, status_yaml

from registry_tool.cli.fast_path import answer

Cli = Callable[..., Ran]
FORMS = [
    ["nlp/lang-id@production"],
    ["nlp/lang-id@first"],
    ["nlp/lang-id@2", "--format", "json"],
    ["nlp/lang-id", "--ref", "HEAD"],
    ["--ref", "main", "nlp/lang-id@latest", "--format", "json"],
    ["nlp/lang-id", "--repo", "."],
]
LEFT = [
    [],
    ["nlp/lang-id@9"],
    ["nlp/lang-id", "--ref", "nowhere"],
    ["nlp/lang-id", "--format", "yaml"],
    ["nlp/lang-id", "nlp/lang-id"],
    ["nlp/lang-id", "--help"],
    ["nlp/lang-id", "--allow-withdrawn"],
    ["nlp/lang-id", "--ref"],
    ["--", "nlp/lang-id"],
    ["nlp/lang-id", "--repo", "https://127.0.0.1:1/x.git"],
    ["nlp/lang-id", "--repo", "nowhere"],
]


@pytest.fixture
def registry(make_registry: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = make_registry(small_registry())
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize("arguments", FORMS, ids=" ".join)
def test_the_short_cut_prints_what_the_command_prints(
    arguments: list[str], registry: Path, cli: Cli
) -> None:
    slow = cli("resolve", *arguments, cwd=registry)
    assert slow.code == 0
    assert slow.err == ""
    assert f"{answer(['resolve', *arguments])}\n" == slow.out


@pytest.mark.parametrize("arguments", LEFT, ids=" ".join)
def test_what_is_not_plain_or_goes_wrong_is_left_to_the_command(
    arguments: list[str], registry: Path
) -> None:
    assert answer(["resolve", *arguments]) is None


def test_other_commands_are_left_alone(registry: Path) -> None:
    assert answer(["show", "nlp/lang-id"]) is None
    assert answer([]) is None


def test_an_answer_with_a_note_is_left_to_the_command(registry: Path) -> None:
    write_files(registry, {"models/nlp/lang-id/versions/1/status.yaml": status_yaml("deprecated")})
    assert answer(["resolve", "nlp/lang-id@1"]) is None
    assert answer(["resolve", "nlp/lang-id@2"]) is not None


def test_an_answer_that_is_not_committed_is_left_to_the_command(registry: Path) -> None:
    write_files(registry, {"models/nlp/lang-id/aliases/new.yaml": alias_yaml("2")})
    asked = ["resolve", "nlp/lang-id@new", "--format", "json"]
    assert answer(asked) is None
    commit(registry)
    assert answer(asked) is not None


def test_the_registry_of_the_environment_counts(
    registry: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert answer(["resolve", "nlp/lang-id"]) is None
    monkeypatch.setenv("REGISTRY_REPO", str(registry))
    assert answer(["resolve", "nlp/lang-id"]) is not None


def test_completion_is_left_alone(registry: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_REGISTRY_COMPLETE", "bash_complete")
    assert answer(["resolve", "nlp/lang-id"]) is None


# --- what is staged

STAGED: dict[str, dict[str, str]] = {
    "passes": {"models/nlp/lang-id/aliases/new.yaml": alias_yaml("2")},
    "warns": {
        "models/nlp/lang-id/versions/1/status.yaml": status_yaml("deprecated"),
        "models/nlp/lang-id/aliases/new.yaml": alias_yaml("1"),
    },
    "needs review": {"registry.yaml": registry_yaml(description="Ours.")},
}
CHECKS = [["check", "--staged"], ["check", "--staged", "--repo", "."], ["check", "--repo", ".", "--staged"]]  # fmt: skip


@pytest.mark.parametrize("arguments", CHECKS, ids=" ".join)
@pytest.mark.parametrize("what", STAGED)
def test_the_check_of_what_is_staged_says_what_the_command_says(
    what: str, arguments: list[str], registry: Path, cli: Cli
) -> None:
    write_files(registry, STAGED[what])
    git(registry, "add", "--all")
    slow = cli(*arguments, cwd=registry)
    assert (slow.code, slow.err) == (0, "")
    assert f"{answer(arguments)}\n" == slow.out


def test_what_is_refused_is_left_to_the_command(registry: Path) -> None:
    write_files(registry, {"models/nlp/lang-id/aliases/new.yaml": alias_yaml("9")})
    git(registry, "add", "--all")
    assert answer(["check", "--staged"]) is None


def test_a_check_of_everything_is_left_to_the_command(registry: Path) -> None:
    assert answer(["check", "--staged"]) is None  # nothing is
    write_files(registry, STAGED["passes"])
    git(registry, "add", "--all")
    assert answer(["check", "--staged"]) is not None
    for more in (["--all"], ["--format", "json"], ["models"], ["--remote"]):
        assert answer(["check", "--staged", *more]) is None
    assert answer(["check"]) is None


def test_a_check_for_a_terminal_is_left_to_the_command(
    registry: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_files(registry, STAGED["passes"])
    git(registry, "add", "--all")
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    assert answer(["check", "--staged"]) is None


def test_a_place_that_is_none_is_left_to_the_command(tmp_path: Path) -> None:
    assert answer(["check", "--staged", "--repo", str(tmp_path / "nowhere")]) is None
