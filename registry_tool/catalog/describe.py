"""Events and values in words: one sentence per event, the same for a terminal, a pull request and a history.

All text from a registry passes through ``quote``, so that each output format escapes it in its own way. ``escape_markdown`` is that of Markdown:
anyone who opens a pull request chooses paths and values, so none of them may act as Markdown or HTML, link, or mention people.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from functools import singledispatch
from typing import Final

from registry_tool.catalog.events import (
    AliasEvent,
    ArtifactEvent,
    CardEvent,
    DeletionEvent,
    DraftEvent,
    Event,
    EvidenceEvent,
    MetadataEvent,
    ModelEvent,
    ModelEvidenceEvent,
    NamespaceEvent,
    ObjectEvent,
    PolicyEvent,
    StatusEvent,
    TagEvent,
    TitleEvent,
    VersionEvent,
    WaiverEvent,
    WireEvent,
)
from registry_tool.manifests.problems import JSON

__all__ = [
    "Quote",
    "escape_markdown",
    "sentence",
    "size_words",
    "value_words",
]

_KILO: Final = 1000
_LONGEST: Final = 200


def size_words(size: int | None) -> str:
    """A size for people, in powers of 1000: ``938.0 kB``."""
    if size is None:
        return "?"
    if size < _KILO:
        return f"{size} B"
    amount = float(size)
    for unit in ("kB", "MB", "GB", "TB"):
        amount /= _KILO
        if amount < _KILO:
            return f"{amount:.1f} {unit}"
    return f"{amount:.1f} PB"


def value_words(value: JSON) -> str:
    """A value in one cell: text as it is, numbers short, everything else as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, dict) and set(value) == {"bytes"}:
        return "(bytes)"
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return ", ".join(map(str, value))
    words = json.dumps(value, ensure_ascii=False)
    return words if len(words) <= _LONGEST else words[:_LONGEST] + "…"


Quote = Callable[[str], str]
_SHOWN: Final = 6  # of artifacts, metrics and fields; the rest is counted
_DONE: Final = {"added": "added", "edited": "edited", "removed": "removed"}


def _as_it_is(text: str) -> str:
    return text


def _list_words(words: Iterable[str]) -> str:
    found = list(words)
    more = len(found) - _SHOWN
    return ", ".join(found[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _because(reason: str, quote: Quote) -> str:
    return f": {quote(reason)}" if reason else ""


def _fields(fields: tuple[str, ...], quote: Quote) -> str:
    return f": {_list_words(map(quote, fields))}" if fields else ""


def _name_target(version: str | None, quote: Quote) -> str:
    """The version that a tag or an alias points to."""
    return quote(version) if version else "an unreadable version"


@singledispatch
def _describe_event(event: Event, quote: Quote) -> str:
    return f"file {quote(event.path)} {_DONE[event.act]}"


@_describe_event.register
def _policy(event: PolicyEvent, quote: Quote) -> str:
    return f"the policy (registry.yaml) {_DONE[event.act]}{_fields(event.fields, quote)}"


@_describe_event.register
def _namespace(event: NamespaceEvent, quote: Quote) -> str:
    owners = _list_words(map(quote, event.owners))
    owned = f", owned by {owners}" if event.act == "added" and owners else ""
    return f"namespace {quote(event.namespace)} {_DONE[event.act]}{owned}{_fields(event.fields, quote)}"


@_describe_event.register
def _model(event: ModelEvent, quote: Quote) -> str:
    said = [("for", event.task), ("owned by", event.owner)] if event.act == "added" else []
    about = "".join(f", {word} {quote(value)}" for word, value in said if value)
    return f"model {quote(event.model)} {_DONE[event.act]}{about}{_fields(event.fields, quote)}"


@_describe_event.register
def _version(event: VersionEvent, quote: Quote) -> str:
    named = f"version {quote(event.reference)} {_DONE[event.act]}"
    if event.act != "added":
        return f"{named}{_fields(event.fields, quote)}"
    parts = [" ".join(quote(word) for word in (event.framework, event.framework_version) if word)]
    parts.append(_list_words(f"{quote(a.name)} {size_words(a.size)}" for a in event.artifacts))
    metrics = event.metrics.items()
    parts.append(_list_words(f"{quote(key)} {quote(value_words(value))}" for key, value in metrics))
    details = "; ".join(part for part in parts if part)
    return f"{named}: {details}" if details else named


@_describe_event.register
def _draft(event: DraftEvent, quote: Quote) -> str:
    return f"draft {quote(event.reference)} {_DONE[event.act]}{_fields(event.fields, quote)}"


@_describe_event.register
def _status(event: StatusEvent, quote: Quote) -> str:
    was = f" (it was {quote(event.before)})" if event.act == "changed" else " as before"
    instead = f", use {quote(event.replaced_by)} instead" if event.replaced_by else ""
    because = _because(event.reason, quote)
    return f"version {quote(event.reference)} is {quote(event.state)}{was}{instead}{because}"


@_describe_event.register(EvidenceEvent)
@_describe_event.register(ModelEvidenceEvent)
def _evidence(event: EvidenceEvent | ModelEvidenceEvent, quote: Quote) -> str:
    found = [event.evidence_kind, event.topic, event.verdict]
    about = " ".join(quote(word) for word in found if word)
    by = f" by {quote(event.evidence_by)}" if event.evidence_by else ""
    named = f"evidence {quote(event.evidence)} on {quote(event.reference)}"
    return f"{named} {_DONE[event.act]}" + (f": {about}{by}" if about else "")


@_describe_event.register
def _metadata(event: MetadataEvent, quote: Quote) -> str:
    return f"metadata of {quote(event.reference)} {_DONE[event.act]}{_fields(event.fields, quote)}"


@_describe_event.register
def _card(event: CardEvent, quote: Quote) -> str:
    return f"the card of {quote(event.reference)} {_DONE[event.act]}"


@_describe_event.register
def _wire(event: WireEvent, quote: Quote) -> str:
    named = f"data of other protocols about {quote(event.reference)}"
    return f"{named} {_DONE[event.act]}{_fields(event.fields, quote)}"


@_describe_event.register
def _deletion(event: DeletionEvent, quote: Quote) -> str:
    what = "model" if event.version is None else "version"
    if event.act != "added":
        return f"the deletion of {what} {quote(event.reference)} {_DONE[event.act]}"
    return f"{what} {quote(event.reference)} deleted{_because(event.reason, quote)}"


@_describe_event.register
def _title(event: TitleEvent, quote: Quote) -> str:
    if event.title is None:
        return f"title of {quote(event.reference)} removed; it was {quote(event.before or '')}"
    was = f" (it was {quote(event.before)})" if event.before and event.before != event.title else ""
    return f"title of {quote(event.reference)}: {quote(event.title)}{was}"


@_describe_event.register
def _object(event: ObjectEvent, quote: Quote) -> str:
    titled = f", {quote(event.title)}" if event.title else ""
    named = f"object {quote(event.reference)}{titled}, {_DONE[event.act]}"
    return f"{named}{_fields(event.fields, quote)}"


@_describe_event.register
def _artifact(event: ArtifactEvent, quote: Quote) -> str:
    named = f"the pointer to {quote(event.artifact)} of {quote(event.reference)}"
    return f"{named} {_DONE[event.act]}"


@_describe_event.register
def _tag(event: TagEvent, quote: Quote) -> str:
    named = f"tag {quote(event.reference)}"
    if event.version is None:
        return f"{named} removed; it pointed to {_name_target(event.before, quote)}"
    if event.act == "moved":
        before, after = _name_target(event.before, quote), _name_target(event.version, quote)
        return f"{named} moved from {before} to {after}"
    return f"{named} {_DONE[event.act]}: points to {_name_target(event.version, quote)}"


@_describe_event.register
def _alias(event: AliasEvent, quote: Quote) -> str:
    named, because = quote(event.reference), _because(event.reason, quote)
    after, before = _name_target(event.version, quote), _name_target(event.before, quote)
    pinned = " and pinned" if event.pinned else ""
    if event.version is None:
        return f"{named} removed; it pointed to {before}"
    if event.act == "added":
        return f"{named} now points to {after}{pinned}{because}"
    if event.act == "moved":
        return f"{named} moved from {before} to {after}{pinned}{because}"
    return f"{named} still points to {after}, edited{pinned}{because}"


@_describe_event.register
def _waiver(event: WaiverEvent, quote: Quote) -> str:
    subject = f" waives {quote(event.rule)} for {quote(event.waived)}" if event.rule else ""
    until = f" until {quote(event.expires)}" if event.expires else ""
    by = f", approved by {quote(event.approved_by)}" if event.approved_by else ""
    named = f"waiver {quote(event.waiver)} {_DONE[event.act]}"
    return f"{named}; it{subject}{until}{by}{_because(event.reason, quote)}" if subject else named


def sentence(event: Event, quote: Quote = _as_it_is) -> str:
    """One sentence about an event, without a full stop.

    Args:
        event: The event.
        quote: Escapes a piece of text for the format of the sentence.
    """
    return _describe_event(event, quote)


_LONGEST_CELL: Final = 500
_SPACE: Final = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")
_INVISIBLE: Final = re.compile(
    "[\u061c\u200b-\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff\U000e0000-\U000e007f]"
)
# All ASCII punctuation: a character reference is text to Markdown, never structure (CommonMark 2.5).
_PUNCTUATION: Final = re.compile(r"[!-,./:-@\[-`{-~-]")
# After rendering GitHub looks for mentions and issues in the text; a zero-width space parts them.
_CALLS: Final = frozenset("@#")


def escape_markdown(text: str) -> str:
    """A text as one line of Markdown, also inside a table; a long one is cut."""
    short = text if len(text) <= _LONGEST_CELL else text[:_LONGEST_CELL] + "…"
    plain = _SPACE.sub(" ", _INVISIBLE.sub("�", short)).strip()
    return _PUNCTUATION.sub(
        lambda c: f"&#{ord(c[0])};" + ("&#8203;" if c[0] in _CALLS else ""), plain
    )
