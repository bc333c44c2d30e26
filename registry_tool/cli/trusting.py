"""The options of commands that may ask for a signature before they go on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from registry_tool.cli.completion import complete_file
from registry_tool.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry_tool.registry import Registry

__all__ = ["check_signed", "read_signers", "signers_option"]

Function = TypeVar("Function", bound="Callable[..., object]")
_LIMIT = 1 << 20


def signers_option(function: Function) -> Function:
    """``--signers``: whose signatures count."""
    return click.option(
        "--signers", metavar="FILE", shell_complete=complete_file,
        help="Your own allowed_signers file. Default: the one of the registry, in the state that is read.",
    )(function)  # fmt: skip


def read_signers(path: str | None) -> bytes | None:
    """The content of ``--signers``; None where it is not given.

    Raises:
        UsageError: The file cannot be read.
    """
    if path is None:
        return None
    try:
        with Path(path).open("rb") as file:
            found = file.read(_LIMIT + 1)
    except OSError as exc:
        raise UsageError(f"--signers: {path} cannot be read: {exc.strerror}") from exc
    if len(found) > _LIMIT:
        raise UsageError(f"--signers: {path} is larger than {_LIMIT} bytes")
    return found


def check_signed(registry: Registry, reference: str, signers: str | None) -> None:
    """Go on only where an allowed signer signed the version that a reference means.

    Raises:
        Refused: Nobody did.
    """
    from registry_tool.trust import require_signature

    version = registry.resolve(reference, allow_withdrawn=True).version
    require_signature(registry.repository, version, signers=read_signers(signers))
