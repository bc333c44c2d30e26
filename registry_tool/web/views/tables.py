"""Tables of models, fifty a page: of the registry and of its namespaces."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from registry_tool.manifests.data import text, texts
from registry_tool.web.views.home import list_namespaces
from registry_tool.web.views.measured import Measurement
from registry_tool.web.views.source import PageSource
from registry_tool.web.views.summary import ModelSummary

__all__ = [
    "Facet",
    "ModelLine",
    "ModelsView",
    "NamespaceView",
    "count_pages",
    "view_models",
    "view_namespace",
]

PAGE_SIZE: Final = 50
_MOST_VALUES: Final = 12


@dataclass(frozen=True)
class ModelLine:
    """A model in a table.

    Attributes:
        model: ``namespace/model``.
        title: Its title; empty where it is shown by its name.
        state: ``live``, ``archived``, ``deleted`` or ``unreadable``.
        task: What it does.
        owner: Who is responsible.
        framework: Of the newest version.
        labels: Sorted.
        version_count: How many versions it has.
        latest: The version that ``latest`` names; empty for none.
        aliases: Each alias with its rank and version, main stage first.
        metrics: The first metrics of the version in the main stage.
    """

    model: str
    title: str
    state: str
    task: str
    owner: str
    framework: str
    labels: tuple[str, ...]
    version_count: int
    latest: str
    aliases: tuple[tuple[str, str, str], ...]
    metrics: tuple[Measurement, ...]


@dataclass(frozen=True)
class Facet:
    """Values of a field, by how many models have them.

    Attributes:
        name: The field, as a query filters by it.
        values: The most frequent values, with their counts and with the query that finds them.
        more: How many values are left out.
    """

    name: str
    values: tuple[tuple[str, int, str], ...]
    more: int


@dataclass(frozen=True)
class ModelsView:
    """A page of all models."""

    page: int
    page_count: int
    model_count: int
    deleted_count: int
    models: tuple[ModelLine, ...]
    facets: tuple[Facet, ...]


@dataclass(frozen=True)
class NamespaceView:
    """A page of the models of a namespace."""

    namespace: str
    title: str
    description: str
    owners: tuple[str, ...]
    problem: str
    page: int
    page_count: int
    model_count: int
    production_count: int
    models: tuple[ModelLine, ...]


def _line(summary: ModelSummary) -> ModelLine:
    name = summary.model.partition("/")[2]
    main = next((one for one in summary.holders if one.rank == "production"), None)
    return ModelLine(
        summary.model, "" if summary.title == name else summary.title, summary.state, summary.task,
        summary.owner, summary.framework, summary.labels, summary.version_count, summary.latest,
        tuple((one.alias, one.rank, one.version) for one in summary.holders),
        () if main is None else main.metrics[:1],
    )  # fmt: skip


def _write_query(field: str, value: str) -> str:
    """A term of the query language; empty for a value that it cannot write."""
    if any(character in value for character in '",*'):
        return ""
    return f'{field}:"{value}"' if any(map(str.isspace, value)) else f"{field}:{value}"


def _facet(name: str, values: Iterable[str]) -> Facet | None:
    counts = Counter(filter(None, values))
    if not counts:
        return None
    ordered = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    shown = tuple(
        (value, count, _write_query(name, value)) for value, count in ordered[:_MOST_VALUES]
    )
    return Facet(name, shown, max(0, len(ordered) - _MOST_VALUES))


def _list_facets(summaries: Sequence[ModelSummary]) -> tuple[Facet, ...]:
    found = (
        _facet("task", (one.task for one in summaries)),
        _facet("owner", (one.owner for one in summaries)),
        _facet("framework", (one.framework for one in summaries)),
        _facet("label", (label for one in summaries for label in one.labels)),
        _facet("alias", (h.alias for one in summaries for h in one.holders)),
    )
    return tuple(one for one in found if one is not None)


def _cut(lines: Sequence[ModelSummary], page: int) -> tuple[ModelLine, ...]:
    return tuple(map(_line, lines[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]))


def count_pages(count: int) -> int:
    """How many pages of fifty there are; one at least."""
    return max(1, -(-count // PAGE_SIZE))


def view_models(summaries: Sequence[ModelSummary], page: int) -> ModelsView:
    """A page of the table of all models, from 1; deleted ones are counted."""
    live = [one for one in summaries if one.state != "deleted"]
    return ModelsView(
        page, count_pages(len(live)), len(live), len(summaries) - len(live), _cut(live, page),
        _list_facets(live) if page == 1 else (),
    )  # fmt: skip


def view_namespace(
    source: PageSource, namespace: str, summaries: Sequence[ModelSummary], page: int
) -> NamespaceView:
    """A page of the models of a namespace, from 1."""
    own = [one for one in summaries if one.namespace == namespace and one.state != "deleted"]
    document = source.catalog.namespace(namespace)
    data = None if document is None else document.data
    problem = ""
    if document is not None and data is None:
        first = document.problems[0]
        problem = f"{document.path}:{first.line}: {first.message}"
    line = next(one for one in list_namespaces(source, own) if one.name == namespace)
    return NamespaceView(
        namespace, source.catalog.namespace_title(namespace) or namespace, text(data, "description"),
        tuple(texts(data, "owners")), problem, page, count_pages(len(own)), len(own),
        line.production_count, _cut(own, page),
    )  # fmt: skip
