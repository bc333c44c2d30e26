"""Rules about waivers: they are about something, they are named for it, and they end."""

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
    named,
    removal,
)
from registry_tool.checks.waivers import NEVER, Waiver, waivers_of
from registry_tool.errors import InvalidNameError
from registry_tool.manifests.layout import WAIVERS
from registry_tool.names import Reference

__all__ = ["RULES"]

_LONGEST: Final = dt.timedelta(days=180)
_SOON: Final = dt.timedelta(days=14)
_NAME: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}-([a-z][0-9]{3})-.+\.yaml")
_SUBJECT: Final = "a file, NAMESPACE/MODEL@VERSION, or NAMESPACE/MODEL"


def _lost(catalog: Catalog, subject: str) -> str:
    """Why nothing can be waived by a subject, in words; empty where something can."""
    entry = None if subject.startswith("/") else catalog.tree.entry(subject)
    if entry is not None:
        return "which is a folder" if entry.is_folder else ""
    try:
        reference = Reference.parse(subject)
    except InvalidNameError:
        return "which is no file of the registry"
    model = catalog.model(reference.model)
    if model is None:
        return "which is neither a file nor a model of the registry"
    if "@" in subject and model.version(reference.selector) is None:
        return f"and {reference.model} has no version {reference.selector}"
    return ""


def waivers_hold(view: RegistryView) -> Iterator[Violation]:
    """A waiver should be in force, and about something that is there.

    One that has expired or was used up waives nothing, and who reads it believes otherwise. Only a check of everything
    looks for it, such as the one that runs each night.

    Mend it: delete the file; Git keeps it.

    Example:
        ``expires: 2026-11-01``, three weeks ago.
    """
    for waiver in waivers_of(view.catalog) if view.complete else ():
        lost = _lost(view.catalog, waiver.subject)
        if waiver.expires < view.now.date():
            at, words = "expires", f"has expired on {waiver.expires}"
        elif lost:
            at, words = "subject", f"names {named(waiver.subject)}, {lost}"
        else:
            continue
        yield Violation(
            f"the waiver of {waiver.rule} {words}",
            path=waiver.path,
            at=(at,),
            expected="a waiver in force, of something that is there",
            remedy=removal(waiver.path),
        )


def waivers_expire(view: RegistryView) -> Iterator[Violation]:
    """A waiver that ends within two weeks is named, while there is time to mend what it covers.

    Only a check of everything looks for it, such as the one that runs each night.

    Mend it: mend what was waived and delete the file; or ask for a new end, which an owner of the registry reviews.

    Example:
        ``expires: 2026-12-01``, in ten days.
    """
    today = view.now.date()
    for waiver in waivers_of(view.catalog) if view.complete else ():
        left = waiver.expires - today
        if dt.timedelta(0) <= left <= _SOON:
            days = "today" if not left.days else f"in {left.days} day{'s' * (left.days > 1)}"
            yield Violation(
                f"the waiver of {waiver.rule} for {named(waiver.subject)} ends {days}",
                path=waiver.path,
                at=("expires",),
                found=str(waiver.expires),
                expected=f"what {waiver.rule} asks for, until then",
                remedy=f"repair it, then: {removal(waiver.path)}",
            )


def _objections(view: ChangeView, waiver: Waiver) -> Iterator[tuple[str, str, str]]:
    """What is wrong with a new waiver: the field, a sentence, and what would be right."""
    today = view.now.date()
    if waiver.rule not in view.rule_ids():
        yield "rule", f"there is no rule {waiver.rule}", "a rule that `registry rules` lists"
    elif waiver.rule in NEVER:
        yield "rule", f"{waiver.rule} cannot be waived", "another rule"
    # The file that is waived may be yet to come.
    if view.base.layout.locate(waiver.subject) is None and (
        lost := _lost(view.head, waiver.subject)
    ):
        yield "subject", f"the waiver names {named(waiver.subject)}, {lost}", _SUBJECT
    if waiver.expires < today:
        yield "expires", f"the waiver has expired on {waiver.expires}", f"{today} or later"
    elif waiver.expires > today + _LONGEST:
        last = today + _LONGEST
        yield "expires", f"the waiver lasts longer than {_LONGEST.days} days", f"{last} or earlier"
    name = _NAME.fullmatch(waiver.path.removeprefix(f"{WAIVERS}/"))
    if name is None or name[1] != waiver.rule.lower():
        wanted = f"{today}-{waiver.rule.lower()}-SLUG.yaml"
        yield "rule", f"the file's name does not say that it waives {waiver.rule}", wanted


def waivers_are_narrow(view: ChangeView) -> Iterator[Violation]:
    """A new or changed waiver must be of one rule, for one subject that can be found, and end within 180 days.

    Its subject is a file, a version as ``NAMESPACE/MODEL@VERSION``, or a model without its versions. What is waived for
    longer than half a year is no exception any more, and the rule should be changed for all to see. The file's name says
    when it was written and what it waives: ``2026-11-21-c401-new-remote.yaml``. This rule cannot be waived, and neither
    can anything in ``registry.yaml`` and ``waivers/``.

    Mend it: correct the field that the finding names; or change the severity of the rule in ``registry.yaml``.

    Example:
        ``expires: 2099-12-31``.
    """
    touched = {change.path for change in view.changes if change.head is not None}
    if not any(path.startswith(f"{WAIVERS}/") for path in touched):
        return
    for waiver in waivers_of(view.head):
        for field, words, expected in _objections(view, waiver) if waiver.path in touched else ():
            yield Violation(
                words,
                path=waiver.path,
                at=(field,),
                expected=expected,
                remedy="correct it, or leave the waiver out",
            )


RULES: tuple[Rule, ...] = (
    ChangeRule("C416", "a waiver is narrow and ends", "refuse", waivers_are_narrow),
    RegistryRule("R310", "a waiver waives something", "warn", waivers_hold),
    RegistryRule("R311", "a waiver ends soon", "warn", waivers_expire),
)
