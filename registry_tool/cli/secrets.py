"""The options of commands that open keys, and of those that wrap them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from registry_tool.cli.completion import complete_file
from registry_tool.errors import UsageError

if TYPE_CHECKING:
    from registry_tool.encryption.keys import Key
    from registry_tool.manifests.problems import JSON
    from registry_tool.vault import Holder

__all__ = ["holder_of", "holder_options", "key_passphrase", "new_passphrase", "passphrase_wraps"]

Function = TypeVar("Function", bound=Callable[..., object])
_VARIABLE = "REGISTRY_PASSPHRASE"
_NEW_VARIABLE = "REGISTRY_NEW_PASSPHRASE"
_KEY_VARIABLE = "REGISTRY_KEY_PASSPHRASE"


def holder_options(function: Function) -> Function:
    """``--identity`` and ``--passphrase``: what opens keys."""
    passphrase = click.option(
        "--passphrase", "by_passphrase", is_flag=True,
        help=f"Ask for the passphrase that opens the key, or take it from {_VARIABLE}.",
    )  # fmt: skip
    identity = click.option(
        "--identity", "identities", metavar="FILE", multiple=True, envvar="REGISTRY_IDENTITY",
        shell_complete=complete_file,
        help="A file with your age keys, or an SSH private key; may be repeated.",
    )  # fmt: skip
    return identity(passphrase(function))


def _asked(prompt: str, variable: str, *, twice: bool) -> str:
    """The passphrase, from the environment or the terminal."""
    given = os.environ.get(variable)
    if given is not None:
        return given
    if not sys.stdin.isatty():  # what is typed elsewhere would be seen
        raise UsageError("nobody can be asked for the passphrase here", remedy=f"set {variable}")
    return str(click.prompt(prompt, hide_input=True, confirmation_prompt=twice, err=True))


def holder_of(identities: Sequence[str], *, by_passphrase: bool) -> Holder:
    """What the options hold.

    Raises:
        UsageError: A file holds no key; or nothing is given.
        EnvironmentTrouble: The package that opens keys is missing.
    """
    from registry_tool.encryption.keys import read_identities
    from registry_tool.vault import Holder

    if not identities and not by_passphrase:
        raise UsageError(
            "there is nothing to open the key with",
            remedy="--identity FILE with your age or SSH key, or --passphrase",
        )
    found = [one for path in identities for one in read_identities(Path(path))]
    ask = cache(lambda: _asked("Passphrase", _VARIABLE, twice=False)) if by_passphrase else None
    return Holder(found, ask)


def key_passphrase(key: str) -> str:
    """The passphrase that opens a private key, asked for where it is not in ``REGISTRY_KEY_PASSPHRASE``."""
    return _asked(f"Passphrase of {key}", _KEY_VARIABLE, twice=False)


def new_passphrase() -> str:
    """A passphrase for a new wrap, asked for twice where it is not in ``REGISTRY_NEW_PASSPHRASE``."""
    return _asked("New passphrase", _NEW_VARIABLE, twice=True)


def passphrase_wraps(key: Key, *, wanted: bool) -> list[dict[str, JSON]]:
    """The wrap of a key to a new passphrase; none where it is not wanted."""
    from registry_tool.edits.keys import passphrase_wrap
    from registry_tool.encryption.keys import wrap_with_passphrase

    if not wanted:
        return []
    return [passphrase_wrap(wrap_with_passphrase(key, new_passphrase()))]
