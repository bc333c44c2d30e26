"""The rule that asks a team's own JSON Schemas about the free fields of its models and versions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from registry_tool.catalog.index import ModelView, VersionView
from registry_tool.checks.rule import Hit, ModelRule, ModelUnderCheck, Rule
from registry_tool.manifests.data import Data, get, member, records, text
from registry_tool.manifests.document import READ_LIMIT
from registry_tool.manifests.layout import REGISTRY
from registry_tool.manifests.problems import JSON
from registry_tool.manifests.schema import BrokenSchema, Mismatch, team_mismatches

__all__ = ["RULES"]


class _Demand(NamedTuple):
    """One entry of ``metadata_schemas``: its number and data."""

    number: int
    data: Data


def _demands(model: ModelView, applies_to: str) -> list[_Demand]:
    """The entries that hold for this model, whatever the framework."""
    listed = records(model.catalog.settings, "metadata_schemas")
    task = "" if model.document is None else text(model.document.data, "task")
    return [
        _Demand(number, data)
        for number, data in enumerate(listed)
        if text(data, "applies_to") == applies_to
        and text(data, "namespace") in {"", model.name.namespace}
        and text(data, "task") in {"", task}
    ]


def _broken(demand: _Demand, reason: str) -> Hit:
    schema = text(demand.data, "schema")
    return Hit(
        f"{schema} cannot be used: {reason}",
        path=REGISTRY,
        at=("metadata_schemas", demand.number, "schema"),
        found=schema,
        expected="a JSON Schema that refers to no other document",
        remedy=f"mend {schema}, or take it out of `metadata_schemas`",
    )


def _asked(model: ModelView, demand: _Demand, value: JSON) -> tuple[list[Mismatch], Hit | None]:
    """What a schema finds in a value, or that it cannot be asked."""
    source = model.catalog.tree.read(text(demand.data, "schema"), limit=READ_LIMIT)
    if source is None:
        return [], _broken(demand, "there is no such file")
    try:
        return team_mismatches(source, value), None
    except BrokenSchema as exc:
        return [], _broken(demand, str(exc))


def _hits(demand: _Demand, found: list[Mismatch], path: str) -> Iterator[Hit]:
    from registry_tool.manifests.explain import Text
    from registry_tool.manifests.words import problem_of

    schema, field = text(demand.data, "schema"), text(demand.data, "field")
    for mismatch in found:
        problem = problem_of(mismatch._replace(path=(field, *mismatch.path)), Text())
        yield Hit(
            f"{problem.message} ({schema})",
            path=path,
            at=(field, *mismatch.path),
            found=problem.found,
            expected=problem.expected,
            remedy=f"write what {schema} asks for; the team that owns it can change it",
        )


def _plain(data: Data, field: str) -> JSON:
    value = get(data, field)
    return {} if value is None else value


def _in_model(model: ModelView) -> Iterator[Hit]:
    document = model.document
    if document is None or document.data is None:
        return
    for demand in _demands(model, "models"):
        value = _plain(document.data, text(demand.data, "field"))
        found, broken = _asked(model, demand, value)
        yield from [broken] if broken else _hits(demand, found, document.path)


def _in_version(version: VersionView, demand: _Demand) -> Iterator[Hit]:
    document = version.document
    if document is None or document.data is None:
        return
    framework = text(demand.data, "framework")
    if framework and framework != text(document.data, "framework", "type"):
        return
    field = text(demand.data, "field")
    value = _plain(document.data, field)
    found, broken = _asked(version.model, demand, value)
    if broken is not None:
        yield broken
        return
    yield from _hits(demand, found, document.path)
    over = version.metadata
    if field != "metadata" or over is None or over.data is None or "metadata" not in over.data:
        return
    merged: JSON = {**member(document.data, field), **member(over.data, field)}
    later, _ = _asked(version.model, demand, merged)
    yield from _hits(demand, [m for m in later if m not in found], over.path)


def meets_team_schemas(model: ModelUnderCheck) -> Iterator[Hit]:
    """Free fields must meet the JSON Schemas that ``registry.yaml`` names for them.

    A team agrees on what its ``metadata`` and ``parameters`` mean, so that its own programs can rely on them. Of a
    version the record is asked, and the record with ``metadata.yaml`` laid over it. A schema that is missing, broken
    or refers to another document is a finding of ``registry.yaml``.

    Mend it: write what the schema asks for, or change the schema.

    Example:
        ``schemas/speech.json`` requires ``sample_rate``, and version 4 has none under ``metadata``.
    """
    yield from _in_model(model)
    for demand in _demands(model, "versions"):
        for version in model.looked_at():
            yield from _in_version(version, demand)


RULES: tuple[Rule, ...] = (
    ModelRule("M210", "free fields meet the team's schemas", "refuse", meets_team_schemas),
)
