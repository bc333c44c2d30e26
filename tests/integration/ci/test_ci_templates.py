"""The CI templates as linters and the hosts' own schemas see them, and what each of them must and must not have."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from support import git, run_program
from support.ci_hosts import program

from registry_tool._version import VERSION
from registry_tool.edits.codeowners import Host
from registry_tool.scaffold.templates import ci_files

WORKFLOWS = ["artifacts", "automerge", "deploy-events", "nightly", "promote", "site", "validate"]
# What may be written by strangers: it reaches a shell through `env` only.
EXPRESSION = re.compile(r"\$\{\{.*?\}\}")


def laid_down(folder: Path, ci: Host) -> Path:
    made = run_program("init", "models", "--name", "acme", "--ci", ci, "--no-hooks", cwd=folder)
    assert made.code == 0, made.err
    return folder / "models"


def linted(root: Path, name: str, *arguments: str) -> None:
    """One linter says nothing against files of a registry."""
    command = [program(name, "see the `dev` extra in pyproject.toml"), *arguments]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def texts(ci: Host) -> dict[str, str]:
    return {path: data.decode() for path, data in ci_files(ci).items()}


def test_github_workflows_lint_clean(tmp_path: Path) -> None:
    root = laid_down(tmp_path, "github")
    listed = git(root, "ls-files", ".github/workflows/*.yml").splitlines()
    assert [Path(path).stem for path in listed] == WORKFLOWS
    linted(root, "actionlint", *listed)
    linted(root, "zizmor", "--offline", ".github")
    linted(root, "check-jsonschema", "--builtin-schema", "vendor.github-workflows", *listed)


def test_gitlab_pipelines_lint_clean(tmp_path: Path) -> None:
    root = laid_down(tmp_path, "gitlab")
    listed = git(root, "ls-files", ".gitlab-ci.yml", ".gitlab/ci/*.yml").splitlines()
    linted(root, "check-jsonschema", "--builtin-schema", "vendor.gitlab-ci", *listed)
    included = re.findall(r"local: (\S+)", (root / ".gitlab-ci.yml").read_text())
    assert sorted(included) == sorted(path for path in listed if path != ".gitlab-ci.yml")
    assert {*WORKFLOWS, "registry"} == {Path(path).stem for path in included}


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_workflow_grants_nothing_by_default_and_pins_what_it_uses(name: str) -> None:
    text = texts("github")[f".github/workflows/{name}.yml"]
    assert text.startswith("# ")
    assert "\npermissions: {}\n" in text
    assert text.count("\n    timeout-minutes: ") == text.count("\n    runs-on: ")
    assert "\nconcurrency:\n" in text
    used = re.findall(r"^ +- uses: (.*)", text, re.MULTILINE)
    assert all(re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", one) for one in used)
    assert text.count("persist-credentials: false") == sum("checkout@" in one for one in used)


@pytest.mark.parametrize("name", WORKFLOWS)
def test_no_expression_stands_in_a_shell_script(name: str) -> None:
    text = texts("github")[f".github/workflows/{name}.yml"]
    scripts = re.findall(r"^( +)(?:- )?run: (.*(?:\n\1  +.*|\n(?=\n))*)", text, re.MULTILINE)
    assert scripts
    assert [EXPRESSION.findall(script) for _, script in scripts] == [[]] * len(scripts)


def test_jobs_that_read_what_strangers_wrote_have_no_secrets_and_cannot_write() -> None:
    files = texts("github")
    judging = files[".github/workflows/automerge.yml"].partition("\n  merge:\n")[0]
    for text in (files[".github/workflows/validate.yml"], judging):
        assert ": write" not in text
        assert "secrets." not in text
    merging = files[".github/workflows/automerge.yml"].partition("\n  merge:\n")[2]
    assert "checkout" not in merging
    for name, text in files.items():
        assert "pull_request_target" not in text, name


def test_one_job_publishes_pages_and_runs_nothing_else() -> None:
    building, _, publishing = texts("github")[".github/workflows/site.yml"].partition(
        "\n  publish:\n"
    )
    assert ": write" not in building
    assert re.findall(r"(\S+): write", publishing) == ["pages", "id-token"]
    assert "run:" not in publishing
    assert "checkout" not in publishing


def test_one_version_of_the_program_is_asked_for() -> None:
    for ci in ("github", "gitlab"):
        text = texts(ci)[f".{ci}/registry-tool.txt"]
        lines = [line for line in text.splitlines() if not line.startswith("#")]
        assert lines == [f"registry-tool[site]=={VERSION}"]


def test_both_hosts_ask_the_same_of_whoever_opens_a_request() -> None:
    github = texts("github")[".github/PULL_REQUEST_TEMPLATE.md"]
    assert texts("gitlab")[".gitlab/merge_request_templates/Default.md"] == github


@pytest.mark.parametrize("ci", ["github", "gitlab"])
def test_the_files_name_commands_and_options_that_there_are(ci: Host, tmp_path: Path) -> None:
    found: set[tuple[str, str]] = set()
    for text in texts(ci).values():
        for line in text.replace("\\\n", " ").splitlines():
            for command, rest in re.findall(r"\bregistry (check|diff|events|promote|codeowners|site build)\b([^|>`]*)", line):  # fmt: skip
                found |= {(command, option) for option in re.findall(r"(?<!\S)--[a-z-]+", rest)}
    assert len(found) > 10
    for command in {command for command, _ in found}:
        helped = run_program(*command.split(), "--help", cwd=tmp_path).out
        assert [o for c, o in found if c == command and f"{o} " not in helped and f"{o}\n" not in helped] == []  # fmt: skip
