"""Rules about where a file lies and what kind of file it is."""

from __future__ import annotations

import re
from collections.abc import Iterator

from registry_tool.checks.rule import FileRule, FileView, Hit, Rule
from registry_tool.checks.rules.names import is_well_named
from registry_tool.checks.rules.payloads import is_payload
from registry_tool.checks.rules.wording import command, named, removal
from registry_tool.git.tree import EXECUTABLE, FILE, SUBMODULE, SYMLINK, folds_to_git
from registry_tool.manifests.data import Data, text
from registry_tool.manifests.layout import (
    KEYS,
    MODELS,
    RECIPIENTS,
    REGISTRY,
    WAIVERS,
    Layout,
    Place,
)
from registry_tool.names import ModelName

__all__ = ["RULES", "allowed_at"]

_IN_NAMESPACE = "namespace.yaml and a folder for each model"
_IN_MODEL = "model.yaml, CARD.md, <artifact>.dvc, versions/, tags/<tag>.yaml, aliases/<alias>.yaml"
_IN_VERSION = "version.yaml, metadata.yaml, status.yaml, key.yaml, CARD.md, <artifact>.dvc, evidence/<id>.yaml"
_FIELDS = {"tag": ("model",), "alias": ("model",), "version": ("model", "version")}
_OURS = (f"{MODELS}/", f"{WAIVERS}/", f"{KEYS}/", "schemas/", ".dvc/")
_TOPS = frozenset({MODELS, WAIVERS, KEYS, "schemas", ".dvc", REGISTRY, RECIPIENTS})
# Folders in which every file is one that the layout knows.
_READ = (f"{MODELS}/", f"{WAIVERS}/", f"{KEYS}/")
# Where a part of a path that folds to `.git` may begin.
_MAY_FOLD = re.compile(r"(?i)(?:^|/)(?:\.|git~|[^\x00-\x7f])|\\")
_MODES = {
    EXECUTABLE: "an executable file",
    SYMLINK: "a symbolic link",
    SUBMODULE: "a submodule",
}


def _wanted(place: Place) -> Iterator[tuple[tuple[str, ...], str]]:
    """The fields that repeat what the path says, with the value the path gives them."""
    model = place.model or ModelName("", "")
    if place.kind == "model":
        yield ("namespace",), model.namespace
        yield ("name",), model.name
    for field in _FIELDS.get(place.kind, ()):
        yield (field,), str(model) if field == "model" else place.version or ""
    if place.kind == "evidence":
        yield ("subject", "version"), place.version or ""


def _moved(field: tuple[str, ...], said: str, wanted: str) -> Hit:
    name = ".".join(field)
    return Hit(
        f"`{name}` is {said}, but the path says {named(wanted)}",
        at=field,
        found=said,
        expected=named(wanted),
        remedy=f"write `{field[-1]}: {named(wanted)}`, or put the file where {said} belongs",
    )


def _differing(place: Place, data: Data) -> Iterator[Hit]:
    for field, wanted in _wanted(place):
        said = text(data, *field)
        if said != wanted:
            yield _moved(field, said, wanted)


def path_agrees(file: FileView) -> Iterator[Hit]:
    """The names in a file must be those of its path.

    The path decides what a file is about. A name that says otherwise is most often left over from a copy.

    Mend it: write the name of the path into the file, or move the file to where its names belong.

    Example:
        ``models/nlp/lang-id/versions/4/version.yaml`` with ``version: "3"``.
    """
    document, place = file.document, file.location
    if document is not None and document.data is not None and place is not None:
        hits = list(_differing(place, document.data))
        # A path whose own names are wrong is no measure; that is another rule's finding.
        if hits and is_well_named(place, file.catalog.layout):
            yield from hits


def allowed_at(path: str, layout: Layout) -> str:
    """What may lie where a misplaced file lies, in words."""
    parts = path.split("/")
    if parts[0] == WAIVERS:
        return f"{WAIVERS}/<date>-<rule>-<slug>.yaml"
    if parts[0] == KEYS:
        return f"{KEYS}/<group>.yaml"
    if len(parts) <= 3:  # noqa: PLR2004 (models, namespace, file)
        return _IN_NAMESPACE
    inner = parts[4 if layout.shard else 3 :]
    return _IN_VERSION if inner[:1] == ["versions"] and len(inner) > 2 else _IN_MODEL  # noqa: PLR2004 (versions, version, file)


def _misplaced_model(file: FileView) -> str:
    """Where a model that lies in a wrong shard belongs; empty for anything else."""
    layout, parts = file.catalog.layout, file.path.split("/")
    if not layout.shard or len(parts) <= 4 or not parts[3].isascii():  # noqa: PLR2004
        return ""
    folder = layout.model(ModelName(parts[1], parts[3]))
    return "" if file.path.startswith(f"{folder}/") else folder


def has_place(file: FileView) -> Iterator[Hit]:
    """A file under ``models/``, ``waivers/`` or ``keys/`` must be one that the layout knows.

    Nobody reads a file that lies elsewhere: an alias in the wrong folder is no alias. A short list of what may be
    there also keeps caches, notes and notebooks out. Read the bytes of artifacts through their ``.dvc`` pointer.

    Mend it: move the file to its place, or delete it with ``git rm``.

    Example:
        ``models/nlp/lang-id/alias/production.yaml``: the folder is called ``aliases``.
    """
    path = file.path
    inside = path.startswith(_READ) or path in {MODELS, WAIVERS, KEYS}
    if not inside or file.location is not None or not file.is_regular or is_payload(file):
        return
    shard = _misplaced_model(file)
    if path.endswith("/.gitignore"):
        remedy = f"ignore artifacts in the .gitignore at the root; then: {removal(path)}"
    else:
        remedy = f"move it to its place; or: {removal(path)}"
    yield Hit(
        f"{named(path)} has no place in a registry",
        expected=f"the model's files under {named(shard)}/"
        if shard
        else allowed_at(path, file.catalog.layout),
        remedy=remedy,
    )


def plain_mode(file: FileView) -> Iterator[Hit]:
    """The registry's own files must be plain files: no symbolic link, no submodule, no executable bit.

    A link can lead a reader out of the repository, a submodule brings in content that nobody reviewed here, and
    neither survives on every system. Nothing in a registry is a program.

    Mend it: ``git update-index --chmod=-x FILE`` takes the executable bit away; put a file in place of a link.

    Example:
        ``models/nlp/lang-id/aliases/production.yaml`` as a symbolic link to ``staging.yaml``.
    """
    path, mode = file.path, file.entry.mode
    if mode == FILE or not (path.startswith(_OURS) or path in _TOPS):
        return
    what = _MODES.get(mode, f"a file of mode {mode:o}")
    if mode == EXECUTABLE:
        remedy = f"{command('chmod -x', path)} && {command('git add --chmod=-x', path)}"
    else:
        remedy = command("git rm --cached", path) + "; then add a plain file in its place"
    yield Hit(f"{named(path)} is {what}", found=what, expected="a plain file", remedy=remedy)


def no_git_folder(file: FileView) -> Iterator[Hit]:
    """No path may have a part that some file system takes for ``.git``, and every tree must be one that Git would write.

    On a file system that folds case, ignores some characters or strips dots, ``.GIT/hooks/pre-commit`` becomes a program
    that Git runs. A tree object with two entries of one name, or out of order, shows different files to different programs.
    Such a commit is refused as a whole, wherever it is read. This rule cannot be waived.

    Mend it: rename the file; build the commit again with ``git``.

    Example:
        ``docs/.GIT/config``, or a second entry ``models`` in the tree of a commit.
    """
    path = file.path
    if not _MAY_FOLD.search(path):
        return
    for part in path.split("/"):
        if folds_to_git(part):
            yield Hit(
                f"{named(part)} is a name that some file systems take for .git",
                found=ascii(part)[1:-1],
                expected="another name",
                remedy=command("git rm -r --cached", path),
            )
            return


RULES: tuple[Rule, ...] = (
    FileRule("F105", "the names in the file are those of its path", "refuse", path_agrees),
    FileRule("F108", "the file has a place in the layout", "refuse", has_place),
    FileRule("F109", "the file is a plain file", "refuse", plain_mode),
    FileRule("F116", "trees are as Git writes them", "refuse", no_git_folder),
)
