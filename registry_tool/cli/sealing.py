"""``registry version add --encrypt-to``: artifacts that are taken in encrypted."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from registry_tool.cli.record import Options
from registry_tool.cli.secrets import passphrase_wraps
from registry_tool.cli.sources import sources
from registry_tool.cli.writing import Desk
from registry_tool.errors import UsageError

if TYPE_CHECKING:
    from registry_tool.edits.changeset import Act

__all__ = ["sealing_for"]


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


def sealing_for(desk: Desk, options: Options) -> Callable[[Act], Act]:
    """Let a desk take in artifacts encrypted, where the options ask for it.

    Returns:
        What adds the key to the act that adds the version.

    Raises:
        UsageError: Something cannot be encrypted.
        NotFound: Somebody is not in ``recipients.yaml``.
    """
    to, wanted = options["encrypt_to"], options["encrypt_passphrase"]
    if not to and not wanted:
        return lambda act: act
    from registry_tool.edits.keys import key_bytes, with_key
    from registry_tool.sealer import Package

    _check(options)
    package = Package()
    others = passphrase_wraps(package.key, wanted=wanted)
    key_bytes(desk.catalog, package.key, to, others)  # who is unknown is said before files are read
    desk.store.package = package
    return lambda act: with_key(act, package.key, to, others)
