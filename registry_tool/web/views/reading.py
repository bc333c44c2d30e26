"""One reading of one model: everything that its pages, its summary and the search index are made of."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from registry_tool.catalog.catalog import ModelView, VersionView
from registry_tool.catalog.compare import Values, list_values
from registry_tool.catalog.resolve import latest
from registry_tool.catalog.search.summary import ModelRow, VersionRow, model_row, version_rows
from registry_tool.errors import InvalidManifestError, RegistryError
from registry_tool.manifests.data import Data
from registry_tool.names import ModelName
from registry_tool.web.views.measured import Better, choose_metrics
from registry_tool.web.views.moves import AliasMove, Tenure, find_tenures
from registry_tool.web.views.source import PageSource

__all__ = ["ModelReading", "find_version_problem", "read_model"]

_NOTHING: Data = {}
_CARD_LIMIT = 1 << 20


@dataclass(frozen=True)
class ModelReading:
    """One model, read once; let it go before the next one is read.

    Attributes:
        source: The commit.
        model: Its files, in a catalog of their own.
        row: Its summary.
        rows: The summaries of its versions, highest first.
        moves: The moves of its aliases, oldest first.
    """

    source: PageSource
    model: ModelView
    row: ModelRow
    rows: tuple[VersionRow, ...]
    moves: tuple[AliasMove, ...]

    @property
    def name(self) -> ModelName:
        """The model's name."""
        return self.model.name

    @property
    def data(self) -> Data:
        """The record; empty where it cannot be read."""
        found = self.model.document
        return _NOTHING if found is None or found.data is None else found.data

    @cached_property
    def problem(self) -> str:
        """Why the record cannot be read: file, line and what was found; empty where it can."""
        return _read_problem(self.model)

    @cached_property
    def tenures(self) -> tuple[Tenure, ...]:
        """Who held the aliases from when to when."""
        return find_tenures(self.moves)

    @cached_property
    def latest(self) -> str:
        """The version that ``latest`` names; empty for none."""
        try:
            return latest(self.model).version
        except RegistryError:
            return ""

    @cached_property
    def by_version(self) -> dict[str, VersionRow]:
        """The rows by version."""
        return {row.version: row for row in self.rows}

    @cached_property
    def alias_targets(self) -> dict[str, str]:
        """The version of each alias."""
        return self.model.alias_targets()

    @cached_property
    def place(self) -> dict[str, int]:
        """Where each version is among the rows."""
        return {row.version: number for number, row in enumerate(self.rows)}

    def list_values(self, view: VersionView) -> Values:
        """What comparisons need of a version; listed once.

        Raises:
            InvalidManifestError: The record cannot be read.
        """
        found = self._values.get(view.folder)
        if found is None:
            found = self._values[view.folder] = list_values(view)
        return found

    @cached_property
    def _values(self) -> dict[str, Values]:
        return {}

    @cached_property
    def metric_keys(self) -> tuple[str, ...]:
        """The metrics, those that tell most first."""
        stages = self.source.stages(self.name.namespace)
        return choose_metrics((row.metrics for row in self.rows), stages)

    def find_better(self, key: str) -> Better:
        """Whether higher or lower is better, as gates or the metric's name say; empty where neither does."""
        return self.source.find_better(self.name.namespace, key)

    @property
    def title(self) -> str:
        """The shown name: the title, else the name without the namespace."""
        return self.model.title or self.name.name

    def has_card(self, view: VersionView | None = None) -> bool:
        """True where the model, or one of its versions, has a ``CARD.md``."""
        folder = self.model.folder if view is None else view.folder
        return "CARD.md" in self.model.catalog.tree.folder(folder)

    def view(self, version: str) -> VersionView | None:
        """The files of a version, or of a draft."""
        return self.model.version(version) or self.model.draft(version)

    def card(self, version: str | None = None) -> str | None:
        """The text of ``CARD.md`` of the model or of a version; None where there is none."""
        view = None if version is None else self.view(version)
        folder = self.model.folder if view is None else view.folder
        found = self.model.catalog.tree.read(f"{folder}/CARD.md", limit=_CARD_LIMIT)
        return None if found is None else found.decode("utf-8", "replace")


def _read_problem(model: ModelView) -> str:
    try:
        _ = model.data
    except InvalidManifestError as exc:
        return exc.message
    return ""


def find_version_problem(view: VersionView) -> str:
    """Why a version's record or status cannot be read; empty where they can."""
    try:
        _ = (view.data, view.state)
    except InvalidManifestError as exc:
        return exc.message
    return ""


def read_model(source: PageSource, name: ModelName) -> ModelReading:
    """Read a model, its versions and everything about them."""
    model = ModelView(source.catalog.apart(), name)
    row = model_row(model)
    return ModelReading(source, model, row, version_rows(model), source.moves_of(name))
