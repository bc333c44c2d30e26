"""``registry export --mlarchive``: packages as they are, packages that are built, and what cannot be one."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from support import Ran, put_object, write_files
from support.manifests import (
    MODEL_BYTES,
    small_registry,
    stored_artifact,
    tracked_artifact,
    version_files,
)

import registry_tool
from registry_tool.manifests.problems import JSON

Cli = Callable[..., Ran]
MANIFEST: Final = json.dumps({"models": [{"name": "net", "version": "1", "framework": "pytorch"}]})
PACKAGE: Final = {"manifest.json": MANIFEST, "models/net/w.txt": "41", "hooks/load.py": "x = 1\n"}
ENCRYPTION: Final[JSON] = {
    "format": "age", "recipient": "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p", "packing": "tar",
    "path": "model", "size": 1, "sha256": "7" * 64, "nfiles": 1,
}  # fmt: skip


@pytest.fixture
def root(make_registry: Callable[..., Path], cli: Cli, tmp_path: Path) -> Path:
    """Version 1 is a file; 2 a package; 3 a file with folders of hooks and of data, and no framework of MLSteam."""
    locked = stored_artifact(name="model", path="model.tar.age", encryption=ENCRYPTION)
    registry = make_registry(
        {
            **small_registry(versions=("1",)),
            **version_files("4", artifacts=[locked]),
            **version_files("5", artifacts=[tracked_artifact()]),
        }
    )
    put_object(registry, MODEL_BYTES)
    write_files(tmp_path / "package", PACKAGE)
    write_files(tmp_path / "hooks", {"load.py": "x = 1\n"})
    write_files(tmp_path / "more", {"a/b.txt": "b"})
    (tmp_path / "w.bin").write_bytes(b"\1" * 1000)
    for version, framework, artifacts in (
        ("2", "pytorch", ["model=package"]),
        ("3", "custom", ["net=w.bin", "hooks=hooks", "more=more"]),
    ):
        given = [part for one in artifacts for part in ("--artifact", f"{one.partition('=')[0]}={tmp_path / one.partition('=')[2]}")]  # fmt: skip
        roles = [] if version == "2" else ["--role", "hooks=other", "--role", "more=other", "--role", "net=model"]  # fmt: skip
        ran = cli("version", "add", "nlp/lang-id", version, *given, *roles, "--framework", framework, "--commit", cwd=registry)  # fmt: skip
        assert ran.code == 0, ran.err
    return registry


def export(cli: Cli, root: Path, version: str, *options: str) -> Ran:
    return cli("export", f"nlp/lang-id@{version}", "--mlarchive", "-o", "out.mlarchive", *options, cwd=root)  # fmt: skip


def contents(root: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(root / "out.mlarchive") as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_a_package_is_written_as_it_is(root: Path, cli: Cli) -> None:
    ran = export(cli, root, "2")
    assert ran.code == 0, ran.err
    assert contents(root) == {name: text.encode() for name, text in PACKAGE.items()}
    assert next(iter(contents(root))) == "manifest.json"


def test_the_package_of_another_version_is_built_with_equal_bytes(root: Path, cli: Cli) -> None:
    ran = export(cli, root, "3", "--format", "json")
    said = json.loads(ran.out)
    first = (root / "out.mlarchive").read_bytes()
    assert said == {
        "model": "nlp/lang-id", "version": "3", "path": "out.mlarchive", "size": len(first),
        "sha256": hashlib.sha256(first).hexdigest(),
    }  # fmt: skip
    manifest = contents(root).pop("manifest.json")
    assert json.loads(manifest) == {
        "schema": "v2024.1", "name": "lang-id", "version": "3", "models": [{"name": "net", "version": "3"}]
    }  # fmt: skip
    assert contents(root) == {
        "manifest.json": manifest, "models/net/w.bin": b"\1" * 1000, "hooks/load.py": b"x = 1\n",
        "models/more/a/b.txt": b"b",
    }  # fmt: skip
    assert export(cli, root, "3", "--overwrite").code == 0
    assert (root / "out.mlarchive").read_bytes() == first


@pytest.mark.parametrize(
    ("version", "options", "message"),
    [
        ("2", ("--schema", "v2024.1"), "the package has the schema v2023.1; expected v2024.1"),
        ("2", ("--schema", "v2024.1"), "leave --schema out"),
        ("3", ("--schema", "v2023.1"), "the framework is custom"),
        ("4", (), "decrypt it: registry decrypt nlp/lang-id@4 -o DIR"),
        ("5", (), "has no stored artifact with the role model"),
        ("9", (), "no version, tag or alias 9"),
        ("1", ("--offline",), "offline"),
    ],
)
def test_what_cannot_be_a_package_is_refused_and_leaves_no_file(
    root: Path, cli: Cli, version: str, options: tuple[str, ...], message: str
) -> None:
    ran = export(cli, root, version, *options)
    assert ran.code != 0
    assert message in ran.err
    assert not [*root.glob("*out.mlarchive*")]


def test_a_file_is_replaced_only_on_request(root: Path, cli: Cli) -> None:
    (root / "out.mlarchive").write_text("mine")
    ran = export(cli, root, "2")
    assert "already exists" in ran.err
    assert (root / "out.mlarchive").read_text() == "mine"
    assert "add --mlarchive" in cli("export", "nlp/lang-id@2", "-o", "x", cwd=root).err


def test_a_program_exports_too(root: Path) -> None:
    with registry_tool.open(root) as registry:
        done = registry.export_package("nlp/lang-id@1", root / "out.mlarchive", schema="v2024.1")
    assert (done.version.version, done.is_built) == ("1", True)
    assert contents(root)["models/model/model.bin"] == MODEL_BYTES
