"""The rule about one ``.dvc`` pointer by itself."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from functools import lru_cache

from registry_tool.checks.rule import FileRule, FileView, Hit, Rule
from registry_tool.checks.rules.wording import named
from registry_tool.manifests.data import Data, records, text

__all__ = ["RULES"]

_CONFIG = ".dvc/config"
_CONFIG_LIMIT = 64 * 1024
# DVC writes ['remote "storage"']; the inner quotes are part of the section's name.
_REMOTE = re.compile(rb"""(?mi)^[ \t]*\[[ \t]*['"]?remote[ \t]+"([^"\n]+)"['"]?[ \t]*\]""")
# Folders whose files the registry reads.
_READ = frozenset({"evidence", "versions", "tags", "aliases"})
# Fields that DVC knows and that say the bytes are kept in a way the registry cannot fetch.
_ELSEWHERE = {
    "push": "the bytes are never pushed to the remote",
    "cache": "the bytes are not kept by their digest",
    "files": "the bytes are kept in a version-aware remote",
    "cloud": "the bytes are kept in a version-aware remote",
}


@lru_cache(maxsize=8)
def _remotes(config: bytes) -> frozenset[str]:
    """Their names, as DVC compares them."""
    return frozenset(m.decode(errors="replace").lower() for m in _REMOTE.findall(config))


def _named_remote(file: FileView, out: Data) -> Iterator[Hit]:
    remote = text(out, "remote")
    if not remote:
        return
    known = _remotes(file.catalog.tree.read(_CONFIG, limit=_CONFIG_LIMIT) or b"")
    if remote.lower() not in known:
        yield Hit(
            f"the pointer names remote {remote}, which {_CONFIG} does not know",
            at=("outs", 0, "remote"),
            found=remote,
            expected=", ".join(sorted(known)) or f"a remote of {_CONFIG}",
            remedy=f"dvc remote add {remote} URL; or delete the line",
        )


def _working_folder(file: FileView, data: Data) -> Iterator[Hit]:
    """Where a pointer's ``wdir`` would put the bytes onto something else."""
    first = next((part for part in text(data, "wdir").split("/") if part not in {"", "."}), "")
    if not first:
        return
    folder = file.path.rpartition("/")[0]
    others = {name.casefold() for name in file.catalog.tree.folder(folder)}
    if first.casefold() in _READ or f"{first.casefold()}.dvc" in others:
        yield Hit(
            f"`wdir` leads into {named(first)}, which holds something else",
            at=("wdir",),
            found=named(text(data, "wdir")),
            expected="the folder of the pointer, or one of its own below it",
            remedy="delete the line `wdir`, and move the bytes beside the pointer",
        )


def _imported(file: FileView, data: Data) -> Iterator[Hit]:
    """A pointer of ``dvc import``: plain DVC asks the other repository for the bytes, and no remote of this one."""
    if not any("repo" in dependency for dependency in records(data, "deps")):
        return
    folder, _, name = file.path.rpartition("/")
    artifact = name.removesuffix(".dvc")
    move = f"cd {shlex.quote(folder)} && dvc update {shlex.quote(name)} && "
    yield Hit(
        "`dvc pull` restores the bytes from another repository only, and they may go there",
        at=("deps", 0, "repo"),
        found="a pointer of `dvc import`",
        expected="bytes in a remote of this registry",
        remedy=f"{move}dvc remove {shlex.quote(name)} && dvc add {shlex.quote(artifact)} && "
        f"dvc push {shlex.quote(name)}",
    )


def pointer_stays(file: FileView) -> Iterator[Hit]:
    """A ``.dvc`` pointer must name the file beside it that it is called after, kept in a remote this registry has.

    ``weights.dvc`` restores ``weights``. A pointer that led to another name or folder could overwrite a manifest, and
    one whose bytes are not pushed by digest names bytes that nobody else can fetch. A pointer of ``dvc import`` leads to
    another repository: nothing is fetched from there. ``wdir`` may name a folder below the pointer's own that holds
    nothing else.

    Mend it: add the file again with ``registry version add``, which writes the pointer.

    Example:
        ``weights.bin.dvc`` with ``path: other.bin``, or with ``push: false``.
    """
    document, place = file.document, file.location
    if document is None or document.data is None or place is None or place.kind != "dvc":
        return
    out = records(document.data, "outs")[0]
    path = text(out, "path")
    if path != place.name:
        yield Hit(
            f"the pointer restores {named(path)}, but it is called after {named(place.name)}",
            at=("outs", 0, "path"),
            found=named(path),
            expected=named(place.name),
            remedy=f"write `path: {named(place.name)}`, or rename the pointer to {named(path)}.dvc",
        )
    for field, meaning in _ELSEWHERE.items():
        if field in out and out[field] is not True:
            yield Hit(
                f"`{field}` says that {meaning}",
                at=("outs", 0, field),
                found=field,
                expected="bytes in the remote, by their digest",
                remedy=f"delete `{field}` and push the bytes with `dvc push {named(file.path)}`",
            )
    yield from _named_remote(file, out)
    yield from _working_folder(file, document.data)
    yield from _imported(file, document.data)


RULES: tuple[Rule, ...] = (
    FileRule("F107", "a pointer restores the file it is called after", "refuse", pointer_stays),
)
