"""The rows of a registry: made when they are first asked for, and kept.

They are kept in memory for as long as their tree is asked, and between runs under the id of their model's folder. A search
over everything therefore reads what has changed since the last one. The manifests themselves are let go of: rows of a hundred
thousand versions are a tenth of their files.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from sys import intern
from typing import Any, Final

from registry_tool.catalog.catalog import Catalog, ModelView
from registry_tool.catalog.search.result_cache import ResultCache
from registry_tool.catalog.search.summary import (
    ModelRow,
    VersionRow,
    model_row,
    named_row,
    version_rows,
)
from registry_tool.manifests.fields import LISTED_VERSION
from registry_tool.names import ModelName

__all__ = ["Rows"]

# Everything a row can depend on, below the package.
_PROGRAM: Final = ("catalog", "manifests", "git/tree.py", "names.py", "versioning.py")
# Making the rows of this many models takes longer than starting a process.
_MANY: Final = 40
# Values that filters ask for are few, and each is kept once in memory.
_REPEATED: Final = tuple(n for n, field in enumerate(LISTED_VERSION) if field.filter)


def _parse_model(body: str) -> ModelRow:
    (namespace, name), values, state, labels, searched, unreadable = json.loads(body)
    return ModelRow(
        ModelName(namespace, name), tuple(values), state, tuple(labels), searched, unreadable
    )


def _parse_version(row: list[Any]) -> VersionRow:
    version, state, values, labels, aliases, tags, metrics, searched, unreadable = row
    for number in _REPEATED:
        values[number] = intern(values[number])
    return VersionRow(
        version, intern(state), tuple(values), tuple(labels), tuple(aliases), tuple(tags), metrics,
        searched, tuple(unreadable),
    )  # fmt: skip


def _parse_versions(body: str) -> tuple[VersionRow, ...]:
    return tuple(map(_parse_version, json.loads(body)))


class Rows:
    """The rows of one tree; safe for reading from several threads.

    Args:
        catalog: What they are made from.
        kept: A folder where they are kept between runs, if the tree knows object ids; None keeps none.
        many: Called once, when the rows of many models had to be made and more may have to be.
    """

    def __init__(
        self,
        catalog: Catalog,
        kept: Path | None = None,
        *,
        many: Callable[[], object] = lambda: None,
    ) -> None:
        self.catalog = catalog
        self._many = many
        self._made = 0
        self._shelf = None if kept is None else ResultCache(kept, _PROGRAM)
        self._models: dict[ModelName, ModelRow] = {}
        self._versions: dict[ModelName, tuple[VersionRow, ...]] = {}

    def _basis(self, what: str, name: ModelName) -> tuple[str, ...]:
        """All that the rows of a model depend on; nothing where nobody knows the id of its folder."""
        entry = self.catalog.tree.entry(self.catalog.layout.model(name))
        if entry is None or not entry.oid:
            return ()
        return what, self.catalog.scheme, str(name), entry.oid

    def _read_kept(self, what: str, name: ModelName) -> str | None:
        basis = self._basis(what, name) if self._shelf else ()
        return self._shelf.take(*basis) if self._shelf and basis else None

    def _keep(self, what: str, name: ModelName, row: Sequence[object]) -> None:
        basis = self._basis(what, name) if self._shelf else ()
        if self._shelf and basis:
            # ASCII: names that are not UTF-8 survive as escapes.
            self._shelf.put(json.dumps(row, separators=(",", ":")), *basis)

    def _view(self, name: ModelName) -> ModelView:
        """The model in a catalog of its own, which is let go of with all that is read for a row."""
        return ModelView(self.catalog.apart(), name)

    def models(self, namespace: str | None = None) -> list[ModelName]:
        """The models of one namespace, or of all, in order; their rows will be asked for."""
        names = list(self.catalog.model_names(namespace))
        for name in names:
            if name not in self._models and (body := self._read_kept("model", name)) is not None:
                self._models[name] = _parse_model(body)
        layout, missing = self.catalog.layout, [n for n in names if n not in self._models]
        self.catalog.tree.gather(map(layout.model, missing))
        self.catalog.tree.prefetch(f"{layout.model(name)}/model.yaml" for name in missing)
        return names

    def model(self, name: ModelName) -> ModelRow:
        """The row of a model."""
        row = self._models.get(name)
        if row is None:
            row = self._models[name] = model_row(self._view(name))
            if not row.unreadable:
                self._keep("model", name, row)
        return row

    def _find_known(self, name: ModelName) -> tuple[VersionRow, ...] | None:
        rows = self._versions.get(name)
        if rows is None and (body := self._read_kept("versions", name)) is not None:
            rows = self._versions[name] = _parse_versions(body)
        return rows

    def versions(self, name: ModelName) -> tuple[VersionRow, ...]:
        """The rows of the versions of a model, highest first."""
        rows = self._find_known(name)
        if rows is None:
            rows = self._make(name)
        return rows

    def make(self, name: ModelName) -> bool:
        """Have the rows of a model and its versions; False where they are known."""
        if self._find_known(name) is not None:
            return False
        self.model(name)
        self._make(name)
        return True

    def _make(self, name: ModelName) -> tuple[VersionRow, ...]:
        rows = self._versions[name] = version_rows(self._view(name))
        # What could not be read is looked at again: it may have been the disk.
        if not any(row.unreadable for row in rows):
            self._keep("versions", name, rows)
        self._made += 1
        if self._made == _MANY:
            self._many()
        return rows

    def find_named(self, name: ModelName, kind: str, alias: str) -> tuple[VersionRow, ...]:
        """The row of the version that an alias or a tag names, if there is one; the others are not read for it.

        Args:
            name: The model.
            kind: ``alias`` or ``tag``.
            alias: The name of the alias or tag.
        """
        rows = self._find_known(name)
        if rows is None:
            return named_row(self._view(name), kind, alias)
        return tuple(r for r in rows if alias in (r.aliases if kind == "alias" else r.tags))
