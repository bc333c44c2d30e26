"""What a reader's installation lacks is said with the command that installs it."""

from __future__ import annotations

import importlib.metadata

import pytest

from registry_tool.errors import MissingPackageError
from registry_tool.installation import install_command, package_for, upgrade_command


@pytest.mark.parametrize(
    ("module", "package"),
    [("git", "gitpython"), ("ruamel.yaml", "ruamel.yaml"), ("packaging.requirements", "packaging")],
)
def test_a_missing_package_is_named_as_it_is_installed(module: str, package: str) -> None:
    with pytest.raises(MissingPackageError) as caught, package_for("a new registry"):
        raise ModuleNotFoundError(f"No module named {module!r}", name=module)
    assert str(caught.value).startswith(
        f"a new registry needs the package {package}, which is not installed"
    )
    assert caught.value.remedy == "run: pip install registry-tool"
    assert caught.value.exit_code == 4


def test_another_missing_module_is_not_explained_away() -> None:
    with pytest.raises(ModuleNotFoundError), package_for("a new registry"):
        raise ModuleNotFoundError("No module named 'registry_tool.x'", name="registry_tool.x")


@pytest.mark.parametrize(
    ("installed", "distribution"),
    [
        ({"registry-tool"}, "registry-tool"),
        ({"registry-tool", "registry-tool-reader"}, "registry-tool"),
        ({"registry-tool-reader"}, "registry-tool-reader"),
        (set(), "registry-tool"),
    ],
)
def test_commands_name_the_distribution_that_is_installed(
    installed: set[str], distribution: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def version(name: str) -> str:
        if name not in installed:
            raise importlib.metadata.PackageNotFoundError(name)
        return "1"

    monkeypatch.setattr(importlib.metadata, "version", version)
    assert install_command("encrypt") == f'pip install "{distribution}[encrypt]"'
    assert upgrade_command() == f"pip install -U {distribution}"
