"""The search page: what the browser needs to search."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

from registry_tool.catalog.search.query import FILTERS

__all__ = ["SearchExample", "SearchPageView", "view_search"]


class SearchExample(NamedTuple):
    """A query to begin with.

    Attributes:
        query: The query.
        finds: What it finds.
    """

    query: str
    finds: str


@dataclass(frozen=True)
class SearchPageView:
    """The search page.

    Attributes:
        manifest: The file that names the shards, from the top of the site.
        filters: The words before the colon of a filter.
        examples: Queries to begin with.
    """

    manifest: str
    filters: tuple[str, ...]
    examples: tuple[SearchExample, ...]


_EXAMPLES: Final = (
    SearchExample("language", "models with the word in a name, task, description, label or metadata"),
    SearchExample("label:edge accuracy>=0.9", "versions with the label whose last accuracy is at least 0.9"),
    SearchExample("alias:production framework:onnx", "versions in production that are of the framework"),
    SearchExample("owner:@acme/speech state:deprecated", "deprecated versions of an owner's models"),
    SearchExample('"F1 (macro)">=0.8', "quotes keep blanks and brackets in a name"),
)  # fmt: skip


def view_search(manifest: str) -> SearchPageView:
    """The page over the shards of a manifest."""
    return SearchPageView(manifest, FILTERS, _EXAMPLES)
