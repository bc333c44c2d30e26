"""Rules about DVC's configuration and files, and about ignore rules that hide manifests from Git or pointers from DVC."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import chain
from typing import Final, NamedTuple

from registry_tool.catalog.catalog import Catalog
from registry_tool.checks.rule import (
    ChangeRule,
    ChangeView,
    FileRule,
    FileView,
    Violation,
    command,
    format_name,
)
from registry_tool.git.ignore_rules import (
    IgnorePattern,
    IgnoreRules,
    build_prefilter,
    parse_ignore_rules,
)
from registry_tool.git.tree import walk
from registry_tool.manifests.document import READ_LIMIT
from registry_tool.manifests.dvc_config import (
    CONFIG,
    SECRETS,
    LeftOut,
    parse_remote_name,
    parse_sections,
    take,
    unsafe_hosts,
)
from registry_tool.manifests.layout import MODELS, Layout
from registry_tool.names import ModelName

__all__ = ["IGNORE_FILES", "RULES", "Hidden", "find_hidden"]

_LOCAL: Final = ".dvc/config.local"
_FOLDER: Final = ".dvc/"
# What DVC lays down to be committed. https://dvc.org/doc/user-guide/project-structure/internal-files
_COMMITTED: Final = frozenset({CONFIG, ".dvc/.gitignore", ".dvc/config.local"})
_PLOTS: Final = ".dvc/plots/"
_LIMIT: Final = 64 * 1024


def local_configuration(file: FileView) -> Iterator[Violation]:
    """DVC's local configuration must not be committed.

    ``.dvc/config.local`` is for one person and one machine. DVC applies everything in it: an S3 profile whose
    configuration names a program to run, or an ``endpointurl`` to which DVC sends the reader's credentials. This program
    does not read the file if Git tracks it.

    How to fix: ``git rm --cached .dvc/config.local``, and ignore it in ``.dvc/.gitignore``.

    Example:
        ``.dvc/config.local`` with ``endpointurl = https://collector.example.org``.
    """
    if file.path.casefold() == _LOCAL:
        yield Violation(
            f"{format_name(file.path)} is configuration for one machine, but it is committed",
            expected="a file that Git ignores",
            remedy=command("git rm --cached", file.path)
            + " && echo /config.local >> .dvc/.gitignore",
        )


def _left_out(catalog: Catalog) -> list[LeftOut]:
    """Options of the committed configuration that are not read from there; another rule reports secrets."""
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
    """Options with which the remote cannot be used."""
    source = catalog.tree.read(CONFIG, limit=_LIMIT) or b""
    try:
        sections = parse_sections(source.decode())
    except ValueError:
        return {}
    return {
        LeftOut(section, parse_remote_name(section), option, str(options[option])): None
        for section, options in sections.items()
        if parse_remote_name(section)
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


def _hits(catalog: Catalog, options: list[LeftOut], ends: str) -> Iterator[Violation]:
    source = (catalog.tree.read(CONFIG, limit=_LIMIT) or b"").decode(errors="replace")
    for one in options:
        what = (
            f"of the remote {format_name(one.remote)}"
            if one.remote
            else f"in [{format_name(one.section)}]"
        )
        yield Violation(
            f"`{format_name(one.option)}` {what} {ends}",
            path=CONFIG,
            place=_place(source, one),
            found=format_name(one.option),
            expected="options that locate the content, such as url, endpointurl and region",
            remedy=_own_setting(one),
        )


def configuration_is_taken(file: FileView) -> Iterator[Violation]:
    """The committed ``.dvc/config`` should set only options that are read from a commit.

    Anyone who can write to the registry can write this file. This program reads options that locate the content and
    describe how to connect: ``url``, ``endpointurl``, ``region`` and so on. It ignores profiles, paths to credentials,
    keys and certificates, programs, ``ssl_verify = false``, and sections about one machine. Each person sets those in
    ``.dvc/config.local``, or for all registries with ``dvc config --global``. Plain DVC applies them, so delete them.

    How to fix: ``dvc remote modify --local NAME OPTION VALUE``, then ``dvc remote modify --unset NAME OPTION``.

    Example:
        ``profile = production`` in the section of an S3 remote.
    """
    if file.path == CONFIG and file.is_regular:
        yield from _hits(file.catalog, _left_out(file.catalog), "is not read from a commit")


def configuration_adds_nothing_else(view: ChangeView) -> Iterator[Violation]:
    """A change must not add options to ``.dvc/config`` that are not read from a commit.

    See ``F120`` for the options that are read and why. Published options only get its warning. A file that cannot be
    parsed would stop every reader.

    How to fix: set the option where it is needed, ``dvc remote modify --local NAME OPTION VALUE``, and remove it from the
    commit.

    Example:
        a pull request adds ``credentialpath = keys/aws`` to the remote ``storage``.
    """
    if not any(change.path == CONFIG and not change.removed for change in view.changes):
        return
    if (why := _broken(view.head)) and not _broken(view.base):
        yield Violation(
            f"{CONFIG} cannot be read: {format_name(why)}",
            path=CONFIG,
            place=(1, 1),
            expected="a file that `dvc remote` wrote",
            remedy="delete that line, and set options with: dvc remote modify NAME OPTION VALUE",
        )
    known = _unusable(view.base)
    for one in (one for one in _unusable(view.head) if one not in known):
        source = (view.head.tree.read(CONFIG, limit=_LIMIT) or b"").decode(errors="replace")
        yield Violation(
            f"`{one.option}` of the remote {format_name(one.remote)} has characters that are invalid in a host, user or region",
            path=CONFIG,
            place=_place(source, one),
            found=format_name(one.option),  # its value may hold a password
            expected="a plain host name, such as https://s3.example.org",
            remedy=f"dvc remote modify {format_name(one.remote)} {one.option} VALUE",
        )
    before = set(_left_out(view.base))
    fresh = [one for one in _left_out(view.head) if one not in before]
    yield from _hits(view.head, fresh, "must not come from a commit")


def dvc_keeps_nothing_else(view: ChangeView) -> Iterator[Violation]:
    """A change must not add files under ``.dvc/`` other than ``config``, ``.gitignore`` and plot templates.

    DVC's other files there are for one machine: a cache, locks, and in ``tmp`` its login tokens. Everyone with a clone
    would use a committed token.

    How to fix: ``git rm --cached FILE``, and ignore it in ``.dvc/.gitignore``.

    Example:
        ``.dvc/tmp/gdrive-user-credentials.json``
    """
    for change in view.changes:
        folded = change.path.casefold()
        if not change.added or not folded.startswith(_FOLDER) or folded.startswith(_PLOTS):
            continue
        if folded not in _COMMITTED:
            yield Violation(
                f"{format_name(change.path)} is a file of DVC that must not be committed",
                path=change.path,
                place=(1, 1),
                expected=".dvc/config, .dvc/.gitignore, .dvc/plots/",
                remedy=command("git rm --cached", change.path),
            )


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
        path: An example of a hidden path.
        of_dvc: True where DVC passes over it, and Git does not.
    """

    pattern: IgnorePattern
    path: str
    of_dvc: bool


def _folders(path: str) -> Iterator[str]:
    """The folders that a path lies in, from the outermost."""
    parts = path.split("/")
    return ("/".join(parts[:end]) for end in range(1, len(parts)))


def find_hidden(
    rules: IgnoreRules, layout: Layout, *, of: str = "", of_later: bool = True
) -> Iterator[Hidden]:
    """Find files that an ignore file at the root hides from Git or DVC, by examples of every kind of manifest.

    Args:
        rules: The file's rules.
        layout: The layout of this registry.
        of: How the names end that are considered; DVC reads only pointers.
        of_later: Consider kinds of files too that registries of earlier releases do not have: their rules hide these.
    """
    for version in _VERSIONS:
        for path in layout.examples(_MODEL, version, _NAME):
            if not path.endswith(of) or (layout.is_later(path) and not of_later):
                continue
            found = _find_hidden_at(rules, path)
            if found is not None:
                yield found


def _find_hidden_at(rules: IgnoreRules, path: str) -> Hidden | None:
    """Why a manifest is hidden; None where it is not."""
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
    """How the names end of the files that an ignore file can hide: DVC reads only pointers."""
    return ".dvc" if file == ".dvcignore" else ""


def _find_hidden(catalog: Catalog, path: str) -> Iterator[Hidden]:
    # Most registries have no file of a later kind, and no warning to read about its place. Where one adds some, the
    # check of the work tree finds that the file is ignored.
    return find_hidden(_rules(catalog, path), catalog.layout, of=_ending(path), of_later=False)


def _find_hidden_by_name(view: ChangeView, file: str) -> Iterator[Hidden]:
    """Manifests of the registry that a change of a file hides by their own names, which no example has."""
    before, after = _rules(view.base, file), _rules(view.head, file)
    old, new = ({p.text for p in rules.patterns} for rules in (before, after))
    # Examples cover lines about models in general, so that a repaired file does not cost a walk over every model.
    changed = [p for p in after.patterns if p.text not in old and p.ignores]
    changed += [
        p for p in before.patterns if p.text not in new and not p.text.startswith(_TAKEN_BACK)
    ]
    changed = [p for p in changed if p.names_something]
    if not changed:
        return
    is_near, seen = build_prefilter(changed), set[IgnorePattern]()
    for path, _ in walk(view.head.tree, MODELS):
        if not path.endswith(_ending(file)) or not is_near(path):
            continue
        found = None if view.head.layout.locate(path) is None else _find_hidden_at(after, path)
        if (
            found is not None
            and found.pattern not in seen
            and _find_hidden_at(before, path) is None
        ):
            yield found
            seen.add(found.pattern)  # one example of each says enough
            if len(seen) >= len(changed):
                return


@lru_cache(8)
def _prefilter_names(rules: IgnoreRules) -> Callable[[str], bool]:
    """A fast test whether a line that names something may hide a path; kept for the next change under the same rules."""
    return build_prefilter([p for p in rules.patterns if p.ignores and p.names_something])


def _find_unseen(view: ChangeView, file: str) -> Iterator[Hidden]:
    """Manifests that a change adds where published rules hide them by name; for rules that hide every model there is only a warning."""
    rules, ending = _rules(view.head, file), _ending(file)
    is_near = _prefilter_names(rules)
    unseen = [
        found
        for change in view.changes
        if change.added and change.place is not None and change.path.endswith(ending)
        if is_near(change.path) and (found := _find_hidden_at(rules, change.path)) is not None
    ]
    # The examples take a millisecond, and nearly no change hides a file.
    known = {one.pattern.line for one in _find_hidden(view.head, file)} if unseen else set[int]()
    yield from (found for found in unseen if found.pattern.line not in known)


def _ignore_file_violations(file: str, hidden: Iterator[Hidden]) -> Iterator[Violation]:
    """One for each pattern: the first example says enough."""
    seen: set[int] = set()
    for pattern, path, of_dvc in hidden:
        if pattern.line in seen:
            continue
        seen.add(pattern.line)
        is_ours, delete = pattern.text.startswith(_OURS), f"delete line {pattern.line} of {file}"
        reader = "DVC" if of_dvc or file == ".dvcignore" else "Git"
        yield Violation(
            f"{file} makes {reader} ignore {path}",
            path=file,
            place=(pattern.line, 1),
            found=format_name(pattern.text),
            expected="rules that hide no manifest and no folder with manifests",
            remedy=_REPAIR if is_ours and file == ".gitignore" else delete,
        )


def manifests_are_seen(file: FileView) -> Iterator[Violation]:
    """The ignore rules of a registry must hide no manifest from Git, and no folder with pointers from DVC.

    A manifest that Git ignores is missing from the commit, and ``git clean -X`` deletes it. DVC sees a folder that it
    ignores as empty: ``dvc pull`` fetches nothing, ``dvc push`` uploads nothing, and ``dvc gc -c`` deletes the content
    from the remote, because it finds no pointer to it. Earlier releases of ``registry init`` wrote such a file: for Git,
    ``/models/*/*/*`` matches the files in a model's folder; for DVC, it also matches the folder itself.

    How to fix: ``registry init .`` rewrites its own lines of ``.gitignore`` and keeps all others; delete a
    line that you added by hand.

    Example:
        ``*.yaml`` in ``.gitignore``.
    """
    if file.path in IGNORE_FILES and file.is_regular:
        yield from _ignore_file_violations(file.path, _find_hidden(file.catalog, file.path))


def nothing_new_is_hidden(view: ChangeView) -> Iterator[Violation]:
    """A change must not make the ignore rules hide more manifests.

    ``F113`` warns about a published file; this rule refuses the same in a change, because the next version would be
    committed without some of its files. It also refuses a line that hides one model or version of this registry, and a
    new manifest that a published line hides by its name.

    How to fix: delete the line, or make its pattern narrower.

    Example:
        a pull request adds ``key.yaml`` to ``.gitignore``.
    """
    changed = {change.path for change in view.changes if not change.removed}
    for path in IGNORE_FILES:
        if path in changed:
            known = frozenset((one.path, one.of_dvc) for one in _find_hidden(view.base, path))
            found = _find_hidden(view.head, path)
            new = (one for one in found if (one.path, one.of_dvc) not in known)
            hits = _ignore_file_violations(path, chain(new, _find_hidden_by_name(view, path)))
        else:
            hits = _ignore_file_violations(path, _find_unseen(view, path))
        for hit in hits:
            remedy = f"delete line {hit.place[0] if hit.place else 1} of {path}"
            yield hit._replace(remedy=remedy)


RULES = (
    FileRule("F119", "local DVC configuration is not committed", "refuse", local_configuration),
    FileRule(
        "F120",
        "the DVC configuration has only options that are read",
        "warn",
        configuration_is_taken,
    ),
    ChangeRule("C421", "no other files of DVC are committed", "refuse", dvc_keeps_nothing_else),
    ChangeRule(
        "C422",
        "no change adds private options to the DVC configuration",
        "refuse",
        configuration_adds_nothing_else,
    ),
    FileRule("F113", "the ignore rules hide no manifest", "warn", manifests_are_seen),
    ChangeRule("C423", "no change hides manifests", "refuse", nothing_new_is_hidden),
)
