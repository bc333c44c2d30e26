"""What is published, as it is built and installed: a reader without DVC, and what makes it whole (docs/decisions/0036)."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
import venv
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from support import without
from support.remote_registries import BIG, SMALL, Place, is_whole

from registry_tool._version import VERSION

ROOT = Path(__file__).parents[2]
MEGABYTE = 1_000_000
# Of site-packages with byte code.
LIMITS = {"registry-tool-reader": 61, "registry-tool-reader[s3]": 100}
# What a service does: everything but the address comes from the registry.
SERVICE = """
import sys, warnings
warnings.simplefilter("error")
import registry_tool as registry
with registry.open(sys.argv[1]) as reg:
    assert reg.resolve("nlp/lang-id@2").version.version == "2"
    assert [model.versions for model in reg.models()] == [("1", "2")]
    version = reg.version("nlp/lang-id@2")
    assert [each.version for each in reg.versions("nlp/lang-id")] == ["1", "2"]
    assert version.framework.type == "custom" and version.metadata == {}
    print(version.artifact("model").fetch())
    print(version.artifact("parts").fetch())
for absent in ("dvc", "git", "rich", "ruamel", "packaging"):
    try:
        __import__(absent)
    except ModuleNotFoundError:
        continue
    raise SystemExit(f"{absent} is here")
"""


def run(*command: str | Path, cwd: Path, code: int = 0) -> str:
    """The output of a program that ends with a code, with none of this checkout on its paths."""
    environment = {k: v for k, v in os.environ.items() if k not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    done = subprocess.run(
        [str(word) for word in command], cwd=cwd, env=environment, text=True, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert done.returncode == code, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what is published, each wheel made from its sdist; and below it the wheel of the repository."""
    folder = tmp_path_factory.mktemp("distributions")
    for name in ("reader", "full"):
        run(
            sys.executable, "-m", "build", "--no-isolation", "--outdir", folder,
            ROOT / ".ci" / "distributions" / name, cwd=folder,
        )  # fmt: skip
    run(
        sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir",
        folder / "repository", ROOT, cwd=folder,
    )  # fmt: skip
    return folder


def _names(wheel: Path) -> set[str]:
    return set(zipfile.ZipFile(wheel).namelist())


def _wheel(folder: Path, name: str) -> Path:
    return folder / f"{name}-{VERSION}-py3-none-any.whl"


READER = tomllib.loads((ROOT / ".ci/distributions/reader/pyproject.toml").read_text())
# What only registry-tool has.
SERVER = tuple(
    part.lstrip("/") + ("" if part.endswith(".py") else "/")
    for part in READER["tool"]["hatch"]["build"]["exclude"]
)


def test_one_wheel_has_all_files_but_those_of_the_server(built: Path) -> None:
    reader, full = (_names(_wheel(built, f"registry_tool{which}")) for which in ("_reader", ""))
    whole = _names(_wheel(built / "repository", "registry_tool"))
    whole = {name for name in whole if ".dist-info/" not in name}
    server = {name for name in whole if name.startswith(SERVER)}
    assert {name for name in full if ".dist-info/" not in name} == server
    assert {name for name in reader if ".dist-info/" not in name} == whole - server
    assert f"registry_tool_reader-{VERSION}.dist-info/licenses/LICENSE" in reader
    assert f"registry_tool-{VERSION}.dist-info/licenses/LICENSE" in full


class Installed:
    """A virtual environment into which pip installs what was built, and from an index what that requires."""

    def __init__(self, folder: Path, built: Path) -> None:
        venv.create(folder, with_pip=False, symlinks=True)
        self.folder, self.built = folder, built
        self.python = folder / "bin" / "python"
        self.registry = folder / "bin" / "registry"

    def pip(self, *words: str) -> str:
        pip = (sys.executable, "-m", "pip", "--python", self.python, "--disable-pip-version-check")
        return run(*pip, *words, cwd=self.folder)

    def install(self, *requirements: str) -> None:
        self.pip(
            "install", "--quiet", "--find-links", str(self.built), "--constraint",
            str(ROOT / "constraints.txt"), *requirements,
        )  # fmt: skip

    def size(self) -> float:
        """Megabytes of all files in site-packages."""
        (site,) = self.folder.glob("lib/python*/site-packages")
        return sum(path.lstat().st_size for path in site.rglob("*") if path.is_file()) / MEGABYTE


@pytest.fixture(scope="module")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Installed]:
    """An environment with a requirement, made when it is first asked for."""
    made: dict[str, Installed] = {}

    def environment(requirement: str) -> Installed:
        if requirement not in made:
            folder = tmp_path_factory.mktemp("reader")
            probe = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest"]
            reached = subprocess.run(
                [*probe, folder / "probe", "click>=8.1.3"], check=False, capture_output=True
            )
            if reached.returncode:
                without("pip reaches no package registry")
            made[requirement] = Installed(folder / "environment", built)
            made[requirement].install(requirement)
        return made[requirement]

    return environment


@pytest.mark.network
@pytest.mark.real_home  # pip's settings are there
@pytest.mark.timeout(900)
@pytest.mark.parametrize("kind", ["local", "http", "s3"], indirect=True)
def test_a_service_reads(
    kind: str, place: Place, installed: Callable[[str], Installed], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    requirement = "registry-tool-reader[s3]" if kind == "s3" else "registry-tool-reader"
    monkeypatch.setenv("REGISTRY_CACHE", str(tmp_path / "cache"))
    reader = installed(requirement)
    assert 20 < reader.size() <= LIMITS[requirement]
    model, parts = run(
        reader.python, "-W", "error", "-c", SERVICE, place.root, cwd=tmp_path
    ).splitlines()
    assert Path(model).read_bytes() == BIG
    assert (Path(parts) / "vocab.txt").read_bytes() == SMALL["vocab.txt"]
    run(reader.registry, "fetch", "nlp/lang-id@2", "-o", tmp_path / "out", cwd=place.root)
    assert is_whole(tmp_path / "out")


@pytest.mark.network
@pytest.mark.real_home
@pytest.mark.timeout(900)
def test_the_whole_is_added_and_taken_away(
    built: Path, installed: Callable[[str], Installed], tmp_path: Path
) -> None:
    reader = installed("registry-tool-reader")
    lacking = run(reader.registry, "init", "models", "--name", "acme", cwd=tmp_path, code=4)
    assert "needs the package gitpython, which is not installed" in lacking
    assert "pip install registry-tool" in lacking
    before = reader.pip("show", "--files", "registry-tool-reader")
    # Its other packages are large and not what is looked at here.
    reader.install("--no-deps", "registry-tool", "gitpython", "gitdb", "smmap")
    assert f"registry-tool {VERSION}" in run(reader.registry, "--version", cwd=tmp_path)
    run(reader.registry, "init", "models", "--name", "acme", cwd=tmp_path)
    reader.pip("uninstall", "--quiet", "--yes", "registry-tool", "gitpython", "gitdb", "smmap")
    assert reader.pip("show", "--files", "registry-tool-reader") == before
    assert not reader.registry.exists()
    listed = run(reader.python, "-m", "registry_tool", "list", cwd=tmp_path / "models")
    assert "Traceback" not in listed
    reader.install("--force-reinstall", "--no-deps", "registry-tool-reader")
    assert run(reader.registry, "list", cwd=tmp_path / "models") == listed
