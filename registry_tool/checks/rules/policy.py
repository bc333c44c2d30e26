"""The rule that asks a team's own JSON Schemas about the free fields of its models and versions."""

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
    named,
)
from registry_tool.manifests.data import Data, get, member, records, text
from registry_tool.manifests.document import READ_LIMIT
from registry_tool.manifests.layout import REGISTRY
from registry_tool.manifests.problems import JSON, JSONPath
from registry_tool.manifests.schema import Mismatch
from registry_tool.names import fold_task

__all__ = ["RULES"]


# After so many documents that a schema could not judge, the others are not tried: the verdict is the same, and sooner.
_ENOUGH: Final = 3
_TOO_MANY: Final = 2 * _ENOUGH
_GIVEN_UP: Final[WeakKeyDictionary[Catalog, Counter[bytes]]] = WeakKeyDictionary()


class _Demand(NamedTuple):
    """One entry of ``metadata_schemas``: its number and data."""

    number: int
    data: Data


def _demands(model: ModelView, applies_to: str) -> list[_Demand]:
    """The entries that hold for this model, whatever the framework."""
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
        expected="a JSON Schema that refers to no other document",
        remedy=f"mend {schema}, or take it out of `metadata_schemas`",
    )


def _endless(demand: _Demand, reason: str, path: str) -> Violation:
    schema, field = text(demand.data, "schema"), text(demand.data, "field")
    return Violation(
        f"{field} cannot be judged by {schema}: {reason}",
        path=path,
        at=(field,),
        found=f"a {field} that is too large for this schema",
        expected="a document that the schema judges in a bounded number of steps",
        remedy=f"make {field} smaller, or {schema} simpler",
    )


def _asked(
    model: ModelView, demand: _Demand, value: JSON, path: str
) -> tuple[list[Mismatch], Violation | None]:
    """What a schema finds in a value, or that it cannot be asked."""
    from registry_tool.manifests.team_schema import (
        InvalidTeamSchemaError,
        TooManyStepsError,
        team_mismatches,
    )

    source = model.catalog.tree.read(text(demand.data, "schema"), limit=READ_LIMIT)
    if source is None:
        return [], _broken(demand, "there is no such file")
    given_up = _GIVEN_UP.setdefault(model.catalog, Counter())
    in_all = given_up.total()
    # Many schemas that are each given up a few times keep a check as busy as one that is never given up.
    if in_all >= _TOO_MANY or given_up[source] >= (1 if in_all >= _ENOUGH else _ENOUGH):
        return [], _endless(demand, f"schemas were given up for {in_all} others", path)
    try:
        return team_mismatches(source, value), None
    except TooManyStepsError as exc:
        given_up[source] += 1
        return [], _endless(demand, str(exc), path)
    except InvalidTeamSchemaError as exc:
        return [], _broken(demand, str(exc))


def _hits(demand: _Demand, found: list[Mismatch], path: str) -> Iterator[Violation]:
    from registry_tool.manifests.messages import problem_of
    from registry_tool.manifests.yaml.explain import Text

    schema, field = text(demand.data, "schema"), text(demand.data, "field")
    for mismatch in found:
        problem = problem_of(mismatch._replace(path=(field, *mismatch.path)), Text())
        yield Violation(
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


def _in_model(model: ModelView) -> Iterator[Violation]:
    document = model.document
    if document is None or document.data is None:
        return
    for demand in _demands(model, "models"):
        value = _plain(document.data, text(demand.data, "field"))
        found, broken = _asked(model, demand, value, document.path)
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
    found, broken = _asked(version.model, demand, value, document.path)
    if broken is not None:
        yield broken
        return
    yield from _hits(demand, found, document.path)
    over = version.metadata
    if field != "metadata" or over is None or over.data is None or "metadata" not in over.data:
        return
    merged: JSON = {**member(document.data, field), **member(over.data, field)}
    later, _ = _asked(version.model, demand, merged, over.path)
    yield from _hits(demand, [m for m in later if m not in found], over.path)


def meets_team_schemas(model: ModelUnderCheck) -> Iterator[Violation]:
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


def has_a_task_to_judge_by(model: ModelUnderCheck) -> Iterator[Violation]:
    """A model must have a task where a schema of its namespace is bound to one.

    ``metadata_schemas`` in ``registry.yaml`` may bind a schema to a task. A model without a task would avoid every such
    schema, without anyone deciding that. Elsewhere a task is optional.

    Mend it: write ``task`` into ``model.yaml``. Case, blanks, ``-`` and ``_`` make no difference: ``English ASR`` is the
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
            f"{named(str(model.name))} has no task, and schemas of its namespace apply by task",
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
    from registry_tool.manifests.team_schema import InvalidTeamSchemaError, schema_of

    for path in dict.fromkeys(text(data, "schema") for data in listed):
        source = registry.catalog.tree.read(path, limit=READ_LIMIT)
        if source is None:
            continue
        try:
            yield path, source, schema_of(source)
        except InvalidTeamSchemaError:
            continue  # M210 says so


def _pointer(path: JSONPath) -> str:
    """A JSON pointer, https://www.rfc-editor.org/rfc/rfc6901."""
    return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in path)


def linear_patterns(registry: RegistryView) -> Iterator[Violation]:
    r"""The patterns of a team's schema must be such that their time grows with the text, and no faster.

    Patterns that look ahead or behind, or refer back to what they matched, can take longer than anybody waits for a
    text of forty characters. Such patterns that are published go on to be used, with a bound on their steps.

    Mend it: write the pattern without ``(?=``, ``(?!``, ``(?<`` and ``\1``; often two patterns under ``allOf`` say
    the same.

    Example:
        ``"pattern": "^(?!.*--)[a-z-]+$"`` in ``schemas/speech.json``; ``"not": {"pattern": "--"}`` says it too.
    """
    for path, source, schema in _named_schemas(registry):
        from registry_tool.manifests.patterns import InvalidPatternError, matcher
        from registry_tool.manifests.team_schema import patterns_of
        from registry_tool.manifests.yaml.explain import explain

        for pattern in patterns_of(schema):
            try:
                if matcher(pattern.text).is_linear:
                    continue
                reason = "looks around or back, which can take for ever"
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
    """At most 1,000 parts of a team's schema may look at one value.

    References that double, each to two more, make thirty lines take longer than anybody waits; a schema that refers
    to itself for the same value never ends.

    Mend it: refer to a definition once, and let references go down into the data, as those of a tree do.

    Example:
        ``"$defs": {"a": {"allOf": [{"$ref": "#/$defs/b"}, {"$ref": "#/$defs/b"}]}, "b": …}``, and so on to ``z``.
    """
    for path, _, schema in _named_schemas(registry):
        from registry_tool.manifests.team_schema import WIDTH, width_of

        width = width_of(schema)
        if width > WIDTH:
            found = "no end" if width == float("inf") else f"{width:,.0f} parts"
            yield Violation(
                f"more than {WIDTH:,} parts of the schema look at one value",
                path=path,
                place=(1, 1),
                found=found,
                expected=f"at most {WIDTH:,}",
                remedy="refer to each definition once: open the file and look for $ref under allOf and anyOf",
            )


RULES: tuple[Rule, ...] = (
    ModelRule("M210", "free fields meet the team's schemas", "refuse", meets_team_schemas),
    ModelRule(
        "M220", "a model has a task where schemas apply by task", "refuse", has_a_task_to_judge_by
    ),
    RegistryRule("R315", "patterns of team schemas are linear", "refuse", linear_patterns),
    RegistryRule("R316", "team schemas are bounded", "refuse", bounded_schemas),
)
