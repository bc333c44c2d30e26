"""What owners should look at: findings, waivers and their ends, versions in use that are unsigned, deprecated or gone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from registry_tool.checks.findings import Finding, Report
from registry_tool.checks.waivers import list_waivers
from registry_tool.web.views.people import name_person
from registry_tool.web.views.source import PageSource
from registry_tool.web.views.summary import ModelSummary, VersionConcern

__all__ = ["ConcernLine", "HealthView", "WaiverLine", "view_health"]

_MOST: Final = 200
_SOON: Final = 14


@dataclass(frozen=True)
class ConcernLine:
    """A concern about a model."""

    model: str
    concern: VersionConcern


@dataclass(frozen=True)
class WaiverLine:
    """A waiver.

    Attributes:
        path: Its file.
        rule: The rule that it waives.
        subject: What it covers.
        expires: Its last day.
        approved_by: Who approved it.
        days: How many days are left at the commit's time; negative for one that expired.
        state: ``expired``, ``soon`` within two weeks, or ``valid``.
    """

    path: str
    rule: str
    subject: str
    expires: str
    approved_by: str
    days: int
    state: str


@dataclass(frozen=True)
class HealthView:
    """The page.

    Attributes:
        verdict: ``pass``, ``review`` or ``refuse``; empty where the registry was not checked.
        findings: At most 200.
        finding_count: How many there are.
        unreadable: Models and versions whose record cannot be read.
        gone: Versions that are deprecated, withdrawn, deleted or erased, and that aliases point to.
        unsigned: Versions that aliases point to and that have no signature.
        unsigned_count: How many there are; at most 200 are listed.
        waivers: By their last day.
        missing_history: Why the history is incomplete; empty where it is not.
        time: The commit's time.
    """

    verdict: str
    findings: tuple[Finding, ...]
    finding_count: int
    unreadable: tuple[ConcernLine, ...]
    gone: tuple[ConcernLine, ...]
    unsigned: tuple[ConcernLine, ...]
    unsigned_count: int
    waivers: tuple[WaiverLine, ...]
    missing_history: str
    time: str


def _list_waivers(source: PageSource) -> tuple[WaiverLine, ...]:
    today = source.time.date()
    found = []
    for one in list_waivers(source.catalog):
        days = (one.expires - today).days
        state = "expired" if days < 0 else "soon" if days <= _SOON else "valid"
        found.append(
            WaiverLine(
                one.path, one.rule, one.subject, one.expires.isoformat(), name_person(one.approved_by),
                days, state,
            )
        )  # fmt: skip
    return tuple(sorted(found, key=lambda one: (one.expires, one.path)))


def view_health(
    source: PageSource, summaries: Sequence[ModelSummary], report: Report | None
) -> HealthView:
    """The view of the page; ``report`` is what a check of the commit found, None where none was made."""
    concerns = [
        ConcernLine(one.model, concern)
        for one in summaries
        if one.state != "deleted"
        for concern in one.concerns
    ]
    unsigned = [one for one in concerns if one.concern.kind == "unsigned"]
    unreadable = [one for one in concerns if one.concern.kind == "unreadable"]
    gone = [one for one in concerns if one.concern.kind not in {"unsigned", "unreadable"}]
    findings = () if report is None else report.findings
    return HealthView(
        "" if report is None else report.verdict, findings[:_MOST], len(findings),
        tuple(unreadable), tuple(gone), tuple(unsigned[:_MOST]), len(unsigned), _list_waivers(source),
        source.moves.missing, source.moment,
    )  # fmt: skip
