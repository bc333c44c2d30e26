"""Rules about what DVC reads from a repository besides pointers: its configuration, and what it keeps for one machine."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from registry_tool.catalog.index import Catalog
from registry_tool.checks.rule import ChangeRule, ChangeView, FileRule, FileView, Hit, Rule
from registry_tool.checks.rules.wording import command, named
from registry_tool.manifests.dvc_config import (
    CONFIG,
    SECRETS,
    LeftOut,
    parse_sections,
    remote_of,
    take,
    unsafe_hosts,
)

__all__ = ["RULES"]

_LOCAL: Final = ".dvc/config.local"
_FOLDER: Final = ".dvc/"
# What DVC lays down to be committed. https://dvc.org/doc/user-guide/project-structure/internal-files
_COMMITTED: Final = frozenset({CONFIG, ".dvc/.gitignore", ".dvc/config.local"})
_PLOTS: Final = ".dvc/plots/"
_LIMIT: Final = 64 * 1024


def local_configuration(file: FileView) -> Iterator[Hit]:
    """DVC's local configuration must not be committed.

    ``.dvc/config.local`` belongs to one person and one machine. DVC takes everything from it: an S3 profile whose
    configuration names a program to run, and an ``endpointurl`` to which the credentials of whoever reads the registry
    are sent. This program does not read one that Git tracks.

    Mend it: ``git rm --cached .dvc/config.local``, and ignore it in ``.dvc/.gitignore``.

    Example:
        ``.dvc/config.local`` with ``endpointurl = https://collector.example.org``.
    """
    if file.path.casefold() == _LOCAL:
        yield Hit(
            f"{named(file.path)} is the configuration of one machine, and this one is committed",
            expected="a file that Git ignores",
            remedy=command("git rm --cached", file.path)
            + " && echo /config.local >> .dvc/.gitignore",
        )


def _left_out(catalog: Catalog) -> list[LeftOut]:
    """Options of the committed configuration that are not taken from there; secrets are for another rule."""
    source = catalog.tree.read(CONFIG, limit=_LIMIT) or b""
    try:
        left = take(parse_sections(source.decode()))[1]
    except ValueError:
        return []
    return [one for one in left if one.option not in SECRETS]


def _broken(catalog: Catalog) -> str:
    """Why the committed configuration cannot be read; empty where it can."""
    try:
        parse_sections((catalog.tree.read(CONFIG, limit=_LIMIT) or b"").decode())
    except UnicodeDecodeError:
        return "it is not UTF-8"
    except ValueError as exc:
        return str(exc)
    return ""


def _unusable(catalog: Catalog) -> dict[LeftOut, None]:
    """Options with which no reader takes the remote."""
    source = catalog.tree.read(CONFIG, limit=_LIMIT) or b""
    try:
        sections = parse_sections(source.decode())
    except ValueError:
        return {}
    return {
        LeftOut(section, remote_of(section), option, str(options[option])): None
        for section, options in sections.items()
        if remote_of(section)
        for option in unsafe_hosts(options)
    }


def _place(source: str, one: LeftOut) -> tuple[int, int]:
    """Line and column of an option."""
    inside = False
    wanted = one.remote or one.section
    for number, line in enumerate(source.splitlines(), 1):
        if line.lstrip().startswith("["):
            inside = wanted in re.split(r"""[\[\]'"\s]+""", line.lower())
        elif inside and line.partition("=")[0].strip().lower() == one.option:
            return number, len(line) - len(line.lstrip()) + 1
    return 1, 1


def _own_setting(one: LeftOut) -> str:
    if not one.remote:
        return f"dvc config --unset {one.section}.{one.option}"
    return (
        f"dvc remote modify --local {one.remote} {one.option} VALUE && "
        f"dvc remote modify --unset {one.remote} {one.option}"
    )


def _hits(catalog: Catalog, options: list[LeftOut], ends: str) -> Iterator[Hit]:
    source = (catalog.tree.read(CONFIG, limit=_LIMIT) or b"").decode(errors="replace")
    for one in options:
        what = f"of the remote {named(one.remote)}" if one.remote else f"in [{named(one.section)}]"
        yield Hit(
            f"`{named(one.option)}` {what} {ends}",
            path=CONFIG,
            place=_place(source, one),
            found=named(one.option),
            expected="options that say where bytes are, such as url, endpointurl and region",
            remedy=_own_setting(one),
        )


def configuration_is_taken(file: FileView) -> Iterator[Hit]:
    """The committed ``.dvc/config`` should set only what is taken from a commit.

    Whoever may write to the registry writes this file. Taken are options that say where bytes are and how to talk to
    that place: ``url``, ``endpointurl``, ``region`` and the like. Not taken are profiles, paths to credentials, keys and
    certificates, programs, and ``ssl_verify = false``; nor sections about one machine. Each person sets those in
    ``.dvc/config.local`` or for all registries with ``dvc config --global``. Plain DVC takes them, so delete them.

    Mend it: ``dvc remote modify --local NAME OPTION VALUE``, then ``dvc remote modify --unset NAME OPTION``.

    Example:
        ``profile = production`` in the section of an S3 remote.
    """
    if file.path == CONFIG and file.is_regular:
        yield from _hits(file.catalog, _left_out(file.catalog), "is not taken from a commit")


def configuration_adds_nothing_else(view: ChangeView) -> Iterator[Hit]:
    """A change must not add options to ``.dvc/config`` that are not taken from a commit.

    See ``F120`` for what is taken and why. Options that are published already only get its warning. A file that cannot be
    read at all would stop every reader.

    Mend it: set the option where it is needed, ``dvc remote modify --local NAME OPTION VALUE``, and take it out of the
    commit.

    Example:
        a pull request adds ``credentialpath = keys/aws`` to the remote ``storage``.
    """
    if not any(change.path == CONFIG and not change.removed for change in view.changes):
        return
    if (why := _broken(view.head)) and not _broken(view.base):
        yield Hit(
            f"{CONFIG} cannot be read: {named(why)}",
            path=CONFIG,
            place=(1, 1),
            expected="a file that `dvc remote` wrote",
            remedy="delete that line, and set options with: dvc remote modify NAME OPTION VALUE",
        )
    known = _unusable(view.base)
    for one in (one for one in _unusable(view.head) if one not in known):
        source = (view.head.tree.read(CONFIG, limit=_LIMIT) or b"").decode(errors="replace")
        yield Hit(
            f"`{one.option}` of the remote {named(one.remote)} has characters that no host, user or region has",
            path=CONFIG,
            place=_place(source, one),
            found=named(one.option),  # its value may hold a password
            expected="the plain name of a host, such as https://s3.example.org",
            remedy=f"dvc remote modify {named(one.remote)} {one.option} VALUE",
        )
    before = set(_left_out(view.base))
    fresh = [one for one in _left_out(view.head) if one not in before]
    yield from _hits(view.head, fresh, "may not come from a commit")


def dvc_keeps_nothing_else(view: ChangeView) -> Iterator[Hit]:
    """A change must not add other files under ``.dvc/`` than ``config``, ``.gitignore`` and templates of plots.

    What DVC keeps there is for one machine: a cache, locks, and in ``tmp`` the tokens with which it is logged in. A
    committed one would be used by everybody who has a clone.

    Mend it: ``git rm --cached FILE``, and ignore it in ``.dvc/.gitignore``.

    Example:
        ``.dvc/tmp/gdrive-user-credentials.json``
    """
    for change in view.changes:
        folded = change.path.casefold()
        if not change.added or not folded.startswith(_FOLDER) or folded.startswith(_PLOTS):
            continue
        if folded not in _COMMITTED:
            yield Hit(
                f"{named(change.path)} is no file of DVC's that is committed",
                path=change.path,
                place=(1, 1),
                expected=".dvc/config, .dvc/.gitignore, .dvc/plots/",
                remedy=command("git rm --cached", change.path),
            )


RULES: tuple[Rule, ...] = (
    FileRule("F119", "local configuration of DVC is not committed", "refuse", local_configuration),
    FileRule("F120", "the configuration of DVC is one that is taken", "warn", configuration_is_taken),
    ChangeRule("C421", "nothing else of DVC's is committed", "refuse", dvc_keeps_nothing_else),
    ChangeRule("C422", "the configuration of DVC adds no private option", "refuse", configuration_adds_nothing_else),
)  # fmt: skip
