"""``registry verify`` with a folder: what was fetched, or lies in a checkout, against the record."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from support import Ran
from support.manifests import MODEL_BYTES

Cli = Callable[..., Ran]
THIRD = ("fetch", "nlp/lang-id@3")


def test_the_path_of_a_folder_says_what_it_should_hold(
    registry: Path, cli: Cli, tmp_path: Path
) -> None:
    assert cli("lock", "nlp/lang-id@3", cwd=registry).code == 0
    assert cli("fetch", "--locked", "-o", str(tmp_path / "out"), cwd=registry).code == 0
    folder = tmp_path / "out/nlp/lang-id/3"
    ran = cli("verify", str(folder), cwd=registry)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.count(f"same       {folder}") == 2
    (folder / "vocab.bin").write_bytes(b"a vocabularY\n")
    ran = cli("verify", str(folder), "--format", "json", cwd=registry)
    data = json.loads(ran.out)
    assert (ran.code, data["version"], data["verified"]) == (1, "3", False)
    assert [bool(one["differences"]) for one in data["artifacts"]] == [False, True]


def test_the_bytes_beside_the_pointers_of_a_checkout(registry: Path, cli: Cli) -> None:
    place = registry / "models/nlp/lang-id/versions/1"
    (place / "model.bin").write_bytes(MODEL_BYTES)
    ran = cli("verify", "models/nlp/lang-id/versions/1", cwd=registry)
    assert (ran.code, ran.err) == (0, "")
    (place / "model.bin").write_bytes(MODEL_BYTES + b"!")
    ran = cli("verify", ".", cwd=place)
    assert ran.code == 1
    assert "has 22 bytes, not 21" in ran.out


def test_one_artifact_of_several(registry: Path, cli: Cli, tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    assert cli(*THIRD, "--artifact", "vocab", "-o", out, cwd=registry).code == 0
    words = ("verify", out, "--as", "nlp/lang-id@3")
    ran = cli(*words, cwd=registry)
    assert (ran.code, "model.bin: does not exist" in ran.out) == (1, True)
    assert cli(*words, "--artifact", "vocab", cwd=registry).code == 0
    ran = cli(*words, "--artifact", "none", cwd=registry)
    assert (ran.code, "its artifacts: " in ran.err) == (2, True)


@pytest.mark.parametrize("name", ["out", "nlp/none/1", "nlp/lang-id/9", "versions"])
def test_a_folder_that_says_nothing(registry: Path, cli: Cli, name: str) -> None:
    """Also one whose name could be a model's."""
    (registry / name).mkdir(parents=True)
    ran = cli("verify", name, cwd=registry)
    assert (ran.code, ran.out) == (2, "")
    assert f"{name} is a folder, and its path does not name a version" in ran.err
    assert f"registry verify {name} --as REF" in ran.err


def test_a_model_is_meant_where_a_folder_has_its_name(registry: Path, cli: Cli) -> None:
    (registry / "nlp/lang-id").mkdir(parents=True)
    assert cli("verify", "nlp/lang-id", "--bytes", cwd=registry).code == 0
