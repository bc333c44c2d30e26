"""Rules about team schemas: the free fields of models and versions match them, and they are bounded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final, NamedTuple
from weakref import WeakKeyDictionary

from registry_tool.catalog.catalog import Catalog, ModelView, VersionView
from registry_tool.checks.rule import (
    ModelRule,
    ModelUnderCheck,
    RegistryRule,
    RegistryView,
    Rule,
    Violation,
    format_name,
)
from registry_tool.manifests.data import Data, get, member, records, text
from registry_tool.manifests.document import READ_LIMIT
from registry_tool.manifests.layout import REGISTRY
from registry_tool.manifests.problems import JSON, JSONPath
from registry_tool.manifests.schema import Mismatch
from registry_tool.names import fold_task

__all__ = ["RULES"]


# After this many documents that exceeded a schema's limit of steps, the others are not tried: the verdict is the same.
_ENOUGH: Final = 3
_TOO_MANY: Final = 2 * _ENOUGH
_GIVEN_UP: Final[WeakKeyDictionary[Catalog, Counter[bytes]]] = WeakKeyDictionary()


class _Demand(NamedTuple):
    """One entry of ``metadata_schemas``: its number and data."""

    number: int
    data: Data


def _demands(model: ModelView, applies_to: str) -> list[_Demand]:
    """The entries that apply to this model, for any framework."""
    listed = records(model.catalog.settings, "metadata_schemas")
    task = "" if model.document is None else fold_task(text(model.document.data, "task"))
    return [
        _Demand(number, data)
        for number, data in enumerate(listed)
        if text(data, "applies_to") == applies_to
        and text(data, "namespace") in {"", model.name.namespace}
        and fold_task(text(data, "task")) in {"", task}
    ]


def _broken(demand: _Demand, reason: str) -> Violation:
    schema = text(demand.data, "schema")
    return Violation(
        f"{schema} cannot be used: {reason}",
        path=REGISTRY,
        at=("metadata_schemas", demand.number, "schema"),
        found=schema,
        expected="a JSON Schema without references to other documents",
        remedy=f"fix {schema}, or remove it from `metadata_schemas`",
    )


def _endless(demand: _Demand, reason: str, path: str) -> Violation:
    schema, field = text(demand.data, "schema"), text(demand.data, "field")
    return Violation(
        f"{field} cannot be validated by {schema}: {reason}",
        path=path,
        at=(field,),
        found=f"a {field} that is too large for this schema",
        expected="a document that the schema validates in a bounded number of steps",
        remedy=f"make {field} smaller, or simplify {schema}",
    )


def _validate(
    model: ModelView, demand: _Demand, value: JSON, path: str
) -> tuple[list[Mismatch], Violation | None]:
    """The mismatches of a value with a schema, or the reason why it cannot be validated."""
    from registry_tool.manifests.team_schema import (
        InvalidTeamSchemaError,
        TooManyStepsError,
        team_mismatches,
    )

    source = model.catalog.tree.read(text(demand.data, "schema"), limit=READ_LIMIT)
    if source is None:
        return [], _broken(demand, "the file does not exist")
    given_up = _GIVEN_UP.setdefault(model.catalog, Counter())
    in_all = given_up.total()
    # Many schemas that each exceed the limit a few times would slow a check down as much as one without a limit.
    if in_all >= _TOO_MANY or given_up[source] >= (1 if in_all >= _ENOUGH else _ENOUGH):
        return [], _endless(
            demand, f"schemas exceeded the limit of steps for {in_all} other documents", path
        )
    try:
        return team_mismatches(source, value), None
    except TooManyStepsError as exc:
        given_up[source] += 1
        return [], _endless(demand, str(exc), path)
    except InvalidTeamSchemaError as exc:
        return [], _broken(demand, str(exc))


def _hits(demand: _Demand, found: list[Mismatch], path: str) -> Iterator[Violation]:
    from registry_tool.manifests.messages import explain_mismatch
    from registry_tool.manifests.yaml.explain import Text

    schema, field = text(demand.data, "schema"), text(demand.data, "field")
    for mismatch in found:
        problem = explain_mismatch(mismatch._replace(path=(field, *mismatch.path)), Text())
        yield Violation(
            f"{problem.message} ({schema})",
            path=path,
            at=(field, *mismatch.path),
            found=problem.found,
            expected=problem.expected,
            remedy=f"write the value that {schema} requires; its owners can change it",
        )


def _plain(data: Data, field: str) -> JSON:
    value = get(data, field)
    return {} if value is None else value


def _in_model(model: ModelView) -> Iterator[Violation]:
    document = model.document
    if document is None or document.data is None:
        return
    for demand in _demands(model, "models"):
        value = _plain(document.data, text(demand.data, "field"))
        found, broken = _validate(model, demand, value, document.path)
        yield from [broken] if broken else _hits(demand, found, document.path)


def _in_version(version: VersionView, demand: _Demand) -> Iterator[Violation]:
    document = version.document
    if document is None or document.data is None:
        return
    framework = text(demand.data, "framework")
    if framework and framework != text(document.data, "framework", "type"):
        return
    field = text(demand.data, "field")
    value = _plain(document.data, field)
    found, broken = _validate(version.model, demand, value, document.path)
    if broken is not None:
        yield broken
        return
    yield from _hits(demand, found, document.path)
    over = version.metadata
    if field != "metadata" or over is None or over.data is None or "metadata" not in over.data:
        return
    merged: JSON = {**member(document.data, field), **member(over.data, field)}
    later, _ = _validate(version.model, demand, merged, over.path)
    yield from _hits(demand, [m for m in later if m not in found], over.path)


def meets_team_schemas(model: ModelUnderCheck) -> Iterator[Violation]:
    """Free fields must match the JSON Schemas that ``registry.yaml`` defines for them.

    A team agrees on the meaning of its ``metadata`` and ``parameters``, so that its own programs can rely on them. Of a
    version, the record is validated, and the record with ``metadata.yaml`` merged into it. A schema that is missing,
    invalid or refers to another document is a finding in ``registry.yaml``.

    How to fix: write the value that the schema requires, or change the schema.

    Example:
        ``schemas/speech.json`` requires ``sample_rate``, and version 4 has none under ``metadata``.
    """
    yield from _in_model(model)
    for demand in _demands(model, "versions"):
        for version in model.looked_at():
            yield from _in_version(version, demand)


def has_a_task_to_judge_by(model: ModelUnderCheck) -> Iterator[Violation]:
    """A model must have a task where a schema of its namespace is bound to one.

    ``metadata_schemas`` in ``registry.yaml`` may bind a schema to a task. A model without a task would avoid every such
    schema, without anyone deciding that. Elsewhere a task is optional.

    How to fix: write ``task`` into ``model.yaml``. Case, blanks, ``-`` and ``_`` make no difference: ``English ASR`` is the
    task ``english-asr`` of a schema.

    Example:
        ``registry.yaml`` binds ``schemas/speech.json`` to ``task: english-asr``, and a ``model.yaml`` has no ``task``.
    """
    document = model.document
    if document is None or document.data is None or text(document.data, "task"):
        return
    tasks = {
        text(data, "task"): None
        for data in records(model.catalog.settings, "metadata_schemas")
        if text(data, "task") and text(data, "namespace") in {"", model.name.namespace}
    }
    if tasks:
        yield Violation(
            f"{format_name(str(model.name))} has no task, and schemas of its namespace apply by task",
            path=document.path,
            found="no `task`",
            expected="a task; schemas apply to " + ", ".join(tasks),
            remedy="add a line `task: TASK` to model.yaml",
        )


def _named_schemas(registry: RegistryView) -> Iterator[tuple[str, bytes, dict[str, JSON]]]:
    """Each schema that ``metadata_schemas`` names and that can be read: path, source and data."""
    listed = records(registry.catalog.settings, "metadata_schemas")
    if not listed:
        return
    from registry_tool.manifests.team_schema import InvalidTeamSchemaError, load_team_schema

    for path in dict.fromkeys(text(data, "schema") for data in listed):
        source = registry.catalog.tree.read(path, limit=READ_LIMIT)
        if source is None:
            continue
        try:
            yield path, source, load_team_schema(source)
        except InvalidTeamSchemaError:
            continue  # M210 reports it


def _pointer(path: JSONPath) -> str:
    """A JSON pointer, https://www.rfc-editor.org/rfc/rfc6901."""
    return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in path)


def linear_patterns(registry: RegistryView) -> Iterator[Violation]:
    r"""The patterns of a team schema must run in linear time.

    Patterns with lookahead, lookbehind or back references can take practically forever on a text of forty characters.
    Published patterns of this kind are still used, with a limit on their steps.

    How to fix: write the pattern without ``(?=``, ``(?!``, ``(?<`` and ``\1``; often two patterns under ``allOf`` are
    equivalent.

    Example:
        ``"pattern": "^(?!.*--)[a-z-]+$"`` in ``schemas/speech.json``; use ``"not": {"pattern": "--"}``.
    """
    for path, source, schema in _named_schemas(registry):
        from registry_tool.manifests.patterns import InvalidPatternError, matcher
        from registry_tool.manifests.team_schema import list_patterns
        from registry_tool.manifests.yaml.explain import explain

        for pattern in list_patterns(schema):
            try:
                if matcher(pattern.text).is_linear:
                    continue
                reason = "uses lookaround or back references, which can run forever"
            except InvalidPatternError:
                reason = "is not a regular expression of ECMA-262"
            yield Violation(
                f"the pattern at {_pointer(pattern.path)} {reason}",
                path=path,
                place=explain(source).place(pattern.path),
                found=pattern.text,
                expected="a pattern without lookaround and back references",
                remedy='split it: several patterns under "allOf", or "not" with a pattern',
            )


def bounded_schemas(registry: RegistryView) -> Iterator[Violation]:
    """At most 1,000 parts of a team schema may validate one value.

    If each definition refers to the next one twice, thirty lines take practically forever; a schema that refers to
    itself for the same value never ends.

    How to fix: refer to a definition once, and recurse only into nested data, as the schema of a tree does.

    Example:
        ``"$defs": {"a": {"allOf": [{"$ref": "#/$defs/b"}, {"$ref": "#/$defs/b"}]}, "b": …}``, and so on to ``z``.
    """
    for path, _, schema in _named_schemas(registry):
        from registry_tool.manifests.team_schema import WIDTH, measure_width

        width = measure_width(schema)
        if width > WIDTH:
            found = "infinite recursion" if width == float("inf") else f"{width:,.0f} parts"
            yield Violation(
                f"more than {WIDTH:,} parts of the schema validate one value",
                path=path,
                place=(1, 1),
                found=found,
                expected=f"at most {WIDTH:,}",
                remedy="refer to each definition once: search the file for $ref under allOf and anyOf",
            )


RULES: tuple[Rule, ...] = (
    ModelRule("M210", "free fields match the team's schemas", "refuse", meets_team_schemas),
    ModelRule(
        "M220", "a model has a task where schemas apply by task", "refuse", has_a_task_to_judge_by
    ),
    RegistryRule("R315", "patterns of team schemas are linear", "refuse", linear_patterns),
    RegistryRule("R316", "team schemas are bounded", "refuse", bounded_schemas),
)
