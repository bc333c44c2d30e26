"""Corpus cases: each is one file that says how a small registry differs from a shared one.

``tests/corpus/<rule>/{good,bad}/<case>.yaml`` has up to five keys::

    base: one-version     # a folder of tests/corpus/_bases; without it, there are no files
    past: {…}             # what was published at first, as a layer on top of the base; only where history matters
    published: {…}        # what is published now, as a layer on top of that; only where a change is checked
    change: {…}           # what is checked, as a layer on top of that
    expected: |           # only in bad cases: all findings, one a line
      path:line:column RULE message

A layer gives paths their new content; ``{}`` changes nothing::

    models/nlp/namespace.yaml: |                # the whole text
      schema: namespace/v1
    models/nlp/lang-id/model.yaml:              # an edit of the file in the layer below, in hunks that begin with @@
      diff: |
        @@
         name: lang-id
        -owner: "@acme/speech"
        +owner: ""
    models/nlp/lang-id/tags/first.yaml: null    # deleted
    models/nlp/lid/: null                       # a folder, deleted with everything in it
    models/nlp/lang-id/versions/2/: {from: two-versions}                # a folder of another shared registry
    models/nlp/lid/: {like: models/nlp/lang-id/}                        # a copy of a folder of the layer below
    models/nlp/lang-id/CARD.md: {like: models/nlp/lid/CARD.md}          # a copy of a file; ``diff`` edits the copy
    models/nlp/lang-id/aliases/production.yaml: {mode: "100755"}        # modes are those of Git: 120000, 160000, …

A mapping can also have ``text`` and ``without`` (what is taken out of the text: a secret is written ``AK{}IA…`` without
``{}``, so that no scanner takes it for one), ``base64``, ``repeat`` and ``times`` (the text so many times, in the place of ``{repeat}`` or at the end;
``{number}`` counts from 0, ``{next}`` from 1), ``series`` (so many files; ``{number}`` in the path counts them),
``levels`` (so many folders; ``{levels}`` in the path stands for them) and ``percent_encoded`` (for a path with bytes
that are not UTF-8).

``tests/corpus/schemas/<kind>.yaml`` has the examples of one kind of manifest under ``good`` and ``bad``, by name, written
in the same way; ``like`` names a good example. Those of a later version of the schema are in ``<kind>.v2.yaml``.
"""

from __future__ import annotations

import base64
import functools
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, cast
from urllib.parse import unquote

import yaml_rs

from registry_tool.git.tree import FILE, DictTree

__all__ = [
    "BASES",
    "CORPUS",
    "VERDICTS",
    "Case",
    "Content",
    "Example",
    "Files",
    "MalformedCaseError",
    "case_paths",
    "examples",
    "read_base",
    "read_case",
    "read_examples",
    "tree_of",
]

CORPUS = Path(__file__).parents[1] / "corpus"
VERDICTS = ("good", "bad")
BASES = CORPUS / "_bases"
_SCHEMAS = CORPUS / "schemas"
_CASE_KEYS = {"base", "past", "published", "change", "expected"}
_CONTENT_KEYS = {
    "text", "without", "base64", "repeat", "times", "like", "from", "diff", "mode", "series", "levels", "percent_encoded",
}  # fmt: skip

_Spec = Mapping[str, str | int | bool]
_Entry = str | _Spec | None


class Content(NamedTuple):
    """A file: its bytes, and its mode in Git."""

    data: bytes
    mode: int = FILE


Files = Mapping[str, Content]


class Case(NamedTuple):
    """One case of a rule.

    Attributes:
        rule: The rule's id.
        verdict: ``good`` or ``bad``.
        name: Unique within a rule and verdict.
        past: What was published before ``published``; absent where the history does not matter.
        published: What a change is compared with; absent where the whole registry is checked.
        head: What is checked.
        expected: All findings, a line for each.
    """

    rule: str
    verdict: str
    name: str
    past: Files | None
    published: Files | None
    head: Files
    expected: str

    @property
    def id(self) -> str:
        """What a test of this case is called."""
        return f"{self.rule}-{self.name}"

    @property
    def states(self) -> list[Files]:
        """The states of the registry in their order: what was and is published, if the case says so, and the head."""
        return [files for files in (self.past, self.published, self.head) if files is not None]


class Example(NamedTuple):
    """One example of a kind of manifest, with a name that is unique within kind and verdict."""

    kind: str
    verdict: str
    name: str
    data: bytes
    version: str = "v1"

    @property
    def id(self) -> str:
        """What a test of this example is called."""
        later = "" if self.version == "v1" else f".{self.version}"
        return f"{self.kind}{later}/{self.verdict}/{self.name}"

    @property
    def schema_id(self) -> str:
        """The schema that judges it."""
        return f"{self.kind}/{self.version}"


class MalformedCaseError(ValueError):
    """A file of the corpus that is not written as the documentation of this module says."""


def case_paths(verdict: str, *, rule: str = "[A-Z][0-9][0-9][0-9]") -> list[Path]:
    """The files of all cases with a verdict, sorted; those of one rule, or of all."""
    return sorted(CORPUS.glob(f"{rule}/{verdict}/*.yaml"))


def read_case(path: Path) -> Case:
    """Read a case.

    Raises:
        MalformedCaseError: The file is not a case.
    """
    try:
        return _read_case(path)
    except (MalformedCaseError, yaml_rs.YAMLDecodeError) as error:
        raise MalformedCaseError(f"{path}: {error}") from error


def tree_of(files: Files) -> DictTree:
    """The files as a tree that the engine checks."""
    return DictTree(
        {path: content.data for path, content in files.items()},
        modes={path: content.mode for path, content in files.items()},
    )


def examples(*verdicts: str) -> list[Example]:
    """The examples of all kinds with these verdicts, sorted; without a verdict, all."""
    kinds = sorted(path.stem for path in _SCHEMAS.glob("*.yaml"))
    wanted = verdicts or VERDICTS
    return [found for kind in kinds for found in read_examples(kind) if found.verdict in wanted]


@functools.cache
def read_examples(kind: str) -> tuple[Example, ...]:
    """The examples of one kind of manifest, sorted; ``model.v2`` has those of ``model/v2``.

    Raises:
        MalformedCaseError: The file is not one of examples.
    """
    path = _SCHEMAS / f"{kind}.yaml"
    try:
        data = _mapping(_load(path), {"good", "bad"})
        good = _changed({}, _layer(data.get("good")))
        bad = _changed(good, _layer(data.get("bad")), only_new=True)
    except (MalformedCaseError, yaml_rs.YAMLDecodeError) as error:
        raise MalformedCaseError(f"{path}: {error}") from error
    plain, _, version = kind.partition(".")
    return tuple(
        Example(plain, verdict, name, files[name].data, version or "v1")
        for verdict, files in (("bad", bad), ("good", good))
        for name in sorted(files)
    )


@functools.cache
def read_base(name: str) -> Files:
    """Read a shared registry.

    Raises:
        MalformedCaseError: There is none of this name.
    """
    folder = BASES / name
    if not folder.is_dir():
        raise MalformedCaseError(f"there is no folder {folder}")
    return {
        path.relative_to(folder).as_posix(): Content(path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _load(path: Path) -> object:
    # Read directly, for speed: what is in the corpus is ours, and is compared with the program's readers elsewhere.
    return cast("object", yaml_rs.loads(path.read_text(encoding="utf-8"), parse_datetime=False))


def _mapping(data: object, known: set[str]) -> Mapping[str, object]:
    if not isinstance(data, dict):
        raise MalformedCaseError("a mapping is expected")
    if unknown := set(data) - known:
        raise MalformedCaseError(f"unknown: {', '.join(map(str, sorted(unknown)))}")
    return data


def _layer(data: object) -> Mapping[str, _Entry]:
    return cast("Mapping[str, _Entry]", data if isinstance(data, dict) else {})


def _read_case(path: Path) -> Case:
    data = _mapping(_load(path), _CASE_KEYS)
    files: Files = read_base(str(data["base"])) if "base" in data else {}
    past = published = None
    if "past" in data:
        files = past = _changed(files, _layer(data["past"]))
    if "published" in data:
        files = published = _changed(files, _layer(data["published"]))
    head = _changed(files, _layer(data.get("change")))
    expected = str(data.get("expected", ""))
    return Case(path.parts[-3], path.parts[-2], path.stem, past, published, head, expected)


def _changed(below: Files, layer: Mapping[str, _Entry], *, only_new: bool = False) -> Files:
    """The files with a layer on top; ``only_new``: without those of the layer below."""
    files = {} if only_new else dict(below)
    seen = dict(below)  # with what this layer deletes, so that it can move files
    for pattern, entry in layer.items():
        if entry is None:
            for path in _matching(pattern, below):
                del files[path]
            continue
        spec = {"text": entry} if isinstance(entry, str) else entry
        _mapping(spec, _CONTENT_KEYS)
        source = read_base(str(spec["from"])) if "from" in spec else seen
        if pattern.endswith("/"):
            origin = str(spec.get("like", pattern))
            new = {
                pattern + path[len(origin) :]: source[path] for path in _matching(origin, source)
            }
        else:
            new = {path: _content(path, spec, source) for path in _paths(pattern, spec)}
        if idle := [path for path, content in new.items() if files.get(path) == content]:
            raise MalformedCaseError(f"{idle[0]} is already so in the layer below")
        files.update(new)
        seen.update(new)
    return files


def _matching(pattern: str, files: Files) -> list[str]:
    """A file, or the files in a folder where the pattern ends in a slash."""
    is_folder = pattern.endswith("/")
    found = [path for path in files if path == pattern or (is_folder and path.startswith(pattern))]
    if not found:
        raise MalformedCaseError(f"{pattern} does not exist in the layer below")
    return found


def _paths(pattern: str, spec: _Spec) -> list[str]:
    if "series" in spec:
        count = _int(spec, "series")
        return [pattern.replace("{number}", f"{number:05}") for number in range(count)]
    if "levels" in spec:
        return [pattern.replace("{levels}", "/".join("d" * _int(spec, "levels")))]
    if spec.get("percent_encoded"):
        return [unquote(pattern, errors="surrogateescape")]
    return [pattern]


def _int(spec: _Spec, key: str) -> int:
    number = spec.get(key, 0)
    if not isinstance(number, int):
        raise MalformedCaseError(f"{key} is not a number")
    return number


def _content(path: str, spec: _Spec, below: Files) -> Content:
    mode = int(str(spec["mode"]), 8) if "mode" in spec else FILE
    if "base64" in spec:
        return Content(base64.b64decode(str(spec["base64"])), mode)
    if "text" in spec or ("repeat" in spec and "diff" not in spec):
        text = str(spec.get("text", ""))
        if "without" in spec:
            text = text.replace(str(spec["without"]), "")
        return Content(_with_repeated(text, spec).encode(), mode)
    origin = str(spec.get("like", path))
    if origin not in below:
        raise MalformedCaseError(f"{path}: the layer below does not have {origin}")
    data = below[origin].data
    if "diff" in spec:
        data = _with_repeated(_edited(data.decode(), str(spec["diff"])), spec).encode()
    return Content(data, mode)


def _with_repeated(text: str, spec: _Spec) -> str:
    if "repeat" not in spec:
        return text
    piece, times = str(spec["repeat"]), _int(spec, "times")
    if "{number}" in piece:
        numbered = [piece.replace("{number}", str(number)) for number in range(times)]
        whole = "".join(p.replace("{next}", str(number)) for number, p in enumerate(numbered, 1))
    else:
        whole = piece * times
    return text.replace("{repeat}", whole) if "{repeat}" in text else text + whole


def _edited(text: str, diff: str) -> str:
    """Apply hunks, each where its old lines are; they must be in the text exactly once."""
    first, *hunks = f"\n{diff}".split("\n@@\n")
    if first or not hunks:
        raise MalformedCaseError("a diff begins with @@")
    for hunk in hunks:
        lines = hunk.removesuffix("\n").split("\n")
        if any(line[:1] not in {" ", "-", "+"} for line in lines):
            raise MalformedCaseError(f"each line begins with a space, - or +: {hunk!r}")
        old = "".join(f"\n{line[1:]}" for line in lines if line[0] != "+") + "\n"
        new = "".join(f"\n{line[1:]}" for line in lines if line[0] != "-") + "\n"
        if len(re.findall(f"(?={re.escape(old)})", f"\n{text}")) != 1:
            raise MalformedCaseError(f"these lines are not there exactly once: {old!r}")
        text = f"\n{text}".replace(old, new)[1:]
    return text
