"""The starter's ignore rules under the oldest and newest releases that DVC may bring: dulwich alone, and DVC as a whole."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest
from support import Ran, run_program, without, write_files

from registry_tool.manifests.layout import Layout
from registry_tool.names import ModelName
from registry_tool.scaffold.create import new_registry

pytestmark = [
    pytest.mark.network,
    pytest.mark.real_home,  # pip's settings are there
    pytest.mark.timeout(900),
]
# Before 1.2.15 a folder is ignored only where a pattern names it; since then also where the last pattern about its
# content ignores that. 0.21.6 is older than what dvc 3.50 takes.
DULWICH = ("0.21.6", "0.22.8", "0.24.10", "1.0.0", "1.2.14", "1.2.15", "1.2.21")
# The oldest DVC that pyproject.toml allows, with what it had then.
OLDEST = ("dvc==3.50.0", "scmrepo==3.3.2", "dulwich==0.22.1", "pathspec==0.10.3", "setuptools<80")
MODEL = ModelName("nlp", "lang-id")
ASKED = """
import json, sys
sys.path.insert(0, sys.argv[1])
from dulwich import __file__ as where
from dulwich.ignore import IgnoreFilterManager
from dulwich.repo import Repo
assert where.startswith(sys.argv[1]), where
manager = IgnoreFilterManager.from_repo(Repo(sys.argv[2]))
print(json.dumps([path for path in json.load(sys.stdin) if manager.is_ignored(path)]))
"""


def pip(*arguments: str) -> None:
    environment = {**os.environ, "PIP_NO_COMPILE": "1"}  # most of it is never imported
    done = subprocess.run(
        [sys.executable, "-m", "pip", *arguments],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        without(f"pip reaches no package registry: {done.stderr[-200:]}")


@pytest.fixture(scope="module", params=DULWICH)
def dulwich(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one release of dulwich."""
    target = tmp_path_factory.mktemp("dulwich")
    pip("install", "--quiet", "--no-deps", "--target", str(target), f"dulwich=={request.param}")
    return target


@pytest.mark.parametrize("shard", [0, 2])
def test_dulwich_sees_every_manifest(tmp_path: Path, dulwich: Path, shard: int) -> None:
    root, layout = tmp_path / "registry", Layout(shard)
    new_registry(root, name="acme", shard=shard, hooks=False)
    kept = [path for version in ("4", "1.2.0") for path in layout.examples(MODEL, version, "x.bin")]
    write_files(root, dict.fromkeys(kept, "x"))
    folders = {
        f"{f.relative_to(root)}/" for p in kept for f in (root / p).parents if root in f.parents
    }
    asked = json.dumps([*kept, *sorted(folders), f"{layout.version(MODEL, '4')}/model.bin"])
    done = subprocess.run(
        [sys.executable, "-c", ASKED, str(dulwich), str(root)],
        input=asked, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert json.loads(done.stdout) == [f"{layout.version(MODEL, '4')}/model.bin"]


def test_the_oldest_dvc_takes_everything_along(tmp_path: Path) -> None:
    venv.create(tmp_path / "oldest", with_pip=False, symlinks=True)
    programs = tmp_path / "oldest/bin"
    pip("--python", str(programs / "python"), "install", "--quiet", *OLDEST)
    root, plain, store = tmp_path / "registry", tmp_path / "plain", tmp_path / "store"
    write_files(tmp_path, {"a.bin": "a" * 100, "folder/x": "x", "folder/y.dvc": "y"})
    about = ("--task", "ocr", "--owner", "team", "--description", "Reads.", "--commit")
    add = ("version", "add", "nlp/lang-id", "--framework", "custom", "--commit")
    for command in (
        ("init", str(root), "--name", "acme", "--remote", str(store)),
        ("model", "add", "nlp/lang-id", *about),
        (*add, "--artifact", str(tmp_path / "a.bin"), "--artifact", str(tmp_path / "folder")),
    ):
        ran: Ran = run_program(*command, cwd=root if root.exists() else tmp_path)
        assert ran.code == 0, ran.err
    subprocess.run(["git", "clone", "-q", str(root), str(plain)], check=True)
    before = sorted(path for path in (store / "files").rglob("*") if path.is_file())
    env = {**os.environ, "DVC_NO_ANALYTICS": "true", "DVC_SITE_CACHE_DIR": str(tmp_path / "site")}
    for words in (("pull", "-q"), ("gc", "-q", "-w", "-c", "-f")):
        subprocess.run([str(programs / "dvc"), *words], cwd=plain, env=env, check=True)
    assert sorted(path for path in (store / "files").rglob("*") if path.is_file()) == before
    folder = plain / "models/nlp/lang-id/versions/1"
    assert (folder / "a.bin").read_text() == "a" * 100
    assert (folder / "folder/y.dvc").read_text() == "y"
