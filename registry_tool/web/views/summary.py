"""What home, tables, timeline, health and feeds need of one model: small, and kept between builds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from registry_tool.manifests.data import text
from registry_tool.manifests.problems import JSON
from registry_tool.web.views.lineage import LineageEdge
from registry_tool.web.views.measured import Measurement, measure
from registry_tool.web.views.model import AliasHolder, ModelPageView
from registry_tool.web.views.moves import Tenure
from registry_tool.web.views.plain import plain_view
from registry_tool.web.views.reading import ModelReading, find_version_problem

__all__ = ["HolderSummary", "ModelSummary", "VersionConcern", "summarize_model"]

_LONGEST: Final = 300
_SIGNED: Final = "signature"
_GONE: Final = frozenset({"deprecated", "withdrawn", "deleted", "erased"})


@dataclass(frozen=True)
class HolderSummary:
    """An alias and the version that it points to.

    Attributes:
        alias: The alias.
        rank: ``production``, ``stage`` or ``alias``.
        version: The version.
        state: The version's state.
        since: When it was moved there; empty where that is not known.
        by: Who moved it.
        reason: Why.
        before: The version before; empty for none.
        metrics: Its first metrics; of the main stage compared with the version before.
        stage: The next stage; empty for none.
        passed: How many of its gates pass.
        gate_count: How many it has.
    """

    alias: str
    rank: str
    version: str
    state: str
    since: str
    by: str
    reason: str
    before: str
    metrics: tuple[Measurement, ...]
    stage: str
    passed: int
    gate_count: int


@dataclass(frozen=True)
class VersionConcern:
    """Something about a version that its owners should know.

    Attributes:
        version: The version; empty for the model itself.
        kind: ``unreadable``, ``unsigned``, ``deprecated``, ``withdrawn``, ``deleted`` or ``erased``.
        aliases: The aliases that point to it.
        detail: The reason or the problem.
    """

    version: str
    kind: str
    aliases: tuple[str, ...]
    detail: str


@dataclass(frozen=True)
class ModelSummary:
    """One model, in short.

    Attributes:
        model: ``namespace/model``.
        title: Its shown name.
        state: ``live``, ``archived``, ``deleted`` or ``unreadable``.
        task: What it does.
        owner: Who is responsible.
        description: The first 300 characters.
        labels: Sorted.
        framework: Of the newest version.
        version_count: How many versions it has.
        draft_count: How many drafts.
        latest: The version that ``latest`` names; empty for none.
        newest_at: When the newest version was made; empty for none.
        holders: The aliases with their versions, main stage first.
        tenures: Who held the aliases from when to when, by start.
        lineage: What the version in production, else the latest, was made from.
        lineage_version: That version.
        concerns: What ``health`` lists.
    """

    model: str
    title: str
    state: str
    task: str
    owner: str
    description: str
    labels: tuple[str, ...]
    framework: str
    version_count: int
    draft_count: int
    latest: str
    newest_at: str
    holders: tuple[HolderSummary, ...]
    tenures: tuple[Tenure, ...]
    lineage: tuple[LineageEdge, ...]
    lineage_version: str
    concerns: tuple[VersionConcern, ...]

    @property
    def namespace(self) -> str:
        """Its namespace."""
        return self.model.partition("/")[0]

    def to_json(self) -> JSON:
        """As plain data, for a file that the next build reads."""
        return plain_view(self)

    @classmethod
    def from_json(cls, data: Mapping[str, JSON]) -> ModelSummary:
        """What ``to_json`` wrote.

        Raises:
            TypeError: It is something else.
            KeyError: It is something else.
        """
        known = dict(data)
        parts = {
            "holders": tuple(map(_read_holder, _rows(known.pop("holders")))),
            "tenures": tuple(Tenure(**one) for one in _rows(known.pop("tenures"))),  # type: ignore[arg-type]  # as written
            "lineage": tuple(LineageEdge(**one) for one in _rows(known.pop("lineage"))),  # type: ignore[arg-type]  # as written
            "concerns": tuple(map(_read_concern, _rows(known.pop("concerns")))),
            "labels": tuple(map(str, _list(known.pop("labels")))),
        }
        return cls(**known, **parts)  # type: ignore[arg-type]  # as written


def _list(value: JSON) -> list[JSON]:
    if not isinstance(value, list):
        raise TypeError("a list is expected")
    return value


def _rows(value: JSON) -> list[dict[str, JSON]]:
    return [one for one in _list(value) if isinstance(one, dict)]


def _read_holder(data: dict[str, JSON]) -> HolderSummary:
    metrics = tuple(Measurement(**one) for one in _rows(data["metrics"]))  # type: ignore[arg-type]  # as written
    return HolderSummary(**{**data, "metrics": metrics})  # type: ignore[arg-type]  # as written


def _read_concern(data: dict[str, JSON]) -> VersionConcern:
    aliases = tuple(map(str, _list(data["aliases"])))
    return VersionConcern(**{**data, "aliases": aliases})  # type: ignore[arg-type]  # as written


def _summarize_holder(holder: AliasHolder, reading: ModelReading) -> HolderSummary:
    outlook, metrics = holder.outlook, holder.metrics[:2]
    before = reading.by_version.get(holder.before)
    if holder.rank == "production" and before is not None:
        row = reading.by_version[holder.version]
        keys = [one.key for one in metrics]
        metrics = measure(keys, row.metrics, before.metrics, reading.find_better)
    return HolderSummary(
        holder.alias, holder.rank, holder.version, holder.state, holder.since, holder.by,
        holder.reason, holder.before, metrics, "" if outlook is None else outlook.stage,
        0 if outlook is None else outlook.passed, 0 if outlook is None else len(outlook.gates),
    )  # fmt: skip


def _list_concerns(reading: ModelReading) -> tuple[VersionConcern, ...]:
    found = []
    if reading.problem:
        found.append(VersionConcern("", "unreadable", (), reading.problem))
    for alias, version in reading.alias_targets.items():
        if version not in reading.by_version:
            why = f"{alias} points to version {version}, which does not exist"
            found.append(VersionConcern("", "unreadable", (alias,), why))
    for row in reading.rows:
        view = reading.model.version(row.version)
        if view is None:
            continue
        if row.unreadable:
            problem = find_version_problem(view)
            found.append(VersionConcern(row.version, "unreadable", row.aliases, problem))
        if not row.aliases:
            continue
        if row.state in _GONE:
            status = None if view.status is None else view.status.data
            found.append(
                VersionConcern(row.version, row.state, row.aliases, text(status, "reason"))
            )
        if not any(text(one.data, "kind") == _SIGNED for one in view.evidence()):
            found.append(VersionConcern(row.version, "unsigned", row.aliases, ""))
    return tuple(found)


def summarize_model(reading: ModelReading, view: ModelPageView) -> ModelSummary:
    """The summary of a model, out of its reading and the view of its page."""
    newest = max((row.created_at for row in reading.rows), default="")
    short = view.description[:_LONGEST]
    return ModelSummary(
        model=view.model, title=view.title, state=view.state, task=view.task, owner=view.owner,
        description=short if short == view.description else f"{short.rstrip()}…",
        labels=view.labels, framework=view.framework, version_count=view.version_count,
        draft_count=view.draft_count, latest=view.latest, newest_at=newest,
        holders=tuple(_summarize_holder(one, reading) for one in view.holders if one.version in reading.by_version),
        tenures=reading.tenures, lineage=view.lineage, lineage_version=view.lineage_version,
        concerns=_list_concerns(reading),
    )  # fmt: skip
