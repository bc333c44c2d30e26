"""One short story for each kind of user, from one end to the other: real Git, real files, the real program."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support import Ran, commit, git

Cli = Callable[..., Ran]
CHURN = "models/tab/churn"
ADD = ("version", "add", "tab/churn", "--artifact", "../churn.json", "--framework")


def done(ran: Ran) -> str:
    """What a command printed; it must have worked."""
    assert ran.code == 0, ran.out + ran.err
    return ran.out


@pytest.fixture
def server(cli: Cli, tmp_path: Path) -> Path:
    """A bare repository that holds a registry with ``tab/churn`` 1, its bytes in a folder, and a clone ``desk``."""
    server = tmp_path / "server.git"
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch=main", str(server))
    git(server, "config", "uploadpack.allowFilter", "true")
    git(tmp_path, "clone", "--quiet", "server.git", "desk")
    desk = tmp_path / "desk"
    done(cli("init", "desk", "--name", "acme", "--remote", "storage", cwd=tmp_path))
    (tmp_path / "churn.json").write_text('{"coef": [1, 2]}', encoding="utf-8")
    words = ("--task", "tabular-classification", "--owner", "data", "--description", "Who leaves.")
    done(cli("model", "add", "tab/churn", *words, "--commit", cwd=desk))
    done(cli(*ADD, "sklearn==1.5.0", "--metric", "auc=0.8", "--commit", cwd=desk))
    git(desk, "push", "--quiet", "origin", "main")
    return server


def clone(server: Path, name: str, *options: str) -> Path:
    """A fresh clone beside the server, with hooks as its user has them."""
    git(server.parent, "clone", "--quiet", *options, server.as_uri(), name)
    return server.parent / name


def test_a_newcomer_is_led_from_wrong_to_right(cli: Cli, tmp_path: Path) -> None:
    lost = cli("list", cwd=tmp_path)
    assert lost.code == 2
    assert "registry init DIR --name NAME" in lost.err
    assert "Did you mean check" in cli("chek", cwd=tmp_path).err
    done(cli("init", "models", "--name", "acme", "--remote", "storage", cwd=tmp_path))
    root = tmp_path / "models"
    (tmp_path / "m.onnx").write_bytes(b"weights")
    add = ("version", "add", "nlp/lang-id", "--artifact", "../m.onnx", "--framework", "onnx")
    early = cli(*add, cwd=root)
    assert early.code == 2
    assert "try:   add the model first: registry model add nlp/lang-id " in early.err
    model = ("model", "add", "nlp/lang-id", "--task", "classification", "--owner", "speech")
    wrong = cli(*model, "--description", "Which?", "--license", "apache2", cwd=root)
    assert wrong.code == 1
    # As `registry check` shows a finding, and once.
    assert "models/nlp/lang-id/model.yaml:7:10: refuse M212 " in wrong.err
    assert "\n    found:    apache2\n" in wrong.err
    assert "\n    try:      " in wrong.err
    assert git(root, "status", "--porcelain") == ""
    done(cli(*model, "--description", "Which?", "--license", "Apache-2.0", "--commit", cwd=root))
    assert "committed" in done(cli(*add, "--commit", cwd=root))
    assert done(cli("list", cwd=root)).startswith("nlp/lang-id  1 version  latest 1")


def test_a_data_scientist_registers_mends_and_merges(
    cli: Cli, server: Path, tmp_path: Path
) -> None:
    bundle = tmp_path / "bert" / "tokenizer"
    bundle.mkdir(parents=True)
    (bundle / "vocab.txt").write_text("a b c", encoding="utf-8")
    (tmp_path / "bert" / "model.safetensors").write_bytes(bytes(1000))
    ada, bob = clone(server, "ada"), clone(server, "bob")
    fields = ("library_name=transformers", "pipeline_tag=text-classification")
    words = ("--task", "text-classification", "--owner", "nlp", "--description", "Moods.")
    done(cli("model", "add", "nlp/mood", *words, "--scheme", "semver", "--commit", cwd=ada))
    mood = (
        "version", "add", "nlp/mood", "1.0.0", "--artifact", "model=../bert",
        "--framework", "transformers==4.44.0",
        *(word for field in fields for word in ("--framework-field", field)),
        "--metric", "f1@100=0.85", "--metric", "f1@200=0.87", "--metric", "note=good",
        "--metadata", 'serving={"gpu": true}', "--track", "s3://bucket/run-7.log",
    )  # fmt: skip
    done(cli(*mood, "--metric", "acuracy=0.91", cwd=ada))
    # A mistake that is not committed is deleted like any other file, and the version is free again.
    git(ada, "clean", "--quiet", "--force", "-d", "models/nlp/mood/versions")
    done(cli(*mood, "--metric", "accuracy=0.91", "--commit", cwd=ada))
    shown = json.loads(done(cli("show", "nlp/mood@1.0.0", "--format", "json", cwd=ada)))
    assert shown["metrics"] == {"f1": 0.87, "note": "good", "accuracy": 0.91}
    done(cli(*ADD, "xgboost==2.1", "--branch", "churn-ada", "--push", cwd=ada))
    (tmp_path / "churn.json").write_text('{"coef": [3]}', encoding="utf-8")
    done(cli(*ADD[:3], "3", *ADD[3:], "xgboost", "--branch", "churn-bob", "--push", cwd=bob))
    git(bob, "fetch", "--quiet")
    git(bob, "switch", "--quiet", "churn-bob")
    git(bob, "merge", "--quiet", "origin/churn-ada")
    # Ada's model is on neither main branch yet, so Bob's branch holds a model and versions of another one.
    mixed = cli("check", "--base", "origin/main", cwd=bob)
    assert (mixed.code, mixed.out.count("review C")) == (3, 1)
    assert "found:    model (namespace nlp); model (nlp/mood); version (tab/churn)\n" in mixed.out
    listed = [line.split()[0] for line in done(cli("list", "tab/churn", cwd=bob)).splitlines()]
    assert listed == ["3", "2", "1"]
    for version in ("2", "3"):
        git(bob, "switch", "--quiet", "--create", f"production-{version}", "churn-bob")
        done(cli("alias", "set", f"tab/churn@{version}", "production", "--commit", cwd=bob))
    with pytest.raises(AssertionError):
        git(bob, "merge", "--quiet", "production-2")
    clash = cli("check", cwd=bob)
    assert clash.code == 1
    assert "refuse F101 the file contains both sides of a merge conflict" in clash.out


def test_a_reviewer_reads_a_short_diff_and_a_verdict(cli: Cli, server: Path) -> None:
    desk = server.parent / "desk"
    git(desk, "switch", "--quiet", "--create", "churn-2")
    (server.parent / "churn.json").write_text('{"coef": [5]}', encoding="utf-8")
    done(cli(*ADD, "sklearn==1.5.1", "--metric", "auc=0.9", "--commit", cwd=desk))
    assert git(desk, "diff", "--name-status", "main").splitlines() == [
        f"A\t{CHURN}/versions/2/churn.json.dvc",
        f"A\t{CHURN}/versions/2/version.yaml",
    ]
    compared = done(cli("compare", "tab/churn@1", "tab/churn@2", cwd=desk))
    assert "auc  0.8   0.9    changed ↑ +0.1" in compared
    base = ("check", "--base", "origin/main", "--format")
    assert "## Registry check: ✅" in done(cli(*base, "markdown", cwd=desk))
    alias = desk / CHURN / "aliases" / "production.yaml"
    alias.parent.mkdir()
    alias.write_text('schema: alias/v1\nmodel: tab/churn\nversion: "9"\n', encoding="utf-8")
    git(desk, "add", "--all")
    git(desk, "commit", "--quiet", "--no-verify", "-m", "Too early")
    reports = {form: cli(*base, form, cwd=desk) for form in ("markdown", "github", "sarif")}
    assert {ran.code for ran in reports.values()} == {1}
    assert "| refuse | M203 |" in reports["markdown"].out
    file = f"{CHURN}/aliases/production.yaml"
    assert f"::error file={file},line=3,col=10,title=M203 refuse::" in reports["github"].out
    results = json.loads(reports["sarif"].out)["runs"][0]["results"]
    # The version and the alias in one pull request are for a person to look at; the alias leads nowhere.
    assert [(r["ruleId"], r["level"]) for r in results] == [("M203", "error"), ("C407", "warning")]


def _fetch(folder: Path, output: str) -> subprocess.Popen[str]:
    words = ("fetch", "tab/churn@1", "--repo", str(folder), "-o", output, "--format", "json")
    return subprocess.Popen(
        [sys.executable, "-m", "registry_tool", *words],
        cwd=folder.parent, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_a_ci_job_judges_a_pull_request_and_fetches(cli: Cli, server: Path) -> None:
    desk = server.parent / "desk"
    git(desk, "switch", "--quiet", "--create", "pull")
    done(cli("annotate", "tab/churn@1", "team=data", "--commit", cwd=desk))
    git(desk, "push", "--quiet", "origin", "pull")
    shallow = clone(server, "shallow", "--depth=1", "--branch=pull")
    git(shallow, "fetch", "--quiet", "--depth=1", "origin", "main:refs/remotes/origin/main")
    asked = ("check", "--base", "origin/main", "--head", "HEAD", "--format", "json")
    short = cli(*asked, cwd=shallow)
    assert short.code in {2, 4}
    assert "git fetch --unshallow" in short.err
    git(shallow, "fetch", "--quiet", "--unshallow")
    partial = clone(server, "partial", "--filter=blob:none", "--no-checkout", "--branch=pull")
    for job in (shallow, partial):
        report = json.loads(done(cli(*asked, cwd=job)))
        assert (report["verdict"], report["findings"], report["checked"]) == ("pass", [], 1)
    jobs = [_fetch(shallow, f"out-{number}") for number in range(3)]
    answers = [job.communicate() for job in jobs]
    assert [job.returncode for job in jobs] == [0, 0, 0], answers
    for number, (out, _) in enumerate(answers):
        place = server.parent / f"out-{number}" / "churn.json"
        assert place.read_text(encoding="utf-8") == '{"coef": [1, 2]}'
        assert json.loads(out)["artifacts"][0]["size"] == place.stat().st_size
    # What the remote lost is named once, with the file it was to be.
    (server.parent / "storage").rename(server.parent / "elsewhere")
    (server.parent / "storage").mkdir()
    lost = cli("fetch", "tab/churn@1", cwd=_without_cache(shallow))
    assert lost.code == 4
    assert lost.err.count(str(server.parent / "storage")) == 1


def _without_cache(folder: Path) -> Path:
    cache = Path(os.environ["REGISTRY_CACHE"])
    cache.rename(cache.with_name("an-earlier-job"))
    return folder


def test_a_serving_process_holds_one_state_until_it_asks_anew(cli: Cli, server: Path) -> None:
    import registry_tool as registry

    desk, url = server.parent / "desk", server.as_uri()
    done(cli("alias", "set", "tab/churn@1", "production", "--push", cwd=desk))
    (server.parent / "churn.json").write_text('{"coef": [7]}', encoding="utf-8")
    with registry.open(url) as reg:
        version = reg.version("tab/churn@production")
        assert version.framework is not None
        assert (version.framework.type, version.metrics["auc"]) == ("sklearn", 0.8)
        with pytest.raises(AttributeError, match="framewrok"):
            version.framewrok  # type: ignore[attr-defined]  # noqa: B018  # a slip is what this is about
        with ThreadPoolExecutor(8) as pool:
            paths = {*pool.map(lambda _: version.artifact().fetch(), range(16))}
        assert [path.read_text(encoding="utf-8") for path in paths] == ['{"coef": [1, 2]}']
        done(cli(*ADD, "sklearn", "--alias", "production", "--push", cwd=desk))
        done(cli("withdraw", "tab/churn@1", "--reason", "leaks", "--push", cwd=desk))
        assert reg.version("tab/churn@production").version == "1"
        with reg.refresh() as newer:
            assert newer.version("tab/churn@production").version == "2"
            with pytest.raises(registry.errors.WithdrawnError, match="leaks"):
                newer.version("tab/churn@1")
    server.rename(server.with_name("away.git"))
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        cached = registry.open(url)
    assert [w.category for w in heard] == [registry.StaleRegistryWarning]
    with cached:
        assert cached.version("tab/churn@production").version == "2"


def test_a_leaver_needs_git_and_dvc_only(server: Path) -> None:
    plain = clone(server, "plain")
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    subprocess.run(
        [sys.executable, "-P", "-m", "dvc", "pull", "--quiet", f"{CHURN}/versions/1/churn.json.dvc"],
        cwd=plain, env=environment, check=True, capture_output=True,
    )  # fmt: skip
    model = plain / CHURN / "versions" / "1" / "churn.json"
    assert model.read_text(encoding="utf-8") == '{"coef": [1, 2]}'
    assert git(plain, "status", "--porcelain") == ""
    (plain / "NOTES.md").write_text("We moved on.\n", encoding="utf-8")
    assert commit(plain, "Leave")
