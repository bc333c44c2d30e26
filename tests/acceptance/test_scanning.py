"""Scanning what is in files and versions, and what the policy lets in."""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest
from support import Ran, git, put_object, run_git, write_files
from support.code_naming_files import HOSTILE
from support.sarif_schema import SARIF

import registry_tool
from registry_tool.errors import RefusedError

Cli = Callable[..., Ran]
ADD = ("version", "add", "nlp/lang-id", "--framework", "custom", "--commit", "--artifact")


class Runs:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch proof",)


EVIL = pickle.dumps(Runs())
PLAIN = pickle.dumps({"weights": [1, 2]})


@pytest.fixture
def evil(tmp_path: Path) -> Path:
    place = tmp_path / "evil.pkl"
    place.write_bytes(EVIL)
    return place


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    place = tmp_path / "plain.pkl"
    place.write_bytes(PLAIN)
    return place


def policy(registry: Path, **answers: str) -> None:
    text = (registry / "registry.yaml").read_text()
    lines = [f'  {level}: "{answer}"\n' for level, answer in answers.items()]
    write_files(registry, {"registry.yaml": text + "scan:\n" + "".join(lines)})
    run_git(registry, "commit", "--quiet", "-a", "-m", "Policy")


def test_a_file(cli: Cli, tmp_path: Path, evil: Path) -> None:
    ran = cli("scan", str(evil), cwd=tmp_path)  # no registry is needed
    assert ran.code == 1
    assert ran.out == (
        "evil.pkl  pickle, protocol 4, instructions 15\n"
        "  dangerous  loading this pickle runs posix.system\n"
        "  unsafe     a pickle: loading it may run any code\n"
        "fail: 1 file, 2 findings\n"
    )
    assert not (tmp_path / "proof").exists()


def test_a_folder_for_programs(cli: Cli, tmp_path: Path) -> None:
    write_files(tmp_path / "model", {"a.pkl": PLAIN, "notes.txt": "words"})
    data = json.loads(cli("scan", "model", "--format", "json", cwd=tmp_path).out)
    assert data["verdict"] == "pass"
    assert [(file["path"], file["facts"]["format"]) for file in data["files"]] == [
        ("a.pkl", "pickle"),
        ("notes.txt", "unknown"),
    ]
    (finding,) = data["files"][0]["findings"]
    assert (finding["level"], finding["path"]) == ("unsafe", "a.pkl")


def test_a_version(cli: Cli, registry: Path) -> None:
    ran = cli("scan", "nlp/lang-id@production", cwd=registry)
    assert ran.code == 0
    assert ran.out == "model.bin  unknown\nvocab.bin  unknown\npass: 2 files, 0 findings\n"
    assert ran.err == "note:  not scanned, tracked elsewhere: eval\n"


def test_what_is_neither(cli: Cli, registry: Path) -> None:
    assert cli("scan", "no where", cwd=registry).code == 2
    assert cli("scan", "nlp/none", cwd=registry).code == 2
    assert cli("scan", "registry.yaml", "--commit", cwd=registry).code == 2
    assert cli("scan", "no where", "--evidence", cwd=registry).code == 2


def test_evidence_of_a_scan_opens_a_gate(cli: Cli, registry: Path) -> None:
    git(registry, "rm", "--quiet", "models/nlp/lang-id/aliases/production.yaml")
    text = (registry / "registry.yaml").read_text()
    gate = "stages:\n  production:\n    require:\n      - {evidence: scan, verdict: pass}\n"
    write_files(registry, {"registry.yaml": text + gate})
    run_git(registry, "commit", "--quiet", "-a", "-m", "A gate")
    promote = ("promote", "nlp/lang-id@3", "--to", "production", "--dry-run")
    assert "nlp/lang-id@3 has no scan" in cli(*promote, cwd=registry).out
    ran = cli("scan", "nlp/lang-id@3", "--evidence", "--commit", cwd=registry)
    assert ran.code == 0, ran.err
    assert "pass     evidence: scan, verdict: pass" in cli(*promote, cwd=registry).out
    assert cli("check", "--all", cwd=registry).code == 0


def test_a_scan_that_fails_is_evidence_too(cli: Cli, registry: Path, evil: Path) -> None:
    policy(registry, dangerous="warn")
    ran = cli(*ADD, str(evil), cwd=registry)
    assert ran.code == 0
    assert "warn:  dangerous: evil.pkl: loading this pickle runs posix.system" in ran.err
    ran = cli("scan", "nlp/lang-id@4", "--evidence", "--commit", "--format", "json", cwd=registry)
    data = json.loads(ran.out)
    assert (ran.code, data["scan"]["verdict"]) == (1, "fail")
    (path,) = data["files"]
    text = (registry / path).read_text()
    assert "verdict: fail" in text
    assert "dangerous: evil.pkl: loading this pickle runs posix.system" in text


# --- what is let in


def test_by_default_what_is_dangerous_is_refused(cli: Cli, registry: Path, evil: Path) -> None:
    before = git(registry, "rev-parse", "HEAD")
    ran = cli(*ADD, str(evil), cwd=registry)
    assert ran.code == 1
    assert "the content of evil.pkl is refused by the registry's policy: dangerous" in ran.err
    assert git(registry, "rev-parse", "HEAD") == before
    assert git(registry, "status", "--porcelain") == ""


def test_by_default_what_is_unsafe_is_told(cli: Cli, registry: Path, plain: Path) -> None:
    ran = cli(*ADD, str(plain), cwd=registry)
    assert ran.code == 0
    assert "warn:  unsafe: plain.pkl: a pickle: loading it may run any code" in ran.err


def test_a_policy_without_pickles(cli: Cli, registry: Path, plain: Path) -> None:
    policy(registry, unsafe="refuse")
    assert "is refused by the registry's policy: unsafe" in cli(*ADD, str(plain), cwd=registry).err
    write_files(plain.parent / "model", {"inner/m.pkl": PLAIN})
    ran = cli(*ADD, str(plain.parent / "model"), cwd=registry)
    assert "unsafe: model/inner/m.pkl: a pickle" in ran.err
    assert ran.code == 1


def test_a_policy_that_does_not_look(cli: Cli, registry: Path, evil: Path) -> None:
    policy(registry, dangerous="off", unread="off", unsafe="off")
    ran = cli(*ADD, str(evil), cwd=registry)
    assert (ran.code, "warn:" in ran.err) == (0, False)


def test_programs_are_held_to_the_policy_too(registry: Path, evil: Path) -> None:
    put_object(registry, b"unused")
    opened = registry_tool.open(registry)
    with (
        pytest.raises(RefusedError, match="is refused by the registry's policy: dangerous"),
        opened.change("Add") as change,
    ):
        change.model("nlp/lang-id").new_version(framework={"type": "custom"}, artifacts=[evil])
    assert git(registry, "status", "--porcelain") == ""


# --- classes that no table knows, and scanners of others

# `my_classes.Model` is imported and called.
OWN_CLASS = b"\x80\x04\x8c\x0amy_classes\x8c\x05Model\x93)R."


@pytest.fixture
def own(tmp_path: Path) -> Path:
    place = tmp_path / "own.pkl"
    place.write_bytes(OWN_CLASS)
    return place


def gated(registry: Path, *gates: str) -> None:
    """Production asks for these."""
    git(registry, "rm", "--quiet", "models/nlp/lang-id/aliases/production.yaml")
    text = (registry / "registry.yaml").read_text()
    lines = "".join(f"      - {gate}\n" for gate in gates)
    whole = f"{text}stages:\n  production:\n    require:\n{lines}"
    write_files(registry, {"registry.yaml": whole})
    run_git(registry, "commit", "--quiet", "-a", "-m", "Gates")


def test_an_unknown_class_is_stored_with_a_warning_and_fails_a_scan(
    cli: Cli, registry: Path, own: Path
) -> None:
    ran = cli(*ADD, str(own), cwd=registry)
    assert ran.code == 0
    assert "warn:  unknown: own.pkl: loading this pickle runs my_classes.Model" in ran.err
    ran = cli("scan", "nlp/lang-id@4", "--evidence", "--commit", "--format", "json", cwd=registry)
    assert (ran.code, json.loads(ran.out)["scan"]["verdict"]) == (1, "fail")


@pytest.mark.parametrize(("answer", "code"), [("warn", 0), ("off", 0), ("refuse", 1)])
def test_a_policy_about_what_is_unknown(
    cli: Cli, registry: Path, own: Path, answer: str, code: int
) -> None:
    assert cli(*ADD, str(own), cwd=registry).code == 0
    policy(registry, unknown=answer)
    ran = cli("scan", "nlp/lang-id@4", "--format", "json", cwd=registry)
    assert (ran.code, json.loads(ran.out)["verdict"]) == (code, "fail" if code else "pass")
    own.write_bytes(OWN_CLASS.replace(b"Model", b"Other"))
    assert cli(*ADD, str(own), cwd=registry).code == code


def test_a_gate_asks_for_one_scanner(cli: Cli, registry: Path, install_scanner: Path) -> None:
    gated(registry, "{evidence: scan, tool: acme, verdict: pass}")
    promote = ("promote", "nlp/lang-id@3", "--to", "production", "--dry-run")
    assert cli(*promote, cwd=registry).code == 1
    ran = cli("scan", "nlp/lang-id@3", "--evidence", "--commit", cwd=registry)
    assert ran.code == 0, ran.err
    folder = registry / "models/nlp/lang-id/versions/3/evidence"
    tools = sorted(
        line for path in folder.glob("*.yaml") for line in path.read_text().splitlines() if "tool:" in line
    )  # fmt: skip
    assert any("acme 1.0" in line for line in tools)
    assert any("registry-tool" in line for line in tools)
    assert cli(*promote, cwd=registry).code == 0
    assert install_scanner.exists()


@pytest.fixture
def install_scanner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A scanner of another package."""
    site = tmp_path / "site"
    info = site / "acme-1.0.dist-info"
    info.mkdir(parents=True)
    code = "class Scanner:\n    name, version = 'acme', '1.0'\n    def scan(self, path):\n        return []\n"
    (site / "acme_scanner.py").write_text(code)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[registry_tool.scanners]\nacme = acme_scanner:Scanner\n")  # fmt: skip
    monkeypatch.syspath_prepend(str(site))
    return site


# --- several things, other forms


def test_several_things_and_sarif(cli: Cli, registry: Path, tmp_path: Path, evil: Path) -> None:
    write_files(tmp_path / "model", {"config.json": b'{"auto_map": {"AutoModel": "m.Model"}}'})
    asked = ("scan", str(evil), str(tmp_path / "model"), "nlp/lang-id@3")
    ran = cli(*asked, "--format", "json", cwd=registry)
    data = json.loads(ran.out)
    assert (ran.code, data["verdict"]) == (1, "fail")
    assert [file["path"] for file in data["files"]] == [
        str(evil), f"{tmp_path}/model/config.json", "nlp/lang-id@3/model.bin", "nlp/lang-id@3/vocab.bin",
    ]  # fmt: skip
    assert f"the scan of {evil} did not pass" in ran.err
    ran = cli(*asked, "--format", "sarif", cwd=registry)
    report = json.loads(ran.out)
    jsonschema.validate(report, SARIF)
    (run,) = report["runs"]
    assert [(r["ruleId"], r["level"]) for r in run["results"]] == [
        ("dangerous", "error"),
        ("unsafe", "note"),
        ("unsafe", "note"),
    ]
    rules = run["tool"]["driver"]["rules"]
    assert all(rules[r["ruleIndex"]]["id"] == r["ruleId"] for r in run["results"])
    assert cli("scan", "nlp/lang-id@3", str(evil), "--evidence", cwd=registry).code == 2


def test_a_snapshot_of_hugging_face(cli: Cli, tmp_path: Path) -> None:
    """Links into the cache's own blobs are followed, others are not."""
    cache = tmp_path / "models--org--name"
    snapshot = cache / "snapshots" / "abc"
    write_files(
        cache, {"blobs/one": b'{"auto_map": {"AutoModel": "modeling_x.Model"}}', "blobs/two": b"import os\n", "blobs/three": EVIL}
    )  # fmt: skip
    (snapshot / "unet").mkdir(parents=True)
    (snapshot / "config.json").symlink_to("../../blobs/one")
    (snapshot / "modeling_x.py").symlink_to("../../blobs/two")
    (snapshot / "unet" / "weights.bin").symlink_to("../../../blobs/three")
    (snapshot / "outside.txt").symlink_to(tmp_path / "secret")
    (snapshot / "up.txt").symlink_to("../../blobs/../secret")
    (tmp_path / "secret").write_text("x")
    (cache / "secret").write_text("x")
    ran = cli("scan", str(snapshot), "--format", "json", cwd=tmp_path)
    data = json.loads(ran.out)
    said = {(one["path"], one["level"]) for file in data["files"] for one in file["findings"]}
    assert said == {
        ("config.json", "unsafe"), ("modeling_x.py", "unsafe"), ("unet/weights.bin", "dangerous"), ("unet/weights.bin", "unsafe"),
        ("outside.txt", "unread"), ("up.txt", "unread"),
    }  # fmt: skip
    assert ran.code == 1


def test_code_that_data_names(cli: Cli, tmp_path: Path) -> None:
    """One of each level, by the program as people run it; every format is in tests/unit/scanning."""
    chosen = {sample.name: sample for sample in HOSTILE}
    for name in (
        "module.keras",
        "target.nemo",
        "climb.gguf",
        "custom.mlmodel",
        "m.7z",
        "plain.mar",
    ):
        sample = chosen[name]
        (tmp_path / name).write_bytes(sample.data)
        ran = cli("scan", name, cwd=tmp_path)
        assert sample.words in ran.out
        assert ran.code == (0 if sample.level == "unsafe" else 1)


def test_an_archive_that_is_not_opened_passes_no_gate(
    cli: Cli, registry: Path, tmp_path: Path
) -> None:
    (tmp_path / "model.7z").write_bytes(b"7z\xbc\xaf\x27\x1c" + bytes(60))
    gated(registry, "{evidence: scan, verdict: pass}")
    ran = cli(*ADD, str(tmp_path / "model.7z"), cwd=registry)
    assert (ran.code, "warn:  unread: model.7z" in ran.err) == (0, True)
    assert cli("scan", "nlp/lang-id@4", "--evidence", "--commit", cwd=registry).code == 1
    assert (
        cli("promote", "nlp/lang-id@4", "--to", "production", "--dry-run", cwd=registry).code == 1
    )
