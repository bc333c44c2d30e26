"""``registry upload``: bytes that the remote lost come back, and no others."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from support import Ran
from support.manifests import model_yaml, namespace_yaml, registry_yaml

Cli = Callable[..., Ran]


@pytest.fixture
def registry(make_registry: Callable[..., Path], tmp_path: Path, cli: Cli) -> Path:
    """A version with a file and a folder, and a remote."""
    storage = tmp_path / "storage"
    storage.mkdir()
    config = f"[core]\nremote = storage\n['remote \"storage\"']\nurl = {storage}\n"
    folder = make_registry(
        {
            "registry.yaml": registry_yaml(),
            "models/nlp/namespace.yaml": namespace_yaml(),
            "models/nlp/lang-id/model.yaml": model_yaml(),
            ".dvc/config": config,
        }
    )
    (tmp_path / "model.bin").write_bytes(b"weights")
    for name in "abc":
        (tmp_path / "parts" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "parts" / name).write_bytes(name.encode() * 10)
    ran = cli(
        "version", "add", "nlp/lang-id", "--artifact", f"model={tmp_path / 'model.bin'}",
        "--artifact", f"parts={tmp_path / 'parts'}", "--framework", "custom", "--commit", cwd=folder,
    )  # fmt: skip
    assert ran.code == 0, ran.err
    return folder


def lose(tmp_path: Path, size: int) -> Path:
    """Take one object of that size away from the remote."""
    place = next(
        p for p in (tmp_path / "storage").rglob("*") if p.is_file() and p.stat().st_size == size
    )
    place.unlink()
    return place


def test_the_remedy_of_the_check_mends_it(registry: Path, tmp_path: Path, cli: Cli) -> None:
    lost = [lose(tmp_path, 7), lose(tmp_path, 10)]
    found = cli("check", "--all", "--remote", cwd=registry)
    assert found.code == 1
    remedies = set(re.findall(r"try: +(registry upload .*)", found.out))
    assert len(remedies) == 2
    for remedy in remedies:
        name = "parts" if remedy.endswith("parts") else "model.bin"
        words = shlex.split(remedy.replace("PATH", str(tmp_path / name)))
        ran = cli(*words[1:], cwd=registry)
        assert (ran.code, ran.err) == (0, "")
        assert "uploaded 1 of" in ran.out
    assert all(place.exists() for place in lost)
    assert cli("check", "--all", "--remote", cwd=registry).code == 0


def test_what_is_there_is_not_sent_again(registry: Path, tmp_path: Path, cli: Cli) -> None:
    ran = cli(
        "upload", "nlp/lang-id@1", str(tmp_path / "model.bin"), "--artifact", "model", cwd=registry
    )
    assert ran.out == "storage already has all objects of nlp/lang-id@1 model (7 B)\n"
    ran = cli(
        "upload", "nlp/lang-id@1", str(tmp_path / "parts"), "--artifact", "parts", "--format", "json",
        cwd=registry,
    )  # fmt: skip
    assert json.loads(ran.out) == {
        "model": "nlp/lang-id",
        "version": "1",
        "artifact": "parts",
        "objects": 0,
        "of": 4,
        "size": 30,
    }


@pytest.mark.parametrize(
    ("name", "why"), [("model", "has different content"), ("parts", "is not a folder")]
)
def test_other_bytes_are_refused(
    name: str, why: str, registry: Path, tmp_path: Path, cli: Cli
) -> None:
    lost = lose(tmp_path, 7)
    (tmp_path / "other").write_bytes(b"WEIGHTS")
    ran = cli("upload", "nlp/lang-id@1", str(tmp_path / "other"), "--artifact", name, cwd=registry)
    assert (ran.code, ran.out) == (1, "")
    assert why in ran.err
    assert "different content is a new version" in ran.err
    assert not lost.exists()


def test_a_path_or_an_artifact_that_is_not_there(registry: Path, tmp_path: Path, cli: Cli) -> None:
    assert cli("upload", "nlp/lang-id@1", str(tmp_path / "nothing"), cwd=registry).code == 2
    ran = cli("upload", "nlp/lang-id@1", str(tmp_path / "parts"), "--artifact", "x", cwd=registry)
    assert "its artifacts: model, parts" in ran.err
