"""What a rule is: an id, a title, a severity, and a plain function whose docstring is its documentation.

The letter of the id determines the function's argument: ``F`` one file, ``M`` one model, ``R`` the registry, ``C`` a
change to the published state. A rule yields violations; it never reads the disk, prints, or formats a finding. Ids are
permanent and never reused. The functions at the end are shared by rules: they format names and commands for messages
(content may be hostile, so all output is one line of ASCII), and read the published state.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from registry_tool.catalog.catalog import Catalog, ModelView, VersionView
from registry_tool.checks.findings import Severity
from registry_tool.checks.uniqueness import Claims
from registry_tool.git.tree import EXECUTABLE, FILE, Entry
from registry_tool.manifests.data import text
from registry_tool.manifests.document import READ_LIMIT, Document
from registry_tool.manifests.layout import MANIFEST_KINDS, Place
from registry_tool.manifests.problems import JSONPath, show_value
from registry_tool.names import ModelName

if TYPE_CHECKING:
    from registry_tool.git.history import FirstParentHistory

__all__ = [
    "ChangeRule",
    "ChangeView",
    "FileRule",
    "FileView",
    "Located",
    "ModelRule",
    "ModelUnderCheck",
    "RegistryRule",
    "RegistryView",
    "Rule",
    "Violation",
    "command",
    "find_state",
    "find_version",
    "format_name",
    "put_back",
    "record_entry",
    "removal",
]


class Violation(NamedTuple):
    """What a rule yields.

    Attributes:
        message: One sentence.
        path: The file; empty for a file rule's own file.
        at: Where in the file's data; the engine turns it into line and column.
        place: Line and column, where the rule knows them itself.
        found: What stands there.
        expected: What should stand there.
        remedy: The next step, or the command that mends it.
    """

    message: str
    path: str = ""
    at: JSONPath = ()
    place: tuple[int, int] | None = None
    found: str = ""
    expected: str = ""
    remedy: str = ""


class FileView:
    """One file of the tree, as a file rule sees it."""

    def __init__(self, catalog: Catalog, path: str, entry: Entry) -> None:
        self.catalog = catalog
        self.path = path
        self.entry = entry
        self.location: Place | None = catalog.layout.locate(path)

    @property
    def is_regular(self) -> bool:
        """True for a plain file: no link, no submodule."""
        return self.entry.mode in (FILE, EXECUTABLE)

    @cached_property
    def source(self) -> bytes:
        """The bytes, at most one more than a manifest may have."""
        if self.document is not None:
            return self.document.source
        return self.catalog.tree.read(self.path, limit=READ_LIMIT) or b""

    @cached_property
    def document(self) -> Document | None:
        """The manifest; None for a file that is none."""
        place = self.location
        if place is None or place.kind not in MANIFEST_KINDS or not self.is_regular:
            return None
        return self.catalog.document(self.path, place)


class ModelUnderCheck(ModelView):
    """One model, as a model rule sees it.

    Args:
        catalog: The tree under check.
        name: The model.
        touched: The versions and drafts that a change only adds to, when nothing else of the model changes: no other version
            can have become wrong by it. None looks at all of them.
    """

    def __init__(
        self, catalog: Catalog, name: ModelName, *, touched: frozenset[str] | None = None
    ) -> None:
        super().__init__(catalog, name)
        self._touched = touched

    def looked_at(self) -> Iterator[VersionView]:
        """The versions whose own files are to be judged, in text order, then the drafts."""
        touched = None if self._touched is None else sorted(self._touched)
        yield from filter(None, map(self.version, self.versions if touched is None else touched))
        yield from self.drafts_looked_at()

    def drafts_looked_at(self) -> Iterator[VersionView]:
        """The drafts whose own files are to be judged, in text order."""
        wanted = self.drafts if self._touched is None else sorted(self._touched)
        # Most models have none, and the listing of the model's folder is at hand.
        yield from filter(None, map(self.draft, wanted if self.drafts else ()))


class RegistryView(NamedTuple):
    """The registry, as a registry rule sees it.

    Attributes:
        catalog: The tree under check.
        models: The models to look at: all of them, or those a change touches.
        namespaces: The namespaces to look at, likewise.
        claims: Values that rules across the registry ask about.
        now: The time of the check, in UTC.
        complete: True when everything is looked at.
        renamed: Namespaces in which a change adds a model, or changes the title of one.
    """

    catalog: Catalog
    models: tuple[ModelName, ...]
    namespaces: tuple[str, ...]
    claims: Claims
    now: dt.datetime
    complete: bool
    renamed: frozenset[str] = frozenset()


class Located(NamedTuple):
    """One file that a change adds, edits or removes, and what it is about.

    Attributes:
        path: From the root of the registry.
        base: Its entry in what is published; None where it is new.
        head: Its entry in the change; None where it goes.
        place: What the path is about; None outside the layout.
        upgrades: True for a ``model.yaml`` that only names a later version of its schema.
        erases: True for a ``model.yaml`` that only loses files of erased versions, and for the removed pointer of one.
    """

    path: str
    base: Entry | None
    head: Entry | None
    place: Place | None
    upgrades: bool = False
    erases: bool = False

    @property
    def added(self) -> bool:
        """True for a file that is not published yet."""
        return self.base is None

    @property
    def removed(self) -> bool:
        """True for a published file that goes."""
        return self.head is None

    @property
    def edited(self) -> bool:
        """True for a published file whose content or mode changes."""
        return self.base is not None and self.head is not None


class ChangeView(NamedTuple):
    """A change to what is published, as a change rule sees it.

    Attributes:
        base: What is published.
        head: What is judged.
        changes: The files that differ, in the order of paths.
        line: The history that ends at the base; None where there is none, such as for a dict or a plain folder.
        now: The time of the check, in UTC.
        rule_ids: Returns the ids of all rules; the engine knows them, a rule does not.
    """

    base: Catalog
    head: Catalog
    changes: tuple[Located, ...]
    line: FirstParentHistory | None
    now: dt.datetime
    rule_ids: Callable[[], frozenset[str]]


class FileRule(NamedTuple):
    """A rule that looks at one file.

    Attributes:
        of_problems: It hands on what the reader of manifests found, so it has nothing to say of a file without problems.
    """

    id: str
    title: str
    severity: Severity
    check: Callable[[FileView], Iterator[Violation]]
    of_problems: bool = False


class ModelRule(NamedTuple):
    """A rule that looks at one model and what lies around it."""

    id: str
    title: str
    severity: Severity
    check: Callable[[ModelUnderCheck], Iterator[Violation]]


class RegistryRule(NamedTuple):
    """A rule that looks across models."""

    id: str
    title: str
    severity: Severity
    check: Callable[[RegistryView], Iterator[Violation]]


class ChangeRule(NamedTuple):
    """A rule that compares a change with what is published.

    It may raise ShallowHistory: then it is not run, and the report says so.
    """

    id: str
    title: str
    severity: Severity
    check: Callable[[ChangeView], Iterator[Violation]]


Rule = FileRule | ModelRule | RegistryRule | ChangeRule


_LONG = 160


def format_name(text: str) -> str:
    """A path or name for a message: as it is where that is harmless, else escaped in quotes."""
    if text.isascii() and text.isprintable() and text and len(text) <= _LONG:
        return text
    return show_value(text)


def command(words: str, path: str) -> str:
    """A command line that ends in a path, to be copied into a shell."""
    import shlex

    plain = path.isascii() and path.isprintable()
    return f"{words} -- {shlex.quote(path) if plain else show_value(path)}"


def removal(path: str) -> str:
    """The command that removes a file or folder from the index and the work tree, tracked or not."""
    return f"{command('git rm -rfq --ignore-unmatch', path)} && {command('rm -rf', path)}"


_SHOWN = 12


def record_entry(catalog: Catalog, place: Place) -> Entry | None:
    """The entry of the ``version.yaml`` of the version that a place lies in; None where there is none, and for a draft."""
    if place.model is None or place.version is None or place.is_draft:
        return None
    return catalog.tree.entry(f"{catalog.layout.version(place.model, place.version)}/version.yaml")


def find_version(catalog: Catalog, place: Place) -> VersionView | None:
    """The version or draft that a place lies in."""
    model = None if place.model is None else catalog.model(place.model)
    if model is None or place.version is None:
        return None
    return model.draft(place.version) if place.is_draft else model.version(place.version)


def find_state(version: VersionView | None) -> str:
    """A version's state; empty where there is no version, or its status cannot be read."""
    if version is None:
        return ""
    if version.is_draft:
        return version.state
    return "active" if version.status is None else text(version.status.data, "state")


def put_back(view: ChangeView, path: str) -> str:
    """The command that brings back a published file; words where no history is at hand."""
    if view.line is None:
        return "put the published file back as it was"
    tip = view.line.tip[:_SHOWN]
    return command(f"git restore --source={tip} --staged --worktree", path)
