"""Fetching where the package dvc, and the drivers it has, are not installed: as in the image of a service."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from support import Ran, git
from support.manifests import small_registry, version_yaml
from support.remote_registries import FETCH, Place, is_whole

from registry_tool.artifacts.remotes.http_reader import HttpSource
from registry_tool.artifacts.remotes.local import LocalRemote
from registry_tool.artifacts.remotes.open import open_source
from registry_tool.artifacts.remotes.s3_reader import S3Source
from registry_tool.manifests.problems import JSON

# Read without DVC, and by what.
SLIM = {"local": LocalRemote, "http": HttpSource, "s3": S3Source}
DVC = ("dvc", "dvc_data", "dvc_objects", "dvc_http", "dvc_s3", "dvc_ssh", "dvc_webdav", "fsspec")
DRIVERS = ("s3fs", "aiobotocore", "aiohttp", "sshfs", "asyncssh", "webdav4")
PROGRAM = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {missing}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Missing())
from registry_tool.cli.main import run
sys.exit(run(sys.argv[1:]))
"""


def run_without(packages: Iterable[str], *words: str, cwd: Path) -> Ran:
    """Run ``registry`` as if these packages were not installed."""
    program = PROGRAM.format(missing=set(packages))
    ran = subprocess.run(
        [sys.executable, "-c", program, *words],
        cwd=cwd,
        check=False,
        capture_output=True,
        text=True,
    )
    return Ran(ran.returncode, ran.stdout, ran.stderr)


@pytest.mark.parametrize("kind", list(SLIM), indirect=True)
def test_folders_web_servers_and_s3_are_read(place: Place, another: Path, tmp_path: Path) -> None:
    assert isinstance(open_source(place.settings()), SLIM[place.kind])
    ran = run_without((*DVC, *DRIVERS), *FETCH, "-o", str(tmp_path / "out"), cwd=place.root)
    assert (ran.code, ran.err) == (0, "")
    assert is_whole(tmp_path / "out")


@pytest.mark.parametrize("kind", ["local", "http"], indirect=True)
def test_without_botocore_too(place: Place, another: Path, tmp_path: Path) -> None:
    packages = (*DVC, *DRIVERS, "botocore", "boto3")
    ran = run_without(packages, *FETCH, "-o", str(tmp_path / "out"), cwd=place.root)
    assert (ran.code, ran.err) == (0, "")


@pytest.mark.parametrize("kind", ["ssh", "webdav", "s3"], indirect=True)
def test_what_is_lacking_is_said_and_what_works(place: Place, another: Path) -> None:
    ran = run_without((*DVC, *DRIVERS, "botocore"), *FETCH, cwd=place.root)
    assert (ran.code, ran.out) == (4, "")
    assert "needs the package dvc, which is not installed" in ran.err
    assert "folders, web servers and S3 can be read" in ran.err
    assert f'pip install "registry-tool[{place.kind}]"' in ran.err
    assert ('"registry-tool-reader[s3]"' in ran.err) == (place.kind == "s3")


@pytest.mark.parametrize("kind", ["ssh"], indirect=True)
def test_a_driver_that_is_lacking_is_named_by_its_extra(place: Place, another: Path) -> None:
    ran = run_without(["dvc_ssh", "sshfs", "asyncssh"], *FETCH, cwd=place.root)
    assert (ran.code, ran.out) == (4, "")
    assert "needs a package that is not installed" in ran.err
    assert 'pip install "registry-tool[ssh]"' in ran.err


@pytest.mark.parametrize("kind", ["http"], indirect=True)
def test_a_slim_image_does_not_write_to_servers(place: Place, another: Path) -> None:
    words = (
        "version",
        "add",
        "nlp/lang-id",
        "--artifact",
        "registry.yaml",
        "--framework",
        "custom",
    )
    ran = run_without((*DVC, *DRIVERS), *words, cwd=place.root)
    assert ran.code == 4
    assert "needs the package dvc, which is not installed" in ran.err
    assert not (place.root / "models/nlp/lang-id/versions/3").exists()


# What registry-tool requires and registry-tool-reader does not (docs/decisions/0036).
BEYOND_READING = ("dvc", "git", "packaging", "rich", "ruamel")


# No pattern settles this requirement.
REQUIREMENT: JSON = {"pip_packages": ["torch >= 2 ; python_version > '3'"]}


@pytest.fixture
def registry(make_registry: Callable[..., Path]) -> Path:
    version = version_yaml("2", environment=REQUIREMENT)
    return make_registry(small_registry() | {"models/nlp/lang-id/versions/2/version.yaml": version})


@pytest.mark.parametrize(
    ("words", "task", "package"),
    [
        (("check", "--all"), "a check of `pip_packages`", "packaging"),
        (("scan", "registry.yaml"), "a scan of YAML", "ruamel.yaml"),
        (("init", "another", "--name", "acme"), "a new registry", "gitpython"),
    ],
)
def test_what_needs_more_names_it(
    words: tuple[str, ...], task: str, package: str, registry: Path
) -> None:
    ran = run_without(BEYOND_READING, *words, cwd=registry)
    assert (ran.code, ran.out) == (4, "")
    assert ran.err.splitlines()[-2:] == [
        f"error: {task} needs the package {package}, which is not installed",
        "try:   run: pip install registry-tool",
    ]
    assert git(registry, "status", "--short") == ""


@pytest.mark.parametrize(
    "words",
    [
        ("list",), ("list", "nlp/lang-id"), ("show", "nlp/lang-id@1"), ("resolve", "nlp/lang-id@1"),
        ("search", "label:edge"), ("history", "nlp/lang-id"), ("audit",), ("diff", "HEAD", "HEAD"),
        ("lock", "nlp/lang-id@1", "-o", "../lock"), ("cache",), ("rules",), ("verify", "nlp/lang-id@1"),
    ],
)  # fmt: skip
def test_what_reads_needs_no_more(words: tuple[str, ...], registry: Path) -> None:
    ran = run_without(BEYOND_READING, *words, cwd=registry)
    assert ran.code in {0, 1}, ran.err  # 1: the version has no signature
    assert "not installed" not in ran.err
    assert "bug" not in ran.err
