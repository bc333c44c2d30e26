"""What Git ignores among the manifests: mistyped names are found, bytes and what tools keep there are not."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from support import Ran, git, run_program, write_files

Cli = Callable[..., Ran]
MODEL = "models/nlp/lang-id"


@pytest.fixture(scope="module")
def laid() -> list[Path]:
    """Where the registry of this module was laid, once it was: a passphrase takes a second of work."""
    return []


@pytest.fixture
def root(tmp_path: Path, laid: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry as `registry init` lays it, with a file, a folder and an encrypted artifact."""
    if not laid:
        laid.append(_lay(tmp_path_factory.mktemp("laid")))
    root = tmp_path / "registry"
    write_files(tmp_path, _ARTIFACTS)
    shutil.copytree(laid[0], root, symlinks=True)
    git(root, "status")  # which takes note that the files were copied
    return root


_ARTIFACTS = {"a.bin": "a", "folder/x": "x", "folder/deep/version.yml": "y"}


def _lay(folder: Path) -> Path:
    root = folder / "registry"
    write_files(folder, _ARTIFACTS)
    env = {"REGISTRY_NEW_PASSPHRASE": "correct horse battery"}
    add = ("version", "add", "nlp/lang-id", "--framework", "custom", "--commit")
    for command in (
        ("init", str(root), "--name", "acme", "--remote", str(folder / "store")),
        ("model", "add", "nlp/lang-id", "--task", "ocr", "--owner", "team", "--description", "Reads.", "--commit"),
        (*add, "--artifact", str(folder / "a.bin"), "--artifact", str(folder / "folder")),
        (*add, "--artifact", str(folder / "a.bin"), "--encrypt-passphrase"),
    ):  # fmt: skip
        ran = run_program(*command, cwd=root if root.exists() else folder, env=env)
        assert ran.code == 0, ran.err
    return root


def found(cli: Cli, root: Path, *options: str) -> dict[str, str]:
    """The paths of F115, and what should stand there."""

    ran = cli("check", *options, "--format", "json", cwd=root)
    assert ran.code in {0, 1, 3}, ran.err
    listed = json.loads(ran.out)["findings"]
    return {one["path"]: one["expected"] for one in listed if one["rule"] == "F115"}


def test_mistyped_names_are_found_with_the_right_one(cli: Cli, root: Path) -> None:
    right = {
        f"{MODEL}/aliases/champion.yml": f"{MODEL}/aliases/champion.yaml",
        f"{MODEL}/tags/v1.json": f"{MODEL}/tags/v1.yaml",
        f"{MODEL}/versions/1/evidence/seen.yaml.txt": f"{MODEL}/versions/1/evidence/seen.yaml",
        f"{MODEL}/versions/1/status.yml": f"{MODEL}/versions/1/status.yaml",
        f"{MODEL}/versions/1/card.md": f"{MODEL}/versions/1/CARD.md",
    }
    odd = [f"{MODEL}/notes.md", f"{MODEL}/versions/7/model.bin"]
    write_files(root, dict.fromkeys([*right, *odd], "x"))
    assert git(root, "status", "--porcelain") == ""
    for options in ((), ("--all",)):
        hits = found(cli, root, *options)
        assert {path: hits[path] for path in right} == right
        assert set(hits) == {*right, *odd}
    inside = f"{MODEL}/versions"
    assert set(found(cli, root, inside)) == {
        path for path in (*right, *odd) if path.startswith(inside)
    }
    assert found(cli, root, "--staged") == {}
    assert found(cli, root, "--base", "HEAD", "--head", "HEAD") == {}
    write_files(root, {f"{MODEL}/tag/v1.yaml": "x", f"{MODEL}/version/x": "x"})
    hits = found(cli, root)
    assert hits[f"{MODEL}/tag"].startswith("model.yaml, title.yaml")  # the folder tags is there
    # What it says to do does it: the file is seen, and judged.
    (root / f"{MODEL}/versions/1/status.yml").rename(root / f"{MODEL}/versions/1/status.yaml")
    assert f"{MODEL}/versions/1/status.yml" not in found(cli, root)


def test_a_change_elsewhere_finds_them_too(cli: Cli, root: Path) -> None:
    write_files(root, {f"{MODEL}/aliases/champion.yml": "x", "README.md": "changed"})
    assert set(found(cli, root)) == {f"{MODEL}/aliases/champion.yml"}


def test_a_manifest_that_a_user_ignores_is_found(cli: Cli, root: Path) -> None:
    # What the starter names, it shows again, whatever a user ignores; it does not name every place.
    (root / ".git/info/exclude").write_text("version.yaml\nnamespace.yaml\n")
    path = "models/vision/namespace.yaml"
    about = ("--task", "ocr", "--owner", "team", "--description", "Reads.")
    ran = cli("model", "add", "vision/ocr", *about, cwd=root)
    assert ran.code == 0, ran.err
    assert f"Git ignores {path}" in ran.err
    assert "git add -f -- " in ran.out
    ran = cli("check", cwd=root)
    assert f"Git ignores {path}, which is a manifest" in ran.out
    assert f"git add -f -- {path}" in ran.out
    git(root, "add", "-f", "--", path)
    assert found(cli, root) == {}


def test_bytes_and_what_tools_keep_are_passed_over(cli: Cli, root: Path, tmp_path: Path) -> None:
    folder = root / MODEL / "versions"
    for version in ("1", "2"):
        # Where plain DVC puts them.
        assert (
            cli("fetch", f"nlp/lang-id@{version}", "-o", str(folder / version), cwd=root).code == 0
        )
    assert (folder / "1/folder/deep/version.yml").is_file()
    assert (folder / "2/a.bin.age").is_file()
    write_files(
        folder,
        {
            "1/.a.bin.registry-tool.tmp": "left by a killed command", "1/.a.bin.abcdef.tmp": "left by DVC", "1/.DS_Store": "x",
            "1/.version.yaml.swp": "x", "1/version.yaml~": "x", "../Thumbs.db": "x", "1/.gitignore": "/a.bin\n",
        },
    )  # fmt: skip
    assert git(root, "status", "--porcelain") == ""
    for options in ((), ("--all",)):
        assert found(cli, root, *options) == {}


def test_a_policy_can_refuse_them(cli: Cli, root: Path) -> None:
    manifest = root / "registry.yaml"
    manifest.write_text(manifest.read_text() + "rules:\n  F115: refuse\n")
    git(root, "commit", "-qam", "Policy")
    write_files(root, {f"{MODEL}/notes.md": "x"})
    assert cli("check", cwd=root).code == 1
    manifest.write_text(manifest.read_text().replace("refuse", '"off"'))
    git(root, "commit", "-qam", "Policy")
    assert cli("check", cwd=root).code == 0


def test_an_encrypted_version_in_a_registry_of_an_earlier_version(
    cli: Cli, root: Path, tmp_path: Path
) -> None:
    ignore = root / ".gitignore"
    ignore.write_text(ignore.read_text().replace("!/models/*/*/versions/*/key.yaml\n", ""))
    git(root, "commit", "-qam", "As it was", "--no-verify")
    ran = run_program(
        "version", "add", "nlp/lang-id", "--framework", "custom", "--artifact", str(tmp_path / "folder"), "--encrypt-passphrase",
        cwd=root, env={"REGISTRY_NEW_PASSPHRASE": "correct horse battery"},
    )  # fmt: skip
    assert ran.code == 0, ran.err
    key = f"{MODEL}/versions/3/key.yaml"
    assert f"Git ignores {key}" in ran.err
    assert key in found(cli, root)
    ran = cli("init", ".", cwd=root)
    assert (ran.code, "wrote  .gitignore" in ran.out) == (0, True), ran.err
    assert found(cli, root) == {}
    assert key in git(root, "status", "--porcelain", "-uall")
