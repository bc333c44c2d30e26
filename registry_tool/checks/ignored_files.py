"""The check for files that Git ignores in a working tree, next to manifests and the content of pointers."""

from __future__ import annotations

import datetime as dt
import difflib
import os
import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from registry_tool.catalog.catalog import Catalog
from registry_tool.checks.findings import Finding, Report, Severity, decide_verdict, in_order
from registry_tool.checks.rule import Violation, command, format_name
from registry_tool.checks.rules.file import allowed_at
from registry_tool.checks.scope import is_inside
from registry_tool.checks.waivers import apply_waivers
from registry_tool.git.command import Git
from registry_tool.git.tree import Tree, differences
from registry_tool.git.worktree import ignored_files
from registry_tool.manifests.data import text
from registry_tool.manifests.layout import (
    KEYS,
    MODELS,
    OBJECTS,
    RECIPIENTS,
    REGISTRY,
    SERVE,
    WAIVERS,
    Layout,
)

__all__ = ["HIDDEN", "Ignored", "WorkTreeRule", "check_hidden"]

_SEVERITIES: Final[dict[str, Severity]] = {"refuse": "refuse", "review": "review", "warn": "warn"}
_ROOTS: Final = (MODELS, WAIVERS, KEYS, OBJECTS, REGISTRY, RECIPIENTS, SERVE)
_MANY: Final = 200  # folders of a change, above which all folders are listed
_SMALL: Final = 2 << 20  # bytes of an index, about 15,000 files
_SHOWN: Final = 100
# Files of systems and editors; names that begin with a dot are theirs, DVC's and this program's.
_LEFT_BY_OTHERS: Final = frozenset({"Thumbs.db", "desktop.ini", "__pycache__"})
_LEFT_ENDS: Final = ("~", ".swp", ".tmp", ".orig", ".rej", ".pyc")
_FOLDERS: Final = frozenset({"tags", "aliases", "evidence", "titles"})
# How the names of manifests are mistyped: another ending, or none.
_ENDINGS: Final = (".yaml.txt", ".yml", ".json", ".txt", ".yaml")


class Ignored(NamedTuple):
    """One ignored file or folder.

    Attributes:
        path: From the root of the registry, without a slash at its end.
        layout: The layout of the registry.
        taken: True for a path that exists.
    """

    path: str
    layout: Layout
    taken: Callable[[str], bool]


@dataclass(frozen=True)
class WorkTreeRule:
    """A rule about files in a working tree that are in no tree of Git."""

    id: str
    title: str
    severity: Severity
    check: Callable[[Ignored], Iterator[Violation]]


def _plain_stem(name: str) -> str:
    ending = next((e for e in _ENDINGS if name.lower().endswith(e)), "")
    return name[: len(name) - len(ending)] if ending else name


def _guess_path(path: str, layout: Layout) -> str:
    """The path that a mistyped one was meant to be; empty where that is unknown."""
    folder, _, name = path.rpartition("/")
    last = folder.rpartition("/")[2]
    meant = f"{folder}/{_plain_stem(name)}.yaml"
    if layout.locate(meant) is not None:
        return meant
    if last in _FOLDERS or folder in {WAIVERS, KEYS}:
        return ""
    known = allowed_at(path, layout).replace(",", " ").split()
    names = {word.strip("/").partition("/")[0]: word for word in known if not word.startswith("<")}
    near = {one.lower(): one for one in names}
    close = difflib.get_close_matches(name.lower(), near, n=1, cutoff=0.75)
    return f"{folder}/{near[close[0]]}" if close and near[close[0]] != name else ""


def hidden(file: Ignored) -> Iterator[Violation]:
    """Git should not ignore a manifest, or a file that was meant to be one.

    Git does not report a file that it ignores: it is in no commit, other users do not get it, and ``git clean -X`` deletes
    it. The ignore rules of a registry hide every file that is not a manifest, because artifacts can have any name, so they
    also hide a mistyped name such as ``champion.yml``. Only a check of the working tree reports this; it skips the content
    of pointers, files whose name begins with a dot, and files that editors leave.

    How to fix: rename the file as intended, or move it out of the registry.

    Example:
        ``models/nlp/lang-id/aliases/champion.yml``: rename it to ``champion.yaml``.
    """
    path, layout = file.path, file.layout
    if layout.locate(path) is not None:
        yield Violation(
            f"Git ignores {format_name(path)}, which is a manifest: no commit will contain it",
            path=path,
            expected="ignore rules that hide no manifest",
            remedy=command("git add -f", path)
            + "; to find the ignore rule: "
            + command("git check-ignore -v", path),
        )
        return
    if path.rpartition("/")[2] in _FOLDERS and layout.locate(f"{path}/x.yaml") is not None:
        yield Violation(
            f"Git ignores {format_name(path)}, a folder of manifests: no commit will contain them",
            path=path,
            expected="ignore rules that hide no manifest",
            remedy="registry init .",
        )
        return
    meant = _guess_path(path, layout)
    if meant and file.taken(meant):
        meant = ""
    plain = path.isascii() and path.isprintable()
    move = f"mv -- {shlex.quote(path)} {shlex.quote(meant)}" if meant and plain else ""
    yield Violation(
        f"Git ignores {format_name(path)}, and it is neither a manifest nor the content of a pointer",
        path=path,
        expected=meant or allowed_at(path, layout),
        remedy=move or "move it out of the registry",
    )


HIDDEN = WorkTreeRule("F115", "Git ignores no file next to manifests", "warn", hidden)


def _is_small(git: Git) -> bool:
    """True where the index lists so few files that listing all of them takes no time."""
    try:
        return (git.git_dir / "index").stat().st_size < _SMALL
    except OSError:
        return True


def _folders(base: Tree | None, head: Tree, layout: Layout, *, small: bool) -> Sequence[str]:
    """The folders to list: all, or, in a large registry, those of the models that a change touches."""
    if base is None or small:
        return _ROOTS
    depth = 4 if layout.shard else 3
    parts = (change.path.split("/") for change in differences(base, head))
    models = {"/".join(p[:depth]) for p in parts if p[0] == MODELS and len(p) > depth}
    found = [MODELS] if len(models) > _MANY else sorted(models)
    return (*found, *(root for root in _ROOTS if root != MODELS))


def _is_passed_over(root: Path, path: str) -> bool:
    """True for the content of a pointer, and for files that tools leave."""
    parts = path.split("/")
    if any(part.startswith(".") or part in _LEFT_BY_OTHERS for part in parts):
        return True
    if path.endswith(_LEFT_ENDS):
        return True
    # models/<namespace>/<model>/<file> is the shallowest place of an artifact.
    return any(
        os.path.lexists(root / f"{'/'.join(parts[:end])}.dvc") for end in range(4, len(parts) + 1)
    )


def _list_ignored(
    git: Git, root: Path, folders: Iterable[str], layout: Layout
) -> Iterator[Ignored]:
    for listed in ignored_files(git, [folder for folder in folders if (root / folder).exists()]):
        path = listed.rstrip("/")
        if not _is_passed_over(root, path):
            yield Ignored(path, layout, lambda other: os.path.lexists(root / other))


def check_hidden(
    report: Report,
    head: Tree,
    git: Git,
    *,
    base: Tree | None = None,
    published: Tree | None = None,
    paths: Sequence[str] = (),
) -> Report:
    """Add the files that Git ignores next to manifests to a report.

    Args:
        report: The report of the engine.
        head: The files of the work tree, as they were judged.
        git: The repository.
        base: The base of the change: only models that it touches are read; None reads all.
        published: The published state: its severities and waivers apply; None is the base.
        paths: Files and folders to which the check is narrowed.
    """
    catalog = Catalog(head)
    published = base if published is None else published
    has_policy = published is not None and published.entry(REGISTRY) is not None
    policy = Catalog(published) if published is not None and has_policy else catalog
    said = text(policy.settings, "rules", HIDDEN.id)
    if git.work_tree is None or said == "off":
        return report
    severity = _SEVERITIES.get(said, HIDDEN.severity)
    layout = catalog.layout
    found = [
        Finding(
            HIDDEN.id, severity, hit.path, 1, 1, hit.message, hit.found, hit.expected, hit.remedy
        )
        for file in _list_ignored(
            git, git.work_tree, _folders(base, head, layout, small=_is_small(git)), layout
        )
        if not paths or is_inside(file.path, paths)
        for hit in HIDDEN.check(file)
    ][:_SHOWN]
    if not found:
        return report
    judged = apply_waivers(found, policy, catalog, dt.datetime.now(dt.UTC).date())
    findings = in_order([*report.findings, *judged])
    automerge = report.automerge and decide_verdict(found) == "pass"
    return report._replace(findings=findings, verdict=decide_verdict(findings), automerge=automerge)
