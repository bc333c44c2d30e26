"""Documents of a catalog: their data, and the files of evidence in a folder."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final, Protocol

from registry_tool.errors import InvalidManifestError
from registry_tool.manifests.data import Data
from registry_tool.manifests.layout import Place
from registry_tool.names import ModelName

if TYPE_CHECKING:
    from registry_tool.git.tree import Tree
    from registry_tool.manifests.document import Document

__all__ = ["find_plain_part", "list_evidence", "names_for", "require"]

_YAML = ".yaml"
# Written as it is in each style of YAML; ASCII, because other letters may be escaped.
_PLAIN: Final = re.compile(r"[A-Za-z0-9._/@-]+")
_SHORTEST: Final = 3
# In the name of the field: a shorter part of a value is in nearly every file.
_FIELD: Final = "external"


class _Documents(Protocol):
    """Where documents are read, as a catalog."""

    tree: Tree

    def document(self, path: str, place: Place) -> Document | None:
        """One manifest; None when there is no such file."""
        ...


def require(document: Document | None, what: str) -> Data:
    """A document's data.

    Raises:
        InvalidManifestError: There is no such file, or it does not pass its schema.
    """
    if document is None:
        raise InvalidManifestError(f"{what} has no manifest", remedy="registry check --all")
    if document.data is None:
        problem = document.problems[0]
        is_later = problem.code == "schema-version"
        raise InvalidManifestError(
            f"{document.path}:{problem.line}: {problem.message}",
            remedy=problem.remedy if is_later else "registry check --all",
        )
    return document.data


def list_evidence(
    catalog: _Documents, model: ModelName, version: str | None, folder: str
) -> Iterator[Document]:
    """The evidence files of one folder, by name."""
    for name in sorted(catalog.tree.folder(folder)):
        place = Place("evidence", model, version, name.removesuffix(_YAML))
        found = catalog.document(f"{folder}/{name}", place)
        if found is not None and name.endswith(_YAML):
            yield found


def find_plain_part(value: str) -> str:
    """Text that each file contains which gives a value to a unique field, however it is quoted."""
    longest = max(_PLAIN.findall(value), key=len, default="")
    return longest if len(longest) >= _SHORTEST else _FIELD


def names_for(version: str, targets: Mapping[str, str]) -> tuple[str, ...]:
    """The aliases or tags that point to a version."""
    return tuple(name for name, target in targets.items() if target == version)
