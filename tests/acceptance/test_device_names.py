"""Names that Windows takes for devices: new ones are refused wherever a name is given, published ones go on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support import Ran, git, run_program, write_files
from support.manifests import small_registry, tag_yaml

Cli = Callable[..., Ran]
MODEL = ("--task", "ocr", "--owner", "speech", "--description", "Reads.")
ADD = ("version", "add", "nlp/lang-id", "--framework", "custom")


@pytest.fixture
def root(make_registry: Callable[..., Path]) -> Path:
    return make_registry(small_registry())


@pytest.mark.parametrize(
    "command",
    [
        ("model", "add", "nlp/aux", *MODEL),
        ("model", "add", "con/ocr", *MODEL),
        ("model", "add", "nlp/free", *MODEL, "--artifact", "nul.txt"),
        ("version", "add", "nlp/lang-id", "nul.1", "--artifact", "a.bin", "--framework", "custom"),
        ("tag", "add", "nlp/lang-id@1", "com1"),
        ("alias", "set", "nlp/lang-id@1", "lpt9.old"),
        ("evidence", "add", "nlp/lang-id@1", "--kind", "note", "--name", "aux", "--text", "x"),
        (*ADD, "--artifact", "nul.txt"),
        (*ADD, "--artifact", "con=a.bin"),
        (*ADD, "--artifact", "folder"),
        (*ADD, "--artifact", "folder", "--encrypt-passphrase"),
        (*ADD, "--track", "s3://bucket/prn.bin"),
        (*ADD, "--artifact", "a.bin", "--tag", "prn"),
        (*ADD, "--artifact", "a.bin", "--alias", "prn"),
        ("init", "new", "--name", "nul"),
    ],
)
def test_a_new_name_is_refused(root: Path, tmp_path: Path, command: tuple[str, ...]) -> None:
    here = tmp_path / "sources"
    write_files(here, {"a.bin": "a", "nul.txt": "b", "folder/src/aux.c": "c"})
    env = {"REGISTRY_REPO": str(root), "REGISTRY_NEW_PASSPHRASE": "correct horse"}
    ran = run_program(*command, cwd=here, env=env)
    assert ran.code in {1, 2}, ran.out
    assert "device" in ran.err
    assert git(root, "status", "--porcelain") == ""
    assert not (here / "new").exists()


def test_a_name_that_a_person_writes_is_refused_by_the_check(cli: Cli, root: Path) -> None:
    write_files(root, {"models/nlp/lang-id/tags/aux.yaml": tag_yaml("1")})
    ran = cli("check", cwd=root)
    assert ran.code == 1
    assert "refuse C424 the tag aux has a device name on Windows" in ran.out


def test_a_published_name_stays_valid(
    cli: Cli, make_registry: Callable[..., Path], tmp_path: Path
) -> None:
    files = {
        path.replace("/lang-id/", "/aux/"): text.replace("nlp/lang-id", "nlp/aux").replace("name: lang-id", "name: aux")
        for path, text in small_registry().items()
    }  # fmt: skip
    root = make_registry(files)
    ran = cli("check", "--all", cwd=root)
    assert ran.code == 0, ran.out
    assert "warn F114 the model aux" in ran.out
    assert cli("resolve", "nlp/aux@production", cwd=root).code == 0
    (tmp_path / "a.bin").write_text("a")
    add = (
        "version",
        "add",
        "nlp/aux",
        "--artifact",
        str(tmp_path / "a.bin"),
        "--framework",
        "custom",
        "--commit",
    )
    ran = cli(*add, cwd=root)
    assert ran.code == 0, ran.err
    assert cli("check", "--all", cwd=root).code == 0
