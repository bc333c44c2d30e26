"""Waivers: one rule, for one subject, until an expiry date. They are read from the published state, never from the change.

So a change cannot waive its own findings: a waiver is merged first, where reviewers see it. A waived finding becomes a
warning that names the waiver; if a waiver has no effect, the finding says why.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from registry_tool.catalog.catalog import Catalog
from registry_tool.checks.findings import Finding
from registry_tool.errors import InvalidNameError
from registry_tool.manifests.data import text
from registry_tool.manifests.layout import REGISTRY, WAIVERS, Layout, Place
from registry_tool.names import Reference

__all__ = ["NEVER", "Waiver", "apply_waivers", "covers", "list_waivers"]

# Rules about changes of policy cannot be waived, and neither can findings in the policy's own files.
NEVER: Final = frozenset({"C409", "C410", "C416", "F116", "R301"})
_OWN: Final = (REGISTRY, f"{WAIVERS}/")


class Waiver(NamedTuple):
    """One waiver.

    Attributes:
        path: Its file.
        rule: The rule's id.
        subject: A path, or a reference to a model or a version.
        expires: The last day on which it is valid.
        approved_by: The person who approved it.
    """

    path: str
    rule: str
    subject: str
    expires: dt.date
    approved_by: str


def list_waivers(catalog: Catalog) -> Iterator[Waiver]:
    """The waivers of a tree, expired ones included; those that cannot be read are left out."""
    for name in sorted(catalog.tree.folder(WAIVERS)):
        path = f"{WAIVERS}/{name}"
        place = catalog.layout.locate(path)
        document = None if place is None else catalog.document(path, place)
        if document is None or document.data is None:
            continue
        data = document.data
        try:
            expires = dt.date.fromisoformat(text(data, "expires"))
        except ValueError:
            continue  # 2026-02-30: F103 reports it
        yield Waiver(
            path, text(data, "rule"), text(data, "subject"), expires, text(data, "approved_by")
        )


def _is_about(place: Place, reference: Reference, *, whole: bool) -> bool:
    """True for the files of a version; for those of a model, without its versions."""
    if place.model != reference.model:
        return False
    return place.version is None if whole else place.version == reference.selector


def covers(waiver: Waiver, finding: Finding, layout: Layout) -> bool:
    """True when a waiver covers a finding: its rule, and its path or the version or model that contains it."""
    if waiver.rule != finding.rule or waiver.rule in NEVER or finding.path.startswith(_OWN):
        return False
    if waiver.subject == finding.path:
        return True
    place = layout.locate(finding.path)
    if place is None:
        return False
    try:
        reference = Reference.parse(waiver.subject)
    except InvalidNameError:
        return False
    return _is_about(place, reference, whole="@" not in waiver.subject)


def _add_words(finding: Finding, words: str) -> Finding:
    return finding._replace(message=f"{finding.message} ({words})")


def _without(
    finding: Finding, published: list[Waiver], layout: Layout, new: list[Waiver]
) -> Finding:
    """A finding that is not waived, with the reason why a waiver that seems to cover it has no effect."""
    for waiver in published:
        if covers(waiver, finding, layout):
            return _add_words(finding, f"the waiver {waiver.path} expired on {waiver.expires}")
    for waiver in new:
        if covers(waiver, finding, layout):
            return _add_words(
                finding, f"{waiver.path} has no effect until it is merged in a separate change"
            )
    return finding


def apply_waivers(
    findings: Iterable[Finding], policy: Catalog, head: Catalog, today: dt.date
) -> Iterator[Finding]:
    """The findings; those that a waiver covers become warnings that name it.

    Args:
        findings: What the rules found.
        policy: What is published: its waivers count.
        head: What is judged: its waivers do not count, and findings say so.
        today: The day in UTC; a waiver holds on the day it expires.
    """
    published: list[Waiver] | None = None
    for finding in findings:
        if finding.severity == "warn":
            yield finding
            continue
        if published is None:
            published, new = list(list_waivers(policy)), list(list_waivers(head))
        found = next(
            (w for w in published if w.expires >= today and covers(w, finding, policy.layout)), None
        )
        if found is None:
            yield _without(finding, published, policy.layout, new)
        else:
            words = f"waived until {found.expires} by {found.approved_by}: {found.path}"
            yield _add_words(finding._replace(severity="warn"), words)
