"""Options of commands that decrypt, encrypt, or re-encrypt keys."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from registry_tool.cli.artifact_args import parse_sources
from registry_tool.cli.completion import complete_file
from registry_tool.errors import UsageError

if TYPE_CHECKING:
    from registry_tool.api.changes.editing import EncryptTo
    from registry_tool.api.changes.encryption import KeyHolder
    from registry_tool.cli.version_args import VersionOptions

__all__ = [
    "build_encryption",
    "build_holder",
    "holder_options",
    "key_passphrase",
    "new_passphrase_if",
]

Function = TypeVar("Function", bound=Callable[..., object])
_VARIABLE = "REGISTRY_PASSPHRASE"
_NEW_VARIABLE = "REGISTRY_NEW_PASSPHRASE"
_KEY_VARIABLE = "REGISTRY_KEY_PASSPHRASE"


def holder_options(function: Function) -> Function:
    """``--identity`` and ``--passphrase``: what decrypts keys."""
    passphrase = click.option(
        "--passphrase", "by_passphrase", is_flag=True,
        help=f"Decrypt the key with a passphrase, read from a prompt or {_VARIABLE}.",
    )  # fmt: skip
    identity = click.option(
        "--identity", "identities", metavar="FILE", multiple=True, envvar="REGISTRY_IDENTITY",
        shell_complete=complete_file,
        help="A file with your age keys, or an SSH private key; may be repeated.",
    )  # fmt: skip
    return identity(passphrase(function))


def _read_passphrase(prompt: str, variable: str, *, twice: bool) -> str:
    """The passphrase, from the environment or the terminal."""
    given = os.environ.get(variable)
    if given is not None:
        return given
    if not sys.stdin.isatty():  # typed anywhere else, it would be visible
        raise UsageError("cannot prompt for a passphrase: no terminal", remedy=f"set {variable}")
    return str(click.prompt(prompt, hide_input=True, confirmation_prompt=twice, err=True))


def build_holder(identities: Sequence[str], *, by_passphrase: bool) -> KeyHolder:
    """The identities of the options.

    Raises:
        UsageError: A file contains no key; or no option is given.
        OperationalError: The package that decrypts keys is not installed.
    """
    from registry_tool.api.changes.encryption import KeyHolder, read_identities

    if not identities and not by_passphrase:
        raise UsageError(
            "no identity to decrypt the key with",
            remedy="--identity FILE with your age or SSH key, or --passphrase",
        )
    found = [one for path in identities for one in read_identities(Path(path))]
    ask = (
        cache(lambda: _read_passphrase("Passphrase", _VARIABLE, twice=False))
        if by_passphrase
        else None
    )
    return KeyHolder(found, ask)


def key_passphrase(key: str) -> str:
    """The passphrase of a private key, prompted for if it is not in ``REGISTRY_KEY_PASSPHRASE``."""
    return _read_passphrase(f"Passphrase of {key}", _KEY_VARIABLE, twice=False)


def new_passphrase() -> str:
    """A new passphrase, prompted for twice if it is not in ``REGISTRY_NEW_PASSPHRASE``."""
    return _read_passphrase("New passphrase", _NEW_VARIABLE, twice=True)


def new_passphrase_if(*, wanted: bool) -> Callable[[], str] | None:
    """What reads a passphrase for a new wrap, where one is requested."""
    return cache(new_passphrase) if wanted else None


def _check(options: VersionOptions) -> None:
    """Check that every artifact can be encrypted while it is read."""
    given = parse_sources(options["artifact"])
    if not given:
        raise UsageError("no artifact to encrypt", remedy="--artifact PATH")
    for one in given:
        if one.kind != "files" or len(one.places) != 1:
            raise UsageError(
                f"artifact {one.name} cannot be encrypted: it is not a single file or folder",
                remedy="copy it into one folder first",
            )
    if options["copy"]:
        raise UsageError("--copy: files that are copied from a URL cannot be encrypted")


def build_encryption(options: VersionOptions) -> EncryptTo | None:
    """Who can decrypt the new version; None where its artifacts are not encrypted.

    Raises:
        UsageError: An artifact cannot be encrypted.
    """
    from registry_tool.api.changes.editing import EncryptTo

    to, wanted = options["encrypt_to"], options["encrypt_passphrase"]
    if not to and not wanted:
        return None
    _check(options)
    return EncryptTo(to, new_passphrase_if(wanted=wanted))
