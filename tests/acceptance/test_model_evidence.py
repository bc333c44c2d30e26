"""Metrics of a published model: add-only files that two pull requests add without a conflict; older programs refuse."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from support import Ran, commit, git

import registry_tool
from registry_tool.checks.engine import check
from registry_tool.git.tree import DictTree
from registry_tool.manifests.schema import schema_ids

Cli = Callable[..., Ran]
ADD = ("evidence", "add", "nlp/lang-id", "--model", "--kind", "metrics")
# The lines that a registry of an earlier release has in .gitignore and lacks for evidence about models.
LATER_LINES = (
    "!/models/*/*/evidence/\n",
    "/models/*/*/evidence/?*\n",
    "!/models/*/*/evidence/*.yaml\n",
)


def done(ran: Ran) -> str:
    assert ran.code == 0, ran.out + ran.err
    return ran.out


@pytest.fixture
def root(cli: Cli, tmp_path: Path) -> Path:
    done(cli("init", "models", "--name", "acme", "--remote", "storage", cwd=tmp_path))
    root = tmp_path / "models"
    about = ("--task", "language-id", "--owner", "@acme/speech", "--description", "Tells.")
    done(cli("model", "add", "nlp/lang-id", *about, "--commit", cwd=root))
    return root


def test_two_pull_requests_measure_one_model(cli: Cli, root: Path, tmp_path: Path) -> None:
    for name, value in (("here", "1"), ("there", "2")):
        git(tmp_path, "clone", "--quiet", str(root), name)
        with (
            registry_tool.open(tmp_path / name) as registry,
            registry.change("Measure", commit=True) as change,
        ):
            change.model("nlp/lang-id").log_metrics({"requests": int(value)}, wallclock=int(value))
        report = json.loads(
            done(
                cli(
                    "check",
                    "--base",
                    "origin/main",
                    "--head",
                    "HEAD",
                    "--format",
                    "json",
                    cwd=tmp_path / name,
                )
            )
        )
        assert (report["verdict"], report["kind"]) == ("pass", "evidence")
        git(root, "fetch", "--quiet", str(tmp_path / name), f"HEAD:{name}")
        git(root, "merge", "--quiet", "--no-edit", name)
    assert git(root, "status", "--porcelain") == ""
    with registry_tool.open(root) as registry:
        model = registry.model("nlp/lang-id")
        assert [point.value for point in model.metric_history("requests")] == [1, 2]
        assert model.metrics == {"requests": 2}
        assert model.data["schema"] == "model/v2"
        assert registry.check().verdict == "pass"
    said = done(cli("history", "nlp/lang-id", cwd=root))
    assert said.count(" on nlp/lang-id ") == said.count("metrics by A. Tester") == 2
    told = [
        json.loads(line) for line in done(cli("events", "HEAD~1", "HEAD", cwd=root)).splitlines()
    ]
    assert [e["type"] for e in told] == ["registry.model-evidence.added.v1"]
    assert told[0]["subject"] == "nlp/lang-id"
    shown = json.loads(done(cli("show", "nlp/lang-id", "--format", "json", cwd=root)))
    assert (shown["metrics"], len(shown["evidence"])) == ({"requests": 2}, 2)


def test_an_edit_next_to_the_upgrade_is_no_evidence(cli: Cli, root: Path) -> None:
    base = git(root, "rev-parse", "HEAD")
    done(cli(*ADD, "--metric", "requests=3", "--commit", cwd=root))
    manifest = root / "models/nlp/lang-id/model.yaml"
    manifest.write_text(manifest.read_text().replace("@acme/speech", "@acme/other"))
    commit(root, "Take it over")
    ran = cli("check", "--base", base, "--head", "HEAD", "--format", "json", cwd=root)
    assert json.loads(ran.out)["kind"] == "mixed"


def test_an_older_program_asks_for_an_upgrade(
    cli: Cli, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done(cli(*ADD, "--metric", "requests=3", "--commit", cwd=root))
    files = {
        path: (root / path).read_bytes()
        for path in git(root, "ls-files", "models", "registry.yaml").splitlines()
    }
    known = frozenset(name for name in schema_ids() if name.endswith("/v1"))
    monkeypatch.setattr("registry_tool.manifests.document.schema_ids", lambda: known)
    # What this process has read as a newer program.
    monkeypatch.setattr("registry_tool.manifests.document._READ", {})
    report = check(DictTree(files))
    assert report.verdict == "refuse"
    (told,) = (f for f in report.findings if f.path.endswith("model.yaml") and f.rule == "F104")
    assert "does not know model/v2" in told.message
    assert "pip install -U registry-tool" in told.remedy


def test_the_work_tree_of_an_older_registry_is_repaired_first(cli: Cli, root: Path) -> None:
    ignoring = root / ".gitignore"
    text = ignoring.read_text()
    assert all(line in text for line in LATER_LINES)
    for line in LATER_LINES:
        text = text.replace(line, "")
    ignoring.write_text(text)
    commit(root, "As an earlier release wrote it")
    told = cli(*ADD, "--metric", "requests=3", cwd=root)
    assert "to repair the ignore rules: registry init ." in told.err + told.out
    found = done(cli("check", cwd=root))
    assert "F115 Git ignores models/nlp/lang-id/evidence, a folder of manifests" in found
    done(cli("init", ".", cwd=root))
    assert ignoring.read_text().count("evidence/*.yaml") == 2
    assert "F115" not in cli("check", cwd=root).out
    assert "evidence/" in git(root, "status", "--porcelain")


def test_a_model_and_its_task_as_people_write_it(cli: Cli, root: Path) -> None:
    done(cli("model", "add", "speech/asr", "--task", "English ASR", "--commit", cwd=root))
    done(cli("model", "add", "speech/bare", "--commit", cwd=root))
    assert done(cli("list", "--task", "english_asr", cwd=root)).split()[0] == "speech/asr"
    assert "English ASR" in done(cli("search", 'task:"ENGLISH asr"', cwd=root))
    assert "English ASR" in done(cli("show", "speech/asr", cwd=root))
    rows = json.loads(done(cli("list", "speech", "--format", "json", cwd=root)))
    assert [row["task"] for row in rows] == ["English ASR", None]
    wrong = cli("model", "add", "speech/x", "--task", " asr", cwd=root)
    assert (wrong.code, "expected one line" in wrong.err) == (1, True)
