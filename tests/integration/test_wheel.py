"""The wheel as users install it: everything it needs at run time is in it."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(*command: str | Path, cwd: Path) -> str:
    """The output of a program that must succeed, with none of this checkout on its paths."""
    environment = {k: v for k, v in os.environ.items() if k not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    done = subprocess.run(
        [str(word) for word in command], cwd=cwd, env=environment, text=True, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    return done.stdout


def built(folder: Path) -> Path:
    """The wheel of this checkout."""
    run(
        sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT,
        cwd=folder,
    )  # fmt: skip
    (wheel,) = folder.glob("*.whl")
    return wheel


def environment_with(wheel: Path, folder: Path) -> Path:
    """A virtual environment that has the wheel, and of this one only what the wheel depends on."""
    venv.create(folder, with_pip=False, symlinks=True)
    programs = folder / "bin"
    site = Path(
        run(
            programs / "python",
            "-c",
            "import sysconfig; print(sysconfig.get_path('purelib'))",
            cwd=folder,
        ).strip()
    )
    ours = Path(sysconfig.get_path("purelib"))
    for package in ours.iterdir():
        if "registry_tool" not in package.name.replace("-", "_") and package.suffix != ".pth":
            (site / package.name).symlink_to(package)
    run(
        sys.executable, "-m", "pip", "--python", programs / "python", "install", "--quiet",
        "--no-deps", "--no-index", "--disable-pip-version-check", wheel, cwd=folder,
    )  # fmt: skip
    return programs


def test_the_wheel_works_outside_the_checkout(tmp_path: Path) -> None:
    wheel = built(tmp_path)
    names = zipfile.ZipFile(wheel).namelist()
    for path in (
        "schemas/version/v1.schema.json", "hooks/pre-commit", "hooks/pre-push",
        "templates/registry/registry.yaml", "templates/registry/dot-gitignore",
        "templates/registry/dot-dvc/dot-gitignore",
    ):  # fmt: skip
        assert f"registry_tool/_data/{path}" in names
    assert "registry_tool/demo/texts/en.txt" in names
    assert not [name for name in names if name.startswith(("tests/", "docs/"))]
    programs = environment_with(wheel, tmp_path / "environment")
    place = "import registry_tool.paths as r; print(r.__file__, r.resource('schemas'))"
    found = run(programs / "python", "-c", place, cwd=tmp_path)
    assert str(ROOT) not in found
    assert "_data" in found
    assert run(programs / "registry", "--version", cwd=tmp_path).startswith("registry-tool ")
    run(programs / "registry", "init", "models", "--name", "acme", cwd=tmp_path)
    registry = tmp_path / "models"
    assert "no problems found" in run(programs / "registry", "check", "--all", cwd=registry)
    hook = (registry / ".git/hooks/pre-commit").read_text()
    assert f"python={programs / 'python'}" in hook
    (registry / "README.md").write_text("# changed\n")
    assert "no problems found" in run("git", "commit", "--all", "-m", "Change", cwd=registry)


@pytest.mark.parametrize("name", ["pre-commit", "pre-push"])
def test_the_scripts_are_executable_in_the_checkout(name: str) -> None:
    assert os.access(ROOT / "hooks" / name, os.X_OK)
