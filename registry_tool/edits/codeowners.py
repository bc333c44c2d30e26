"""``CODEOWNERS``: who must approve changes to what, for the Git host, from the owners that manifests name.

The generated lines stand between two marks. What people write around them stays as it is: the last line that matches
counts, so their own lines below the marks win.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final, Literal

from registry_tool.catalog.catalog import Catalog, require
from registry_tool.edits.changeset import ChangeSet, Edit
from registry_tool.errors import RefusedError
from registry_tool.git.tree import Tree
from registry_tool.manifests.data import texts
from registry_tool.manifests.layout import MODELS, REGISTRY
from registry_tool.names import check_namespace

__all__ = ["CODEOWNERS", "Host", "detect_host", "write_codeowners"]

Host = Literal["github", "gitlab"]

CODEOWNERS: Final = "CODEOWNERS"
_BEGIN: Final = "# >>> registry codeowners"
_END: Final = "# <<< registry codeowners"
_ABOUT: Final = ": written from registry.yaml and namespace.yaml; change those, then run it again"
# GitHub refuses to read more than 3 MB: https://docs.github.com/articles/about-code-owners
_LIMIT: Final = 3_000_000
# Where each host looks, in its order; the first one that is there counts.
_PLACES: Final[dict[Host, tuple[str, ...]]] = {
    "github": (".github/CODEOWNERS", CODEOWNERS, "docs/CODEOWNERS"),
    "gitlab": (CODEOWNERS, "docs/CODEOWNERS", ".gitlab/CODEOWNERS"),
}
# GitHub knows @user and @organisation/team; GitLab also @group/subgroup/… Both know people by e-mail address.
_READABLE: Final[dict[Host, re.Pattern[str]]] = {
    "github": re.compile(r"@[A-Za-z0-9_-]+(?:/[A-Za-z0-9._-]+)?|[^@]+@[^@]+"),
    "gitlab": re.compile(".+"),
}
_WIDE: Final = 40


def detect_host(tree: Tree) -> Host:
    """The Git host whose settings lie in a tree; GitHub where neither's or both's do."""
    here = {
        host: any(tree.entry(path) or tree.folder(path) for path in paths)
        for host, paths in (("github", (".github",)), ("gitlab", (".gitlab-ci.yml", ".gitlab")))
    }
    return "gitlab" if here["gitlab"] and not here["github"] else "github"


def _place(tree: Tree, host: Host) -> str:
    return next((path for path in _PLACES[host] if tree.entry(path) is not None), CODEOWNERS)


def _owners(catalog: Catalog) -> Iterator[tuple[str, list[str]]]:
    """Each pattern and who owns it, from wide to narrow."""
    admins = texts(require(catalog.registry, REGISTRY), "owners")
    yield "*", admins
    for name in catalog.namespaces():
        path = f"{MODELS}/{check_namespace(name)}/namespace.yaml"
        document = catalog.namespace(name)
        if document is not None:
            yield f"/{MODELS}/{name}/", texts(require(document, path), "owners")
    # Who owns a namespace, and which gates hold in it, is policy.
    yield f"/{MODELS}/*/namespace.yaml", admins


def _lines(owners: Iterable[tuple[str, list[str]]], host: Host, notes: list[str]) -> Iterator[str]:
    for pattern, named in owners:
        known = [owner for owner in named if _READABLE[host].fullmatch(owner)]
        for owner in (o for o in named if o not in known):
            note = f"{host} cannot read the owner {owner} of {pattern}: left out"
            notes += [note] if note not in notes else []
        # A pattern without owners would take its files from those of the wider ones.
        if known:
            yield f"{pattern:<{_WIDE}} {' '.join(dict.fromkeys(known))}"


def _mark(lines: list[str], mark: str, path: str) -> int | None:
    found = [number for number, line in enumerate(lines) if line.startswith(mark)]
    if len(found) > 1:
        raise RefusedError(
            f"{path}:{found[1] + 1}: duplicate mark `{mark}`",
            remedy="keep one pair of marks, with the generated lines between them",
        )
    return found[0] if found else None


def _head(lines: list[str]) -> int:
    """How many lines of comment a file begins with."""
    return next((n for n, line in enumerate(lines) if not line.startswith("#")), len(lines))


def _place_block(text: str, block: list[str], path: str) -> str:
    """The file with the block in its place: between the marks, else before the first line of people's own."""
    lines = text.removesuffix("\n").split("\n") if text else []
    begin, end = _mark(lines, _BEGIN, path), _mark(lines, _END, path)
    if begin is None and end is None:
        at = _head(lines)
        gap = [""] if at else []
        return "\n".join([*lines[:at], *gap, *block, *lines[at:], ""])
    if begin is None or end is None or end < begin:
        raise RefusedError(
            f"{path}: one of the marks `{_BEGIN}` and `{_END}` is missing, or they are reversed",
            remedy="restore the missing line, or delete the other one",
        )
    return "\n".join([*lines[:begin], *block, *lines[end + 1 :], ""])


def _text(tree: Tree, path: str) -> str:
    source = tree.read(path, limit=_LIMIT) or b""
    if len(source) > _LIMIT:
        raise RefusedError(f"{path} is larger than {_LIMIT} bytes", remedy="no Git host reads that")
    try:
        return source.decode()
    except UnicodeDecodeError as exc:
        raise RefusedError(f"{path} is not UTF-8 text", remedy="save it as UTF-8") from exc


def write_codeowners(host: Host | None = None) -> Edit:
    """Write the owners of the registry and of its namespaces into ``CODEOWNERS``; nothing where they stand there.

    Args:
        host: Who will read it; by default the Git host whose settings lie in the registry.

    The edit raises InvalidManifest (owners cannot be read) or Refused (the marks of the generated lines are broken).
    """

    def edit(catalog: Catalog) -> ChangeSet:
        reader = host or detect_host(catalog.tree)
        path = _place(catalog.tree, reader)
        notes: list[str] = []
        owners = list(_owners(catalog))
        lines = list(_lines(owners, reader, notes))
        if not owners[0][1]:
            notes.append(
                f"{REGISTRY} has no owners: changes to policy, waivers and CI need no approval"
            )
        before = _text(catalog.tree, path)
        after = _place_block(before, [f"{_BEGIN}{_ABOUT}", *lines, _END], path)
        if after == before:
            return ChangeSet(f"{path} is already up to date", notes=tuple(notes))
        return ChangeSet(f"Write {path}", {path: after.encode()}, notes=tuple(notes))

    return edit
