"""Rules about one file: a manifest's text and schema, where a file may be, its mode, and its size.

The reader of manifests finds problems of text and schema; each rule reports those of its kind.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from registry_tool.checks.rule import FileRule, FileView, Violation, command, format_name, removal
from registry_tool.checks.rules.names import is_well_named
from registry_tool.git.tree import EXECUTABLE, FILE, SUBMODULE, SYMLINK, folds_to_git
from registry_tool.manifests.data import Data, text
from registry_tool.manifests.document import READ_LIMIT
from registry_tool.manifests.layout import (
    KEYS,
    MODELS,
    OBJECTS,
    RECIPIENTS,
    REGISTRY,
    SERVE,
    WAIVERS,
    Layout,
    Place,
)
from registry_tool.names import ModelName

__all__ = [
    "FILE_LIMIT",
    "RULES",
    "allowed_at",
    "is_payload",
    "no_large_blob",
]

# Compiled on first use, which is rare.
_SIDE = rb"(?m)^<{7} .*$"
_DIGEST = r"[0-9a-f]{32}(?:\.dir)?|[0-9a-f]{40}|[0-9a-f]{64}"
# The digests that a YAML 1.1 or 1.2 parser could read as a number.
_NUMBER = r"[0-9]+(?:e[0-9]+)?|0b[01]+"


def _problems(file: FileView, code: str) -> Iterator[Violation]:
    """The reader's problems of one kind."""
    document = file.document
    if document is None:
        return
    for problem in document.problems:
        if problem.code == code:
            yield Violation(
                problem.message,
                place=(problem.line, problem.column),
                found=problem.found,
                expected=problem.expected,
                remedy=problem.remedy,
            )


def _conflict(file: FileView) -> Violation | None:
    """What Git leaves behind where two branches say different things: a reader sees only broken YAML."""
    side = re.search(_SIDE, file.source)
    if side is None:
        return None
    return Violation(
        "the file contains both sides of a merge conflict",
        place=(file.source.count(b"\n", 0, side.start()) + 1, 1),
        found=side[0].decode(errors="replace").strip(),
        expected="one of the two sides",
        remedy="keep one side, delete the lines <<<<<<<, ======= and >>>>>>>, then `git add` the file",
    )


def readable(file: FileView) -> Iterator[Violation]:
    """A manifest must be YAML that can be read: UTF-8 text, well-formed.

    A file that cannot be parsed has no data, so no other rule can check it.

    How to fix: go to the line and column in the finding; the cause is most often an indent, a bracket or a quote. After a
    merge conflict, keep one of the two sides.

    Example:
        ``description: "unfinished`` has no closing quote.
    """
    problems = [*_problems(file, "parse")]
    conflict = _conflict(file) if problems else None
    yield from problems if conflict is None else [conflict]


def form(file: FileView) -> Iterator[Violation]:
    """A manifest must be one plain document: each key once, LF line ends, at most 256 kB and 64 levels.

    YAML parsers disagree about the rest of the language: of two equal keys, one parser keeps the first and another the
    last, and an anchor can make a small file huge. Therefore anchors, aliases, tags and directives are refused.

    How to fix: write the value out instead of an alias; delete the second key; save the file with LF line endings.

    Example:
        ``owner: speech`` on line 4 and ``owner: vision`` on line 9 of one ``model.yaml``.
    """
    return _problems(file, "form")


def schema(file: FileView) -> Iterator[Violation]:
    """A manifest must meet the JSON Schema of its kind.

    Programs rely on the schema. An unknown field is most often a misspelled one, and would otherwise be ignored
    silently.

    How to fix: the finding names the field, the value found and the value expected.

    Example:
        ``descripton: Identifies languages`` in a ``model.yaml``: the field is called ``description``.
    """
    return _problems(file, "schema")


def schema_version(file: FileView) -> Iterator[Violation]:
    """The ``schema:`` line must name a version that this registry-tool knows.

    A newer file may mean something that this installation would misread.

    How to fix: upgrade with ``pip install -U registry-tool`` (``registry-tool-reader``, where only that is installed),
    or write the version of the schema that the finding names.

    Example:
        ``schema: version/v7`` where the newest known one is ``version/v1``.
    """
    return _problems(file, "schema-version")


def unambiguous(file: FileView) -> Iterator[Violation]:
    """A value that YAML parsers disagree about should be quoted.

    Some parsers read ``010`` as 8, others as 10, and this one as text; some read ``no`` as false. Here the schema decides,
    but other programs read these files too.

    How to fix: quote the value.

    Example:
        Most parsers read ``version: 1.10`` as the number 1.1; write ``version: "1.10"``.
    """
    for hit in _problems(file, "ambiguous"):
        # `0b13ec7e…` begins as a number, but no reader takes it for one.
        if not re.fullmatch(_DIGEST, hit.found) or re.fullmatch(_NUMBER, hit.found):
            yield hit


def read_alike(file: FileView) -> Iterator[Violation]:
    """A manifest must be YAML 1.2 that all YAML parsers read the same way.

    YAML 1.2 forbids some forms that many parsers accept or read differently: ``key: "value"# comment``, a single dash
    inside brackets, a line inside brackets that is not indented. A published file with such a form keeps its value and
    gets a warning; a change may not add one.

    How to fix: the finding names the place and what to write there.

    Example:
        ``labels: [-]`` is a list with a dash for some parsers and an error for others; write ``labels: ["-"]``.
    """
    return _problems(file, "lenient")


# The most a file outside models/ may have.
FILE_LIMIT = 1 << 20
_ADD = "; then `registry version add` stores the bytes and writes the pointer"


def _has_pointer(file: FileView) -> bool:
    """True where the file, or a folder it lies in, is an artifact by the pointer beside it."""
    parts = file.path.split("/")
    # models/<namespace>/<model>/<file> is the shallowest place of an artifact.
    ends = range(4, len(parts) + 1)
    return any(file.catalog.tree.entry("/".join(parts[:end]) + ".dvc") for end in ends)


def is_payload(file: FileView) -> bool:
    """True for a file without a place in the layout that is an artifact's bytes, or as large as such."""
    if file.location is not None or not file.path.startswith(f"{MODELS}/"):
        return False
    return _has_pointer(file) or len(file.source) > READ_LIMIT


def _is_large(file: FileView) -> bool:
    """True for more than 1 MiB; the second read is only made for files that passed the first limit."""
    if len(file.source) <= READ_LIMIT:
        return False
    return len(file.catalog.tree.read(file.path, limit=FILE_LIMIT) or b"") > FILE_LIMIT


def no_payload(file: FileView) -> Iterator[Violation]:
    """Artifact content and large files must not be committed to Git.

    Git keeps every version of every file forever, and every clone downloads them. Content belongs in the DVC remote; Git
    stores the ``.dvc`` pointer and the digests. Under ``models/`` the limit is 256 kB, elsewhere 1 MiB.

    How to fix: ``git rm --cached FILE``, then ``registry version add`` stores the bytes and writes the pointer.

    Example:
        ``models/nlp/lang-id/versions/4/lid.176.ftz`` committed next to ``lid.176.ftz.dvc``.
    """
    place, path = file.location, file.path
    if not file.is_regular:
        return
    remedy = command("git rm --cached", path)
    if place is not None and place.kind == "card" and len(file.source) > READ_LIMIT:
        yield Violation(
            f"{format_name(path)} is larger than {READ_LIMIT // 1024} kB",
            expected=f"at most {READ_LIMIT:,} bytes",
            remedy="shorten it; store images as artifacts, or link to them",
        )
    elif is_payload(file):
        what = "the content of an artifact" if _has_pointer(file) else "a large file"
        yield Violation(
            f"{format_name(path)} is {what}, committed to Git",
            expected="a .dvc pointer",
            remedy=remedy + _ADD,
        )
    elif place is None and not path.startswith(f"{MODELS}/") and _is_large(file):
        yield Violation(
            f"{format_name(path)} is larger than 1 MiB",
            expected=f"at most {FILE_LIMIT:,} bytes",
            remedy=remedy + "; store it elsewhere",
        )


def no_large_blob(file: FileView) -> Iterator[Violation]:
    """As ``no_payload``, for a file of a commit whose manifests no other rule checks: these have a limit, too."""
    hits = list(no_payload(file))
    yield from hits
    if not hits and file.location is not None and len(file.source) > READ_LIMIT:
        yield Violation(
            f"{format_name(file.path)} is larger than {READ_LIMIT // 1024} kB",
            expected=f"at most {READ_LIMIT:,} bytes",
        )


_IN_NAMESPACE = "namespace.yaml, title.yaml and a folder for each model"
_IN_MODEL = (
    "model.yaml, title.yaml, wire.yaml, deletion.yaml, CARD.md, <artifact>.dvc, versions/, drafts/, tags/<tag>.yaml, aliases/<alias>.yaml,"
    " titles/<name>.yaml, evidence/<id>.yaml"
)
_IN_VERSION = "version.yaml, metadata.yaml, status.yaml, key.yaml, wire.yaml, deletion.yaml, CARD.md, <artifact>.dvc, evidence/<id>.yaml"
_IN_OBJECTS = f"{OBJECTS}/<api>/<kind>/<first two digits of the slug's sha256>/<slug>.yaml"
_IN_DRAFT = "version.yaml, draft.yaml, metadata.yaml, key.yaml, wire.yaml, CARD.md, <artifact>.dvc"
_FIELDS = {"tag": ("model",), "alias": ("model",), "version": ("model", "version")}
_OURS = (f"{MODELS}/", f"{WAIVERS}/", f"{KEYS}/", f"{OBJECTS}/", "schemas/", ".dvc/")
_TOPS = frozenset({MODELS, WAIVERS, KEYS, OBJECTS, "schemas", ".dvc", REGISTRY, RECIPIENTS, SERVE})
# Folders in which every file is one that the layout knows.
_FOLDERS = (MODELS, WAIVERS, KEYS, OBJECTS)
_READ = tuple(f"{folder}/" for folder in _FOLDERS)
# Where a part of a path that folds to `.git` may begin.
_MAY_FOLD = re.compile(r"(?i)(?:^|/)(?:\.|git~|[^\x00-\x7f])|\\")
_MODES = {
    EXECUTABLE: "an executable file",
    SYMLINK: "a symbolic link",
    SUBMODULE: "a submodule",
}


def _list_expected(place: Place) -> Iterator[tuple[tuple[str, ...], str]]:
    """The fields that repeat what the path says, with the value the path gives them."""
    model = place.model or ModelName("", "")
    if place.kind == "object":
        api, kind, _ = place.name.split("/")
        yield ("api",), api
        yield ("kind",), kind
    if place.kind == "model":
        yield ("namespace",), model.namespace
        yield ("name",), model.name
    for field in _FIELDS.get(place.kind, ()):
        yield (field,), str(model) if field == "model" else place.version or ""
    if place.kind == "evidence" and place.version is None:
        yield ("subject", "model"), str(model)
    elif place.kind == "evidence":
        yield ("subject", "version"), place.version or ""


def _check_moved(field: tuple[str, ...], said: str, wanted: str) -> Violation:
    name = ".".join(field)
    if not said:
        return Violation(
            f"`{name}` is missing, and the path says {format_name(wanted)}",
            at=field[:-1],
            found=f"no `{name}`",
            expected=format_name(wanted),
            remedy=f"write `{field[-1]}: {format_name(wanted)}`, or move the file to its subject",
        )
    return Violation(
        f"`{name}` is {said}, but the path says {format_name(wanted)}",
        at=field,
        found=said,
        expected=format_name(wanted),
        remedy=f"write `{field[-1]}: {format_name(wanted)}`, or move the file to where {said} belongs",
    )


def _differing(place: Place, data: Data) -> Iterator[Violation]:
    for field, wanted in _list_expected(place):
        said = text(data, *field)
        if said != wanted:
            yield _check_moved(field, said, wanted)


def path_agrees(file: FileView) -> Iterator[Violation]:
    """The names in a file must be those of its path.

    The path decides what a file is about. A different name inside is most often left over from a copy.

    How to fix: write the name from the path into the file, or move the file to the path that its names require.

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
    """Describe the files that are allowed where a misplaced file is."""
    parts = path.split("/")
    if parts[0] == WAIVERS:
        return f"{WAIVERS}/<date>-<rule>-<slug>.yaml"
    if parts[0] == KEYS:
        return f"{KEYS}/<group>.yaml"
    if parts[0] == OBJECTS:
        return _IN_OBJECTS
    if len(parts) <= 3:  # noqa: PLR2004 (models, namespace, file)
        return _IN_NAMESPACE
    inner = parts[4 if layout.shard else 3 :]
    homes = {"versions": _IN_VERSION, "drafts": _IN_DRAFT}
    return homes.get(inner[0], _IN_MODEL) if len(inner) > 2 else _IN_MODEL  # noqa: PLR2004 (versions, version, file)


def _about_published(file: FileView) -> str:
    """The draft that a file lies in which only a published version can have, as a reference; empty for any other file."""
    layout, (folder, _, name) = file.catalog.layout, file.path.rpartition("/")
    inner = "evidence/x.yaml" if folder.endswith("/evidence") else name
    home = folder.removesuffix("/evidence")
    draft = layout.locate(f"{home}/version.yaml")
    if draft is None or not draft.is_draft or draft.model is None or draft.version is None:
        return ""
    known = layout.locate(f"{layout.version(draft.model, draft.version)}/{inner}")
    return "" if known is None else format_name(f"{draft.model}@{draft.version}")


def _misplaced_model(file: FileView) -> str:
    """Where a model that lies in a wrong shard belongs; empty for anything else."""
    layout, parts = file.catalog.layout, file.path.split("/")
    if not layout.shard or len(parts) <= 4 or not parts[3].isascii():  # noqa: PLR2004
        return ""
    folder = layout.model(ModelName(parts[1], parts[3]))
    return "" if file.path.startswith(f"{folder}/") else folder


def has_place(file: FileView) -> Iterator[Violation]:
    """A file under ``models/``, ``waivers/``, ``keys/`` or ``objects/`` must be one that the layout knows.

    No command reads a file elsewhere: an alias in the wrong folder has no effect. The fixed list of allowed files also
    keeps caches, notes and notebooks out. The content of artifacts is in the DVC remote, behind a ``.dvc`` pointer. A draft
    has no evidence and no status: both are about a version that cannot change, so the draft is sealed first.

    How to fix: move the file to where it belongs, or delete it with ``git rm``.

    Example:
        ``models/nlp/lang-id/alias/production.yaml``: the folder is called ``aliases``.
    """
    path = file.path
    inside = path.startswith(_READ) or path in _FOLDERS
    if not inside or file.location is not None or not file.is_regular or is_payload(file):
        return
    shard, draft = _misplaced_model(file), _about_published(file)
    if draft:
        remedy = f"seal the draft first: registry seal {draft}; or: {removal(path)}"
    elif path.endswith("/.gitignore"):
        remedy = f"add the patterns to the .gitignore at the root; then: {removal(path)}"
    else:
        remedy = f"move it to where it belongs; or: {removal(path)}"
    yield Violation(
        f"{format_name(path)} is not part of the registry layout",
        expected=f"the model's files under {format_name(shard)}/"
        if shard
        else allowed_at(path, file.catalog.layout),
        remedy=remedy,
    )


def plain_mode(file: FileView) -> Iterator[Violation]:
    """The registry's own files must be plain files: no symbolic link, no submodule, no executable bit.

    A link can point outside the repository, a submodule adds content that was not reviewed here, and not every system
    supports them. Nothing in a registry is a program.

    How to fix: ``git update-index --chmod=-x FILE`` removes the executable bit; replace a link with a plain file.

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
    yield Violation(
        f"{format_name(path)} is {what}", found=what, expected="a plain file", remedy=remedy
    )


def no_git_folder(file: FileView) -> Iterator[Violation]:
    """No path may have a part that a file system could treat as ``.git``, and every tree must be one that Git would write.

    On a file system that folds case, ignores some characters or strips dots, ``.GIT/hooks/pre-commit`` becomes a program
    that Git runs. A tree object with two entries of one name, or out of order, shows different files to different programs.
    Such a commit is refused as a whole, wherever it is read. This rule cannot be waived.

    How to fix: rename the file; create the commit again with ``git``.

    Example:
        ``docs/.GIT/config``, or a second entry ``models`` in the tree of a commit.
    """
    path = file.path
    if not _MAY_FOLD.search(path):
        return
    for part in path.split("/"):
        if folds_to_git(part):
            yield Violation(
                f"{format_name(part)} is treated as .git by some file systems",
                found=ascii(part)[1:-1],
                expected="another name",
                remedy=command("git rm -r --cached", path),
            )
            return


RULES = (
    FileRule("F101", "the file can be read", "refuse", readable, of_problems=True),
    FileRule("F102", "the file is one plain document", "refuse", form, of_problems=True),
    FileRule("F103", "the file meets its schema", "refuse", schema, of_problems=True),
    FileRule("F104", "the schema version is known", "refuse", schema_version, of_problems=True),
    FileRule("F106", "ambiguous values are quoted", "warn", unambiguous, of_problems=True),
    FileRule(
        "F121", "all YAML parsers read the file alike", "refuse", read_alike, of_problems=True
    ),
    FileRule("F105", "the names in the file match its path", "refuse", path_agrees),
    FileRule("F108", "the file is part of the layout", "refuse", has_place),
    FileRule("F109", "the file is a plain file", "refuse", plain_mode),
    FileRule("F116", "trees are as Git writes them", "refuse", no_git_folder),
    FileRule("F112", "no payload or large file is in Git", "refuse", no_payload),
)
