"""What commands print: one field on one line whatever it holds, and something in every encoding."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

from support import Ran, commit, git, run_program, write_files
from support.manifests import (
    alias_yaml,
    evidence_yaml,
    metadata_yaml,
    model_yaml,
    small_registry,
    status_yaml,
    tag_yaml,
    version_files,
)

Make = Callable[..., Path]
FOLDER = "models/nlp/lang-id"
BENIGN = "fine"
# What begins a line here would be a forged entry, a command to a CI system, or a picture on a terminal.
HOSTILE = (
    "fine\n::add-mask::x\n  ::error::forged\r\n2026-01-01 00:00 UTC  alias nlp/lang-id@production moved from 1 to 2"
    "\u2028\u2029\u0085::stop-commands::x\u202e\x1b[31m\x07\t##[error]forged ##vso[task.setvariable]x \U000e0041"
)  # fmt: skip
WIDE = "naïve 日本 → ½ 😀 Ünï"
COMMANDS = (
    ("list",),
    ("list", "nlp/lang-id"),
    ("show", "nlp/lang-id"),
    ("show", "nlp/lang-id@3"),
    ("show", "nlp/lang-id@1"),
    ("search", "fine"),
    ("compare", "nlp/lang-id@1", "nlp/lang-id@3"),
    ("history", "nlp/lang-id"),
    ("history", "nlp/lang-id@production"),
    ("audit",),
    ("audit", "--format", "csv"),
    ("diff", "HEAD~1", "HEAD"),
    ("diff", "HEAD~1", "HEAD", "--format", "markdown"),
    ("events", "HEAD~1", "HEAD"),
    ("check", "--all"),
    ("check", "--all", "--format", "markdown"),
    ("check", "--base", "HEAD~1", "--head", "HEAD"),
    ("resolve", "nlp/lang-id@1"),
    ("promote", "nlp/lang-id@3", "--to", "production", "--dry-run"),
)
IN_JSON = (
    ("show", "nlp/lang-id@3"), ("show", "nlp/lang-id"), ("list",), ("search", "fine"), ("history", "nlp/lang-id"), ("audit",),
    ("check", "--all"), ("resolve", "nlp/lang-id@production"), ("diff", "HEAD~1", "HEAD"),
)  # fmt: skip


def registry_of(make_registry: Make, words: str) -> Path:
    """A registry that holds a text wherever a manifest has words."""
    root = make_registry(small_registry())
    short = (
        "::add-mask::x ##[error]forged" if words == HOSTILE else words
    )  # where a manifest takes one line
    version = version_files(
        "3", description=words, author=short, metadata={words: words, "list": [words]},
        metrics=[{"key": "accuracy", "value": 0.9}, {"key": "said", "value": words}],
        parameters={"p": words}, environment={"pip_packages": ["fasttext==0.9.3"]}, lineage={"experiment": short},
        signature={"inputs": [{"name": short, "type": "text"}]},
    )  # fmt: skip
    record = version[f"{FOLDER}/versions/3/version.yaml"]
    files = {
        **version,
        f"{FOLDER}/model.yaml": model_yaml(description=words, labels=["edge"], links=[{"title": short, "url": "https://example.org"}]),
        f"{FOLDER}/versions/1/status.yaml": status_yaml("deprecated", reason=words),
        f"{FOLDER}/versions/3/metadata.yaml": metadata_yaml(description=words, labels=["edge"]),
        f"{FOLDER}/versions/3/evidence/holdout.yaml": evidence_yaml(
            "3", kind="evaluation", record=record, suite=short, metrics=[{"key": "a", "value": 1}], verdict="pass", dataset={"uri": "s3://b/e"}, by=short,
        ),
        f"{FOLDER}/versions/3/evidence/said.yaml": evidence_yaml("3", kind="note", record=record, text=words, by=short),
        f"{FOLDER}/aliases/production.yaml": alias_yaml("3", reason=words),
        f"{FOLDER}/tags/third.yaml": tag_yaml("3"),
    }  # fmt: skip
    write_files(root, files)
    git(root, "add", "-A")
    git(
        root,
        "-c",
        f"user.name={words if words.isprintable() else 'A. Tester'}",
        "commit",
        "-q",
        "-m",
        words,
    )
    return root


def lines_of(ran: Ran) -> list[str]:
    return re.split("\n|\r", ran.out + ran.err)


def test_one_field_is_one_line_in_every_text_output(make_registry: Make, tmp_path: Path) -> None:
    benign = registry_of(make_registry, BENIGN)
    kept = tmp_path / "benign"
    benign.rename(kept)
    hostile = registry_of(make_registry, HOSTILE)
    for command in COMMANDS:
        expected, found = run_program(*command, cwd=kept), run_program(*command, cwd=hostile)
        assert found.code == expected.code, (command, found.err)
        assert len(lines_of(found)) == len(lines_of(expected)), (command, found.out)
        for line in lines_of(found):
            assert not line.lstrip().startswith("::"), (command, line)
            assert "##[" not in line, (command, line)
            assert "##vso[" not in line, (command, line)
            assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\U000e0041]", line), (
                command,
                line,
            )


def test_annotations_are_one_line_each_and_hold_nothing_else(make_registry: Make) -> None:
    root = registry_of(make_registry, BENIGN)
    (root / "models/nlp/lang-id" / "a\n::error::forged ##[error]x").mkdir()
    (root / "models/nlp/lang-id" / "a\n::error::forged ##[error]x" / "b.yaml").write_text("x")
    git(root, "add", "-f", "-A")
    commit(root, "Hostile")
    for form in ("github", "text", "markdown"):
        ran = run_program("check", "--all", "--format", form, cwd=root)
        assert ran.code == 1
        commands = [line for line in lines_of(ran) if line.lstrip().startswith("::")]
        assert all(re.match("::(error|warning) file=", line) for line in commands)
        assert bool(commands) == (form == "github")
        assert "##[" not in ran.out


def test_json_means_what_it_meant(make_registry: Make) -> None:
    root = registry_of(make_registry, HOSTILE)
    ran = run_program("show", "nlp/lang-id@3", "--format", "json", cwd=root)
    assert json.loads(ran.out)["description"] == HOSTILE
    assert "##[" not in ran.out


def test_what_an_encoding_lacks_ends_no_command(make_registry: Make) -> None:
    root = registry_of(make_registry, WIDE)
    texts = (("show", "nlp/lang-id@3"), ("history", "nlp/lang-id"), ("audit", "--format", "csv"), ("resolve", "nlp/lang-id@1"),
             ("diff", "HEAD~1", "HEAD", "--format", "markdown"), ("check", "--all", "--format", "markdown"))  # fmt: skip
    jsons = [(*command, "--format", "json") for command in IN_JSON[:3]]
    expected = {command: run_program(*command, cwd=root) for command in (*texts, *jsons)}
    for encoding in ("cp1252", "cp932", "latin-1", "ascii"):
        for command, wanted in expected.items():
            ran = _run_in(encoding, *command, cwd=root)
            assert (ran.code, "bug" in ran.err) == (wanted.code, False), (command, ran.err)
            assert len(lines_of(ran)) == len(lines_of(wanted))
            if command in jsons:
                assert json.loads(ran.out) == json.loads(wanted.out)
        refused = _run_in(encoding, "show", f"nlp/{WIDE}", cwd=root)
        assert (refused.code, "bug" in refused.err) == (2, False)


def _run_in(encoding: str, *command: str, cwd: Path) -> Ran:
    """A run whose output is in some encoding, as text where that is one of bytes."""
    env = {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    read = "utf-8" if encoding == "ascii" else encoding
    return run_program(*command, cwd=cwd, env=env, encoding=read)
