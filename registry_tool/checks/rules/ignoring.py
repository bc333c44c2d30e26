"""Rules about what the files of ignore rules hide: manifests from Git, and folders with pointers from DVC."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Final, NamedTuple

from registry_tool.catalog.index import Catalog
from registry_tool.checks.rule import ChangeRule, ChangeView, FileRule, FileView, Hit, Rule
from registry_tool.checks.rules.wording import named
from registry_tool.git.ignoring import IgnoreRules, Pattern, parse_ignore_rules, speaking_of
from registry_tool.git.tree import walk
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
_TAKEN_BACK: Final = f"!{_OURS}"


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
            found = _hidden_at(rules, path) if path.endswith(of) else None
            if found is not None:
                yield found


def _hidden_at(rules: IgnoreRules, path: str) -> Hidden | None:
    """Why a manifest cannot be seen; None where it can."""
    pattern = rules.hides(path)
    if pattern is not None:
        return Hidden(pattern, path, of_dvc=False)
    for folder in _folders(path) if path.startswith(f"{MODELS}/") else ():
        why = rules.hides_from_dvc(folder)
        if why is not None:
            return Hidden(why, f"{folder}/", of_dvc=True)
    return None


def _rules(catalog: Catalog, path: str) -> IgnoreRules:
    return parse_ignore_rules(catalog.tree.read(path, limit=READ_LIMIT) or b"")


def _ending(file: str) -> str:
    """How the names end of what a file of ignore rules can hide: DVC reads pointers alone."""
    return ".dvc" if file == ".dvcignore" else ""


def _hidden(catalog: Catalog, path: str) -> Iterator[Hidden]:
    return hidden_by(_rules(catalog, path), catalog.layout, of=_ending(path))


def _hidden_by_name(view: ChangeView, file: str) -> Iterator[Hidden]:
    """Manifests of the registry that a change of a file hides by their own names, which no example has."""
    before, after = _rules(view.base, file), _rules(view.head, file)
    old, new = ({p.text for p in rules.patterns} for rules in (before, after))
    # Lines about models in general are asked with examples, so that a repaired file costs no look at every model.
    changed = [p for p in after.patterns if p.text not in old and p.ignores]
    changed += [
        p for p in before.patterns if p.text not in new and not p.text.startswith(_TAKEN_BACK)
    ]
    changed = [p for p in changed if p.names_something]
    if not changed:
        return
    is_near, seen = speaking_of(changed), set[Pattern]()
    for path, _ in walk(view.head.tree, MODELS):
        if not path.endswith(_ending(file)) or not is_near(path):
            continue
        found = None if view.head.layout.locate(path) is None else _hidden_at(after, path)
        if found is not None and found.pattern not in seen and _hidden_at(before, path) is None:
            yield found
            seen.add(found.pattern)  # one example of each says enough
            if len(seen) >= len(changed):
                return


def _added_unseen(view: ChangeView, file: str) -> Iterator[Hidden]:
    """Manifests that a change adds where published rules hide them by name; what hides every model is only warned of."""
    rules = _rules(view.head, file)
    named_ones = [p for p in rules.patterns if p.ignores and p.names_something]
    if not named_ones:
        return
    is_near = speaking_of(named_ones)
    known = {one.pattern.line for one in _hidden(view.head, file)}
    for change in view.changes:
        path = change.path
        if not change.added or change.place is None or not path.endswith(_ending(file)):
            continue
        if not is_near(path):
            continue
        found = _hidden_at(rules, path)
        if found is not None and found.pattern.line not in known:
            yield found


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
    committed without a part of it. So is a line that hides one model or version of this registry, and a new manifest
    that a published line hides by its name.

    Mend it: delete the line, or name what it is meant for more closely.

    Example:
        a pull request adds ``key.yaml`` to ``.gitignore``.
    """
    changed = {change.path for change in view.changes if not change.removed}
    for path in IGNORE_FILES:
        if path in changed:
            known = frozenset((one.path, one.of_dvc) for one in _hidden(view.base, path))
            found = _hidden(view.head, path)
            new = (one for one in found if (one.path, one.of_dvc) not in known)
            hits = _hits(path, chain(new, _hidden_by_name(view, path)))
        else:
            hits = _hits(path, _added_unseen(view, path))
        for hit in hits:
            remedy = f"delete line {hit.place[0] if hit.place else 1} of {path}"
            yield hit._replace(remedy=remedy)


RULES: tuple[Rule, ...] = (
    FileRule("F113", "the ignore rules hide no manifest", "warn", manifests_are_seen),
    ChangeRule("C423", "no change hides manifests", "refuse", nothing_new_is_hidden),
)
