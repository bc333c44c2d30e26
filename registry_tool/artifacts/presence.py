"""Are the bytes of artifacts on their remote: every object of each, files of folders included, and of the right size?

The remote is asked about presence and size, in one question for all; nothing but lists of files is downloaded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from registry_tool.artifacts.folders import Listed, is_listing
from registry_tool.artifacts.threads import in_parallel
from registry_tool.errors import CorruptObject, MissingObject
from registry_tool.manifests.data import Data, records, text, whole

if TYPE_CHECKING:
    from registry_tool.artifacts.remote import Remote

__all__ = ["Lack", "lacks", "objects"]


class Lack(NamedTuple):
    """An object that is not on the remote as it must be.

    Attributes:
        path: The file it is, inside the artifact; empty for the artifact itself.
        md5: Its address.
        size: The bytes it must have; None where the record does not say.
        found: What is there instead, in words.
    """

    path: str
    md5: str
    size: int | None
    found: str


class _Wanted(NamedTuple):
    path: str
    md5: str
    size: int | None


def _recorded(entry: Data) -> Iterator[_Wanted]:
    md5 = text(entry, "md5")
    yield _Wanted("", md5, None if is_listing(md5) else whole(entry, "size"))
    for file in records(entry, "files"):
        yield _Wanted(text(file, "path"), text(file, "md5"), whole(file, "size"))


def _is_unlisted(entry: Data) -> bool:
    return is_listing(text(entry, "md5")) and not records(entry, "files")


def _list(entry: Data, remote: Remote) -> list[Listed] | str:
    """The files of a folder whose record does not list them, or what is wrong with the list."""
    # Imported here: a check that asks nothing of a remote does not need the code that does.
    from registry_tool.artifacts.remote import read_listing

    try:
        return read_listing(remote, text(entry, "md5"), label="it")
    except MissingObject:
        return []
    except CorruptObject:
        return "something that is not the list of its files"


def _lack(wanted: _Wanted, found: Mapping[str, int]) -> Lack | None:
    there = found.get(wanted.md5)
    if there is None:
        return Lack(*wanted, f"nothing under md5 {wanted.md5}")
    if wanted.size is not None and there != wanted.size:
        return Lack(*wanted, f"{there} bytes under md5 {wanted.md5}")
    return None


def lacks(entries: Sequence[Data], open_remote: Callable[[], Remote]) -> list[list[Lack]]:
    """What the remote lacks of each of some stored artifacts.

    Args:
        entries: Their entries in manifests.
        open_remote: Opens the remote; called only when there is something to ask.

    Raises:
        RemoteTrouble: The remote cannot be asked.
    """
    if not entries:
        return []
    remote = open_remote()
    unlisted = [number for number, entry in enumerate(entries) if _is_unlisted(entry)]
    lists = dict(
        zip(unlisted, in_parallel(lambda n: _list(entries[n], remote), unlisted), strict=True)
    )
    wanted = [[*_recorded(entry)] for entry in entries]
    for number, listed in lists.items():
        if not isinstance(listed, str):
            wanted[number] += (_Wanted(file.path, file.md5, None) for file in listed)
    found = remote.sizes({one.md5 for objects in wanted for one in objects}, legacy=True)
    result = [
        [lack for one in objects if (lack := _lack(one, found)) is not None] for objects in wanted
    ]
    for number, listed in lists.items():
        if isinstance(listed, str):
            result[number] = [Lack("", text(entries[number], "md5"), None, listed)]
    return result


def objects(entry: Data, remote: Remote) -> frozenset[str]:
    """The md5 of every object of a stored artifact, the files of a folder included.

    Raises:
        RemoteTrouble: The list of a folder's files cannot be read.
    """
    listed = _list(entry, remote) if _is_unlisted(entry) else []
    files = () if isinstance(listed, str) else (file.md5 for file in listed)
    return frozenset({*(one.md5 for one in _recorded(entry)), *files})
