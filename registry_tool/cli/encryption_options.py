"""The options of commands that open keys, and of those that wrap them.

``registry version add --encrypt-to``: artifacts that are taken in encrypted.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from registry_tool.cli.artifact_args import sources
from registry_tool.cli.change import ChangeSession
from registry_tool.cli.completion import complete_file
from registry_tool.cli.version_args import Options
from registry_tool.errors import UsageError

if TYPE_CHECKING:
    from registry_tool.crypto.age import Key
    from registry_tool.edits.changeset import Edit
    from registry_tool.encryption.keyring import KeyHolder
    from registry_tool.manifests.problems import JSON

__all__ = [
    "holder_of",
    "holder_options",
    "key_passphrase",
    "new_passphrase",
    "passphrase_wraps",
    "sealing_for",
]

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


def holder_of(identities: Sequence[str], *, by_passphrase: bool) -> KeyHolder:
    """What the options hold.

    Raises:
        UsageError: A file holds no key; or nothing is given.
        OperationalError: The package that opens keys is missing.
    """
    from registry_tool.crypto.age import read_identities
    from registry_tool.encryption.keyring import KeyHolder

    if not identities and not by_passphrase:
        raise UsageError(
            "there is nothing to open the key with",
            remedy="--identity FILE with your age or SSH key, or --passphrase",
        )
    found = [one for path in identities for one in read_identities(Path(path))]
    ask = cache(lambda: _asked("Passphrase", _VARIABLE, twice=False)) if by_passphrase else None
    return KeyHolder(found, ask)


def key_passphrase(key: str) -> str:
    """The passphrase that opens a private key, asked for where it is not in ``REGISTRY_KEY_PASSPHRASE``."""
    return _asked(f"Passphrase of {key}", _KEY_VARIABLE, twice=False)


def new_passphrase() -> str:
    """A passphrase for a new wrap, asked for twice where it is not in ``REGISTRY_NEW_PASSPHRASE``."""
    return _asked("New passphrase", _NEW_VARIABLE, twice=True)


def passphrase_wraps(key: Key, *, wanted: bool) -> list[dict[str, JSON]]:
    """The wrap of a key to a new passphrase; none where it is not wanted."""
    from registry_tool.crypto.age import wrap_with_passphrase
    from registry_tool.edits.encryption import passphrase_wrap

    if not wanted:
        return []
    return [passphrase_wrap(wrap_with_passphrase(key, new_passphrase()))]


def _check(options: Options) -> None:
    """See that everything can be encrypted on its way."""
    asked = sources(options["artifact"])
    if not asked:
        raise UsageError("there is nothing to encrypt", remedy="--artifact PATH")
    for one in asked:
        if one.kind != "files" or len(one.places) != 1:
            raise UsageError(
                f"artifact {one.name} cannot be encrypted on its way: it is no single file or folder",
                remedy="bring it into one folder first",
            )
    if options["copy"]:
        raise UsageError("--copy: what is copied from a URL cannot be encrypted on its way")


def sealing_for(desk: ChangeSession, options: Options) -> Callable[[Edit], Edit]:
    """Let a desk take in artifacts encrypted, where the options ask for it.

    Returns:
        What adds the key to the act that adds the version.

    Raises:
        UsageError: Something cannot be encrypted.
        NotFoundError: Somebody is not in ``recipients.yaml``.
    """
    to, wanted = options["encrypt_to"], options["encrypt_passphrase"]
    if not to and not wanted:
        return lambda act: act
    from registry_tool.edits.encryption import key_bytes, with_key
    from registry_tool.encryption.seal import Package

    _check(options)
    package = Package()
    others = passphrase_wraps(package.key, wanted=wanted)
    key_bytes(desk.catalog, package.key, to, others)  # who is unknown is said before files are read
    desk.store.package = package
    return lambda act: with_key(act, package.key, to, others)
