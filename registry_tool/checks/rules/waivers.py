"""Rules about waivers: their subject exists, their name says what they waive, and they expire."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from typing import Final

from registry_tool.catalog.catalog import Catalog
from registry_tool.checks.rule import (
    ChangeRule,
    ChangeView,
    RegistryRule,
    RegistryView,
    Rule,
    Violation,
    format_name,
    removal,
)
from registry_tool.checks.waivers import NEVER, Waiver, list_waivers
from registry_tool.errors import InvalidNameError
from registry_tool.manifests.layout import WAIVERS
from registry_tool.names import Reference

__all__ = ["RULES"]

_LONGEST: Final = dt.timedelta(days=180)
_SOON: Final = dt.timedelta(days=14)
_NAME: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}-([a-z][0-9]{3})-.+\.yaml")
_SUBJECT: Final = "a file, NAMESPACE/MODEL@VERSION, or NAMESPACE/MODEL"


def _explain_lost(catalog: Catalog, subject: str) -> str:
    """Why a subject is invalid, in words; empty where it is valid."""
    entry = None if subject.startswith("/") else catalog.tree.entry(subject)
    if entry is not None:
        return "which is a folder" if entry.is_folder else ""
    try:
        reference = Reference.parse(subject)
    except InvalidNameError:
        return "which is not a file in the registry"
    model = catalog.model(reference.model)
    if model is None:
        return "which is not a file or model in the registry"
    selector = reference.selector
    if "@" in subject and model.version(selector) is None and model.draft(selector) is None:
        return f"but {reference.model} has no version {selector}"
    return ""


def waivers_hold(view: RegistryView) -> Iterator[Violation]:
    """A waiver should be valid, and its subject should exist.

    An expired waiver, or one without a subject, has no effect, which misleads readers. Only a check of the whole registry
    reports this, such as the nightly one.

    How to fix: delete the file; it stays in Git's history.

    Example:
        ``expires: 2026-11-01``, which was three weeks ago.
    """
    for waiver in list_waivers(view.catalog) if view.complete else ():
        lost = _explain_lost(view.catalog, waiver.subject)
        if waiver.expires < view.now.date():
            at, words = "expires", f"expired on {waiver.expires}"
        elif lost:
            at, words = "subject", f"names {format_name(waiver.subject)}, {lost}"
        else:
            continue
        yield Violation(
            f"the waiver of {waiver.rule} {words}",
            path=waiver.path,
            at=(at,),
            expected="a valid waiver of an existing subject",
            remedy=removal(waiver.path),
        )


def waivers_expire(view: RegistryView) -> Iterator[Violation]:
    """A waiver that expires within two weeks should be replaced by a fix.

    Only a check of the whole registry reports this, such as the nightly one, while there is still time for a fix.

    How to fix: fix the waived finding and delete the file; or propose a later date, which an owner of the registry reviews.

    Example:
        ``expires: 2026-12-01``, which is in ten days.
    """
    today = view.now.date()
    for waiver in list_waivers(view.catalog) if view.complete else ():
        left = waiver.expires - today
        if dt.timedelta(0) <= left <= _SOON:
            days = "today" if not left.days else f"in {left.days} day{'s' * (left.days > 1)}"
            yield Violation(
                f"the waiver of {waiver.rule} for {format_name(waiver.subject)} expires {days}",
                path=waiver.path,
                at=("expires",),
                found=str(waiver.expires),
                expected=f"no finding of {waiver.rule} by then",
                remedy=f"fix the finding; then: {removal(waiver.path)}",
            )


def _objections(view: ChangeView, waiver: Waiver) -> Iterator[tuple[str, str, str]]:
    """The errors of a new waiver: the field, a message, and the expected value."""
    today = view.now.date()
    if waiver.rule not in view.rule_ids():
        yield "rule", f"rule {waiver.rule} does not exist", "a rule that `registry rules` lists"
    elif waiver.rule in NEVER:
        yield "rule", f"{waiver.rule} cannot be waived", "another rule"
    # The waived file may be added later.
    if view.base.layout.locate(waiver.subject) is None and (
        lost := _explain_lost(view.head, waiver.subject)
    ):
        yield "subject", f"the waiver names {format_name(waiver.subject)}, {lost}", _SUBJECT
    if waiver.expires < today:
        yield "expires", f"the waiver expired on {waiver.expires}", f"{today} or later"
    elif waiver.expires > today + _LONGEST:
        last = today + _LONGEST
        yield "expires", f"the waiver lasts longer than {_LONGEST.days} days", f"{last} or earlier"
    name = _NAME.fullmatch(waiver.path.removeprefix(f"{WAIVERS}/"))
    if name is None or name[1] != waiver.rule.lower():
        wanted = f"{today}-{waiver.rule.lower()}-SLUG.yaml"
        yield "rule", f"the file name does not say that it waives {waiver.rule}", wanted


def waivers_are_narrow(view: ChangeView) -> Iterator[Violation]:
    """A new or edited waiver must be for one rule and one existing subject, and expire within 180 days.

    The subject is a file, a version as ``NAMESPACE/MODEL@VERSION``, or a model without its versions. If a rule is waived for
    longer than half a year, change the severity of the rule in ``registry.yaml`` instead. The file name contains the date
    and the rule: ``2026-11-21-c401-new-remote.yaml``. This rule cannot be waived, and neither can findings in
    ``registry.yaml`` and ``waivers/``.

    How to fix: correct the field in the finding; or change the severity of the rule in ``registry.yaml``.

    Example:
        ``expires: 2099-12-31``.
    """
    touched = {change.path for change in view.changes if change.head is not None}
    if not any(path.startswith(f"{WAIVERS}/") for path in touched):
        return
    for waiver in list_waivers(view.head):
        for field, words, expected in _objections(view, waiver) if waiver.path in touched else ():
            yield Violation(
                words,
                path=waiver.path,
                at=(field,),
                expected=expected,
                remedy="correct it, or remove the waiver",
            )


RULES: tuple[Rule, ...] = (
    ChangeRule("C416", "a waiver is narrow and expires", "refuse", waivers_are_narrow),
    RegistryRule("R310", "a waiver has an effect", "warn", waivers_hold),
    RegistryRule("R311", "a waiver expires soon", "warn", waivers_expire),
)
