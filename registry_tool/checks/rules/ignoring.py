"""Rules about what the files of ignore rules hide: manifests from Git, and folders with pointers from DVC."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from registry_tool.catalog.index import Catalog
from registry_tool.checks.rule import ChangeRule, ChangeView, FileRule, FileView, Hit, Rule
from registry_tool.checks.rules.wording import named
from registry_tool.git.ignoring import IgnoreRules, Pattern, parse_ignore_rules
from registry_tool.manifests.document import READ_LIMIT
from registry_tool.manifests.layout import MODELS, Layout
from registry_tool.names import ModelName

__all__ = ["IGNORE_FILES", "RULES", "Hidden", "hidden_by"]

IGNORE_FILES: Final = (".gitignore", ".dvcignore")
# What names look like: a pattern may speak of a dot, a dash or a number.
_MODEL: Final = ModelName("nlp", "lang-id")
_VERSIONS: Final = ("4", "1.2.0")
_NAME: Final = "v4-edge.bin"
_REPAIR: Final = 'registry init . && git add .gitignore && git commit -m "Repair the ignore rules"'
# How the lines begin that `registry init` writes.
_OURS: Final = f"/{MODELS}/*/"


class Hidden(NamedTuple):
    """Something that must be seen and is not.

    Attributes:
        pattern: Why.
        path: An example of what is hidden.
        of_dvc: True where DVC passes over it, and Git does not.
    """

    pattern: Pattern
    path: str
    of_dvc: bool


def _folders(path: str) -> Iterator[str]:
    """The folders that a path lies in, from the outermost."""
    parts = path.split("/")
    return ("/".join(parts[:end]) for end in range(1, len(parts)))


def hidden_by(rules: IgnoreRules, layout: Layout, *, of: str = "") -> Iterator[Hidden]:
    """What the rules of a file at the root hide from Git or from DVC, by examples of every kind of manifest.

    Args:
        rules: The file's rules.
        layout: Where files lie in this registry.
        of: How the names end that are asked about; DVC reads pointers alone.
    """
    for version in _VERSIONS:
        for path in layout.examples(_MODEL, version, _NAME):
            if not path.endswith(of):
                continue
            pattern = rules.hides(path)
            if pattern is not None:
                yield Hidden(pattern, path, of_dvc=False)
                continue
            inside = _folders(path) if path.startswith(f"{MODELS}/") else ()
            found = ((folder, rules.hides_from_dvc(folder)) for folder in inside)
            closed = next(((folder, why) for folder, why in found if why is not None), None)
            if closed is not None:
                yield Hidden(closed[1], f"{closed[0]}/", of_dvc=True)


def _hidden(catalog: Catalog, path: str) -> Iterator[Hidden]:
    rules = parse_ignore_rules(catalog.tree.read(path, limit=READ_LIMIT) or b"")
    return hidden_by(rules, catalog.layout, of=".dvc" if path == ".dvcignore" else "")


def _hits(file: str, hidden: Iterator[Hidden]) -> Iterator[Hit]:
    """One for each pattern: the first example says enough."""
    seen: set[int] = set()
    for pattern, path, of_dvc in hidden:
        if pattern.line in seen:
            continue
        seen.add(pattern.line)
        is_ours, delete = pattern.text.startswith(_OURS), f"delete line {pattern.line} of {file}"
        reader = "DVC" if of_dvc or file == ".dvcignore" else "Git"
        yield Hit(
            f"{file} makes {reader} ignore {path}",
            path=file,
            place=(pattern.line, 1),
            found=named(pattern.text),
            expected="rules that hide no manifest, and no folder that holds one",
            remedy=_REPAIR if is_ours and file == ".gitignore" else delete,
        )


def manifests_are_seen(file: FileView) -> Iterator[Hit]:
    """The ignore rules of a registry must hide no manifest from Git, and no folder with pointers from DVC.

    A manifest that Git ignores is missing from the commit, and ``git clean -X`` deletes it. A folder that DVC ignores is
    empty to it: ``dvc pull`` fetches nothing from there, ``dvc push`` copies nothing, and ``dvc gc -c`` deletes the
    bytes on the remote, because it finds no pointer that needs them. Registries of an earlier ``registry init`` have such
    a file: ``/models/*/*/*`` means the files in a model's folder to Git, and also the folder itself to DVC.

    Mend it: ``registry init .`` rewrites the lines of ``.gitignore`` that it wrote, and keeps those of others; a line
    that somebody added is deleted by hand.

    Example:
        ``*.yaml`` in ``.gitignore``.
    """
    if file.path in IGNORE_FILES and file.is_regular:
        yield from _hits(file.path, _hidden(file.catalog, file.path))


def nothing_new_is_hidden(view: ChangeView) -> Iterator[Hit]:
    """A change must not make the ignore rules hide manifests that they do not hide yet.

    What ``F113`` warns of in a published file is refused in a change: nobody needs it, and the next version would be
    committed without a part of it.

    Mend it: delete the line, or name what it is meant for more closely.

    Example:
        a pull request adds ``key.yaml`` to ``.gitignore``.
    """
    for change in view.changes:
        if change.path not in IGNORE_FILES or change.removed:
            continue
        known = frozenset((one.path, one.of_dvc) for one in _hidden(view.base, change.path))
        found = _hidden(view.head, change.path)
        new = (one for one in found if (one.path, one.of_dvc) not in known)
        for hit in _hits(change.path, new):
            remedy = f"delete line {hit.place[0] if hit.place else 1} of {change.path}"
            yield hit._replace(remedy=remedy)


RULES: tuple[Rule, ...] = (
    FileRule("F113", "the ignore rules hide no manifest", "warn", manifests_are_seen),
    ChangeRule("C423", "no change hides manifests", "refuse", nothing_new_is_hidden),
)
