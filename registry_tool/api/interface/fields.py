"""The table of fields of models and versions, and the values that schemas allow."""

from __future__ import annotations

from registry_tool.catalog.search.query import FILTERS, VERSION_FILTERS
from registry_tool.manifests.fields import MODEL_FIELDS, VERSION_FIELDS, Field, Option
from registry_tool.manifests.schema import allowed_values

__all__ = [
    "FILTERS",
    "MODEL_FIELDS",
    "VERSION_FIELDS",
    "VERSION_FILTERS",
    "Field",
    "Option",
    "allowed_values",
]
