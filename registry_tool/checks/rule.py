"""What a rule is: an id, a title, a severity and a plain function whose docstring is its documentation.

The letter of the id says what the function is given: ``F`` one file, ``M`` one model, ``R`` the registry. A rule
yields hits; it never reads the disk, prints, or knows how a finding is shown. Ids are permanent and never reused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from registry_tool.catalog.index import Catalog, ModelView
from registry_tool.checks.claims import Claims
from registry_tool.checks.findings import Severity
from registry_tool.git.tree import EXECUTABLE, FILE, Entry
from registry_tool.manifests.document import READ_LIMIT, Document
from registry_tool.manifests.layout import MANIFEST_KINDS, Place
from registry_tool.manifests.problems import JSONPath
from registry_tool.names import ModelName

__all__ = ["FileRule", "FileView", "Hit", "ModelRule", "RegistryRule", "RegistryView", "Rule"]


class Hit(NamedTuple):
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


@dataclass(frozen=True)
class RegistryView:
    """The registry, as a registry rule sees it.

    Attributes:
        catalog: The tree under check.
        models: The models to look at: all of them, or those a change touches.
        namespaces: The namespaces to look at, likewise.
        claims: Values that must be unique across the registry.
        complete: True when everything is looked at.
    """

    catalog: Catalog
    models: tuple[ModelName, ...]
    namespaces: tuple[str, ...]
    claims: Claims
    complete: bool


@dataclass(frozen=True)
class FileRule:
    """A rule that looks at one file."""

    id: str
    title: str
    severity: Severity
    check: Callable[[FileView], Iterator[Hit]]


@dataclass(frozen=True)
class ModelRule:
    """A rule that looks at one model and what lies around it."""

    id: str
    title: str
    severity: Severity
    check: Callable[[ModelView], Iterator[Hit]]


@dataclass(frozen=True)
class RegistryRule:
    """A rule that looks across models."""

    id: str
    title: str
    severity: Severity
    check: Callable[[RegistryView], Iterator[Hit]]


Rule = FileRule | ModelRule | RegistryRule
