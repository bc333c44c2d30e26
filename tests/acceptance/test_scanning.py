"""Scanning what is in files and versions, and what the policy lets in."""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
from support import Ran, git, put_object, run_git, write_files

import registry_tool
from registry_tool.errors import Refused

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
    assert "held     evidence: scan, verdict: pass" in cli(*promote, cwd=registry).out
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
    assert "the content of evil.pkl is refused: dangerous" in ran.err
    assert git(registry, "rev-parse", "HEAD") == before
    assert git(registry, "status", "--porcelain") == ""


def test_by_default_what_is_unsafe_is_told(cli: Cli, registry: Path, plain: Path) -> None:
    ran = cli(*ADD, str(plain), cwd=registry)
    assert ran.code == 0
    assert "warn:  unsafe: plain.pkl: a pickle: loading it may run any code" in ran.err


def test_a_policy_without_pickles(cli: Cli, registry: Path, plain: Path) -> None:
    policy(registry, unsafe="refuse")
    assert "is refused: unsafe" in cli(*ADD, str(plain), cwd=registry).err
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
    with pytest.raises(Refused, match="is refused: dangerous"), opened.change("Add") as change:
        change.model("nlp/lang-id").new_version(framework={"type": "custom"}, artifacts=[evil])
    assert git(registry, "status", "--porcelain") == ""
