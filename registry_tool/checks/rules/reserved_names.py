"""Rules about reserved names: those of stages, and those of future versions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from registry_tool.catalog.catalog import Catalog, ModelView
from registry_tool.catalog.stage_names import is_gated, stages_written
from registry_tool.checks.rule import (
    ChangeRule,
    ChangeView,
    Located,
    ModelRule,
    Rule,
    Violation,
    format_name,
)
from registry_tool.manifests.data import Data, member
from registry_tool.manifests.layout import REGISTRY, Place
from registry_tool.names import ModelName, fold
from registry_tool.versioning import looks_like_version

__all__ = ["RULES"]


class _Reserved(NamedTuple):
    """A reserved name that is in use.

    Attributes:
        kind: What uses it: ``tag``, ``alias`` or ``version``.
        name: The name.
        path: The file that defines it.
        why: What the name is reserved for.
    """

    kind: str
    name: str
    path: str
    why: str


def _why(model: ModelView, kind: str, name: str, stages: Mapping[str, Data]) -> str:
    """What a name is reserved for; empty for a free one, and for an alias of a stage."""
    if kind != "alias" and fold(name) in stages:
        return "is the name of a stage, which only an alias may have"
    if kind != "version" and looks_like_version(model.scheme, name):
        return f"has the form of a version of the scheme {model.scheme}"
    return ""


def _record_path(model: ModelView, version: str) -> str:
    return f"{model.folder}/{'drafts' if version in model.drafts else 'versions'}/{version}/version.yaml"


def _list_reserved(model: ModelView) -> Iterator[_Reserved]:
    """The names of a model that are reserved for something else."""
    catalog, layout = model.catalog, model.catalog.layout
    stages = stages_written(catalog, model.name.namespace)
    # In the other schemes a version with the name of a stage violates the scheme.
    is_free = model.scheme == "free" and bool(stages)
    versions = [*model.versions, *model.drafts] if is_free else []
    for kind, names, path_of in (
        ("tag", model.tags, layout.tag),
        ("alias", model.aliases, layout.alias),
        ("version", versions, lambda _, v: _record_path(model, v)),
    ):
        for name in names:
            why = _why(model, kind, name, stages)
            # M205 reports a tag or alias that is a version as well.
            if why and (kind == "version" or fold(name) not in map(fold, model.versions)):
                yield _Reserved(kind, name, path_of(model.name, name), why)


def _way_out(model: ModelView, one: _Reserved) -> str:
    """How to use a model with a published name that is reserved: it is permanent."""
    subject = format_name(str(model.name))
    if one.kind == "version":
        return f"refer to it as {subject}@{one.name}, and rename the stage"
    if one.kind == "alias":
        return f"set another alias; then: registry alias rm {subject} {format_name(one.name)}"
    if fold(one.name) in stages_written(model.catalog, model.name.namespace):
        return f"refer to the version by its number, and rename the stage: `registry show {subject}` lists both"
    return f"refer to the version by its number; `registry version add {subject}` skips {format_name(one.name)}"


def reserved_names_are_known(model: ModelView) -> Iterator[Violation]:
    """No tag or version should have the name of a stage, and no tag or alias the form of a version.

    A stage is an alias with gates, and users of ``lang-id@production`` rely on them. A tag of that name bypasses them, so
    it does not resolve while the stage has gates. Users take a tag that looks like a version for one, and the next version
    skips its number. Names that were published before this rule stay valid and keep their meaning; C419 refuses new ones.

    How to fix: refer to the version by its own name, and rename the stage if the model needs it.

    Example:
        ``tags/production.yaml`` in a registry whose ``registry.yaml`` defines the stage ``production``.
    """
    for one in _list_reserved(model):
        yield Violation(
            f"{one.kind} {format_name(one.name)} of {format_name(str(model.name))} {one.why}",
            path=one.path,
            place=(1, 1),
            expected="a name that is not reserved",
            remedy=_way_out(model, one),
        )


def _stages(view: ChangeView, namespace: str) -> dict[str, Data]:
    """The stages before and after a change: neither side bypasses the other."""
    return {**stages_written(view.base, namespace), **stages_written(view.head, namespace)}


def _check_name(view: ChangeView, change: Located, place: Place) -> Iterator[Violation]:
    """Find errors of one name that a change adds."""
    model = None if place.model is None else view.head.model(place.model)
    if model is None or place.model is None:
        return
    name = place.version or place.name
    why = _why(model, place.kind, name, _stages(view, place.model.namespace))
    if why:
        yield Violation(
            f"{place.kind} {format_name(name)} of {format_name(str(place.model))} {why}",
            path=change.path,
            place=(1, 1),
            expected="a name that is not reserved",
            remedy=f"choose another name for the {place.kind}",
        )


class _Defined(NamedTuple):
    """A stage that a change defines, or adds its first gates to."""

    name: str
    gated: bool


def _list_defined(before: Mapping[str, Data], after: Mapping[str, Data]) -> Iterator[_Defined]:
    for name, stage in after.items():
        old = before.get(name)
        if old is None or (is_gated(stage) and not is_gated(old)):
            yield _Defined(name, is_gated(stage))


def _holder(model: ModelView, stage: str) -> str:
    """What has the name of a stage in a model, in words; empty for none, or an alias."""
    if model.catalog.tree.entry(model.catalog.layout.tag(model.name, stage)) is not None:
        return "a tag"
    if model.scheme == "free" and stage in map(fold, [*model.versions, *model.drafts]):
        return "a version"
    return ""


def _unusable(
    head: Catalog, path: str, stage: str, models: list[ModelName], scheme: str
) -> Iterator[Violation]:
    """Find errors of the name of one new stage."""
    at, remedy = ("stages", stage), "choose another name for the stage"
    if looks_like_version(scheme, stage):
        yield Violation(
            f"the name of stage {format_name(stage)} has the form of a version of the scheme {scheme}",
            path=path,
            at=at,
            remedy=remedy,
        )
        return
    for name in models:
        model = head.model(name)
        if model is not None and (holder := _holder(model, stage)):
            yield Violation(
                f"stage {format_name(stage)} cannot be used: {format_name(str(name))} has {holder} of that name",
                path=path,
                at=at,
                expected="a name that is not used by a tag or version",
                remedy=remedy,
            )
            return


def _definitions(view: ChangeView, change: Located) -> Iterator[Violation]:
    """Find errors of the stages that one manifest defines."""
    place = change.place
    if place is None or change.removed:
        return
    if place.kind == "namespace":
        before, after = (stages_written(c, place.name) for c in (view.base, view.head))
        models = view.head.model_names(place.name)
    else:
        before, after = (
            {name: member(stages, name) for name in stages}
            for stages in (member(c.settings, "stages") for c in (view.base, view.head))
        )
        models = view.head.model_names()
    found = list(_list_defined(before, after))
    names = list(models) if found else []
    for stage in found:
        yield from _unusable(view.head, change.path, stage.name, names, view.head.scheme)


def reserved_names_stay_free(view: ChangeView) -> Iterator[Violation]:
    """A change must not add a tag or version with the name of a stage, a tag or alias like a version, or a stage with a used name.

    Names of stages, in ``registry.yaml`` and in ``namespace.yaml``, are reserved for aliases, also before an alias is set:
    otherwise a tag ``production`` would bypass the gates. Names in the form of a version are reserved for versions: digits
    for the scheme ``integer``, and the forms of ``semver`` or ``calver``. A new stage must not have the name of a published
    tag either. M219 reports names that are already published.

    How to fix: choose another name, such as ``v4`` for the tag ``4``, or ``live`` for the stage ``production``.

    Example:
        a pull request adds ``tags/production.yaml`` to a model, and ``registry.yaml`` has the stage ``production``.
    """
    for change in view.changes:
        place = change.place
        if change.path == REGISTRY or (place is not None and place.kind == "namespace"):
            yield from _definitions(view, change)
        elif change.added and place is not None and place.kind in {"tag", "alias", "version"}:
            yield from _check_name(view, change, place)


RULES: tuple[Rule, ...] = (
    ModelRule("M219", "reserved names are not used", "warn", reserved_names_are_known),
    ChangeRule("C419", "no change uses reserved names", "refuse", reserved_names_stay_free),
)
