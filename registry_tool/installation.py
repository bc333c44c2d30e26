"""What is installed: all of registry-tool, or only what reading needs (docs/decisions/0036)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from registry_tool.errors import MissingPackageError

__all__ = ["install_command", "package_for", "package_of_extra", "upgrade_command"]

# What registry-tool requires and the reader does not: how it is imported, and how it is installed.
_BEYOND_READING: Final = {
    "dvc": "dvc",
    "git": "gitpython",
    "packaging": "packaging",
    "rich": "rich",
    "ruamel": "ruamel.yaml",
}


def _has(distribution: str) -> bool:
    from importlib.metadata import PackageNotFoundError, version

    try:
        version(distribution)
    except PackageNotFoundError:
        return False
    return True


def _distribution() -> str:
    is_reader = _has("registry-tool-reader") and not _has("registry-tool")
    return "registry-tool-reader" if is_reader else "registry-tool"


def install_command(extra: str) -> str:
    """The command that installs an extra which both distributions have; for the one that is installed."""
    return f'pip install "{_distribution()}[{extra}]"'


def upgrade_command() -> str:
    """The command that upgrades the distribution that is installed; a reader stays a reader."""
    return f"pip install -U {_distribution()}"


@contextmanager
def package_for(task: str) -> Iterator[None]:
    """Import, inside it, packages that ``registry-tool`` requires and ``registry-tool-reader`` does not.

    Args:
        task: What needs them, as the subject of a sentence.

    Raises:
        MissingPackageError: One is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as exc:
        name = _BEYOND_READING.get((exc.name or "").partition(".")[0])
        if name is None:
            raise
        raise MissingPackageError(
            f"{task} needs the package {name}, which is not installed",
            remedy="run: pip install registry-tool",
        ) from exc


@contextmanager
def package_of_extra(task: str, extra: str) -> Iterator[None]:
    """Import, inside it, packages of an extra.

    Args:
        task: What needs them, as the subject of a sentence.
        extra: The extra of ``registry-tool``.

    Raises:
        MissingPackageError: One is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as exc:
        name = (exc.name or "").partition(".")[0]
        missing = "registry-tool" if name == __package__ else name  # the reader has no server
        raise MissingPackageError(
            f"{task} needs the package {missing}, which is not installed",
            remedy=f'run: pip install "registry-tool[{extra}]"',
        ) from exc
