"""Pages of records by key: the n-th page costs what the first costs, and a token survives writes.

A token says where the last page ended: the values that the records are ordered by, and the id. It is bound to its query;
that of another one is refused.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cmp_to_key
from itertools import groupby, islice
from typing import Final, NamedTuple, TypeVar

import orjson

from registry_tool.errors import UsageError
from registry_tool.live.filters import Predicate
from registry_tool.live.indexes import MOST_IDS, pack, unpack
from registry_tool.live.records import Record
from registry_tool.live.snapshot import Snapshot

__all__ = [
    "Key",
    "OrderTerm",
    "Page",
    "PageTokenError",
    "RecordListing",
    "changed_term",
    "created_term",
    "id_term",
    "read_items_page",
    "read_page",
    "text_term",
]

Key = int | str
Item = TypeVar("Item")
# Ordering a candidate takes as long as looking whether this many records are candidates.
_ORDERING: Final = 64
# Above this share of all records, whether a record is a candidate is not worth a set of them.
_MOST: Final = 8
_LONGEST: Final = 8192


class PageTokenError(UsageError):
    """A page token that is damaged, or of another query."""


class OrderTerm(NamedTuple):
    """One thing that records are ordered by.

    Attributes:
        name: What it is called, for the token.
        value: The value of a record.
        descending: True for the largest first.
        touched: For an order by the last change, the kinds of files that count; see ``Touched``.
        is_indexed: True where the order of ids, or that of ``touched``, is this one.
        is_text: True for an order of ``text_term``.
    """

    name: str
    value: Callable[[Record], Key]
    descending: bool = False
    touched: tuple[str, ...] = ()
    is_indexed: bool = False
    is_text: bool = False


def id_term(*, descending: bool = False) -> OrderTerm:
    """By id."""
    return OrderTerm("id", lambda record: record.id, descending, is_indexed=True)


def created_term(*, descending: bool = False) -> OrderTerm:
    """By the first appearance: the order of ids is that of creation."""
    return OrderTerm("created", lambda r: r.touched.created, descending, is_indexed=True)


def text_term(name: str, value: Callable[[Record], str], *, descending: bool = False) -> OrderTerm:
    """By a text that follows from the record alone, of a kind with some thousands of records: models by name.

    Args:
        name: What the order is called; of one name there is one function.
        value: The text of a record.
        descending: True for the largest first.
    """
    return OrderTerm(name, value, descending, is_indexed=True, is_text=True)


def changed_term(*touched: str, descending: bool = False) -> OrderTerm:
    """By the last commit that touched certain files.

    Args:
        touched: Names of attributes of ``Touched``; none for those of ``Touched.last``.
        descending: True for the latest first.
    """
    return OrderTerm(
        "changed", lambda r: r.touched.last(*touched), descending, touched, is_indexed=True
    )


class RecordListing(NamedTuple):
    """What is listed.

    Attributes:
        kind: ``model``, ``version`` or ``api/kind``.
        terms: What it is ordered by; ties are by id, in the direction of the first.
        query: All that the client asked for, as one text: a token of another text is refused.
        ids: The ids to choose from, ascending; None for all of the kind.
        accept: True for the records that belong to the listing.
        is_hint: True where ``ids`` only saves time: ``accept`` is false for all others, as for ``find_candidates``.
    """

    kind: str
    terms: tuple[OrderTerm, ...]
    query: str
    ids: array[int] | None = None
    accept: Predicate | None = None
    is_hint: bool = False


class Page(NamedTuple):
    """One page.

    Attributes:
        records: Its records, in order.
        next_token: The token of the next page; empty where there is none.
    """

    records: list[Record]
    next_token: str


def _digest(listing: RecordListing) -> str:
    terms = [[term.name, term.descending, *term.touched] for term in listing.terms]
    said = orjson.dumps([listing.kind, terms, listing.query.encode(errors="surrogateescape").hex()])
    return hashlib.blake2b(said, digest_size=9).hexdigest()


def _write_token(listing: RecordListing, key: Sequence[Key]) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([_digest(listing), *key])).decode()


def _read_token(listing: RecordListing, token: str) -> tuple[Key, ...] | None:
    """The key of the last record of the page before; None where no record came yet.

    Raises:
        PageTokenError: It is no token, or one of another query.
    """
    try:
        data = orjson.loads(base64.b64decode(token[:_LONGEST], altchars=b"-_", validate=True))
    except (ValueError, binascii.Error) as exc:
        raise PageTokenError("the page token is damaged") from exc
    if not isinstance(data, list) or len(data) not in {1, 2 + len(listing.terms)}:
        raise PageTokenError("the page token is damaged")
    digest, *key = data
    if digest != _digest(listing):
        raise PageTokenError("the page token belongs to another query")
    if not key:
        return None
    if not all(type(value) in {int, str} for value in key) or type(key[-1]) is not int:
        raise PageTokenError("the page token is damaged")
    return tuple(key)


def _id(record: Record) -> int:
    return record.id


class _Order:
    """The order of a listing."""

    def __init__(self, terms: tuple[OrderTerm, ...]) -> None:
        self._terms = terms
        down = terms[0].descending if terms else False
        self._directions = (*(term.descending for term in terms), down)

    def key(self, record: Record) -> tuple[Key, ...]:
        return (*(term.value(record) for term in self._terms), record.id)

    def compare(self, one: tuple[Key, ...], other: tuple[Key, ...]) -> int:
        for a, b, descending in zip(one, other, self._directions, strict=True):
            if a == b:
                continue
            if type(a) is not type(b):  # a token that was made up
                raise PageTokenError("the page token is damaged")
            is_less = a < b if isinstance(a, int) and isinstance(b, int) else str(a) < str(b)
            return -1 if is_less != descending else 1
        return 0

    def sort(self, records: list[Record], place: int = 0) -> list[Record]:
        """Records in order. A term is evaluated only for records that the terms before it do not tell apart.

        Args:
            records: The records.
            place: That of the first term that may tell them apart.
        """
        if len(records) <= 1:
            return records
        if place == len(self._terms):
            return sorted(records, key=_id, reverse=self._directions[-1])
        value = self._terms[place].value
        valued = [(value(record), record) for record in records]
        valued.sort(key=_value, reverse=self._directions[place])
        found: list[Record] = []
        for _, group in groupby(valued, key=_value):
            found += self.sort([record for _, record in group], place + 1)
        return found

    def after(self, records: list[Record], last: tuple[Key, ...]) -> list[Record]:
        """Of records in order those behind a key."""
        compared = cmp_to_key(self.compare)
        place = bisect_right(records, compared(last), key=lambda one: compared(self.key(one)))
        return records[place:]


def _value(one: tuple[Key, Record]) -> Key:
    return one[0]


def _run(ids: array[int], start: int, *, descending: bool) -> Iterator[int]:
    places = range(start - 1, -1, -1) if descending else range(start, len(ids))
    return (ids[place] for place in places)


def _by_id(
    snapshot: Snapshot, listing: RecordListing, last: tuple[Key, ...] | None
) -> Iterator[Record]:
    """The records by id, or by creation, from where the last page ended."""
    ids = snapshot.indexes.all_ids(listing.kind) if listing.ids is None else listing.ids
    descending = listing.terms[0].descending if listing.terms else False
    if last is None:
        start = len(ids) if descending else 0
    else:
        number = int(last[-1])
        start = bisect_left(ids, number) if descending else bisect_right(ids, number)
    for number in _run(ids, start, descending=descending):
        record = snapshot.records.get(number)
        if record is not None and record.is_listed:
            yield record


def _position(key: tuple[Key, ...]) -> int:
    """The position that a key begins with."""
    first = key[0]
    if not isinstance(first, int) or not 0 <= first <= MOST_IDS:
        raise PageTokenError("the page token is damaged")
    return first


def _by_position(
    snapshot: Snapshot, listing: RecordListing, last: tuple[Key, ...] | None
) -> Iterator[tuple[int, Record]]:
    """Positions and records by creation or the last change, from the group in which the last page ended."""
    term = listing.terms[0]
    bound = 0 if last is None else _position(last) + term.descending
    if term.name == "created":
        ids = snapshot.indexes.all_ids(listing.kind)
        records = snapshot.records
        start = bisect_left(ids, bound, key=lambda number: records[number].touched.created)
        start = len(ids) if last is None and term.descending else start
        for number in _run(ids, start, descending=term.descending):
            if records[number].is_listed:
                yield records[number].touched.created, records[number]
        return
    order = snapshot.indexes.by_change(listing.kind, term.touched)
    start = bisect_left(order, pack(bound, 0))
    start = len(order) if last is None and term.descending else start
    for packed in _run(order, start, descending=term.descending):
        position, number = unpack(packed)
        yield position, snapshot.records[number]


def _first(one: tuple[int, Record]) -> int:
    return one[0]


def _grouped(
    snapshot: Snapshot, listing: RecordListing, order: _Order, last: tuple[Key, ...] | None
) -> Iterator[Record]:
    accept = listing.accept
    ends = None if last is None else _position(last)
    for position, group in groupby(_by_position(snapshot, listing, last), key=_first):
        records = [r for _, r in group if accept is None or accept(r)]
        if position == ends and last is not None:
            yield from order.after(order.sort(records), last)
        else:  # the first term is the position; most commits touch one object
            yield from order.sort(records, 1)


def _in_place(
    snapshot: Snapshot, listing: RecordListing, last: tuple[Key, ...] | None
) -> Iterator[Record]:
    """Records by the last change and by id, which is how they lie in the index."""
    term = listing.terms[0]
    order = snapshot.indexes.by_change(listing.kind, term.touched)
    start = len(order) if term.descending else 0
    if last is not None:
        packed = pack(_position(last), int(last[-1]) & MOST_IDS)
        start = bisect_left(order, packed) if term.descending else bisect_right(order, packed)
    records, accept = snapshot.records, listing.accept
    for packed in _run(order, start, descending=term.descending):
        record = records[packed & MOST_IDS]
        if accept is None or accept(record):
            yield record


def _by_text(
    snapshot: Snapshot, listing: RecordListing, last: tuple[Key, ...] | None
) -> Iterator[Record]:
    """Records by a text and by id, from where the last page ended."""
    term = listing.terms[0]
    entries = snapshot.indexes.by_value(listing.kind, term.name, _read_text(term.value))
    start = len(entries) if term.descending else 0
    if last is not None:
        end = (str(last[0]), int(last[-1]))
        start = bisect_left(entries, end) if term.descending else bisect_right(entries, end)
    places = range(start - 1, -1, -1) if term.descending else range(start, len(entries))
    accept = listing.accept
    for place in places:
        record = snapshot.records[entries[place][1]]
        if accept is None or accept(record):
            yield record


def _read_text(value: Callable[[Record], Key]) -> Callable[[Record], str]:
    return lambda record: str(value(record))


def _is_few(snapshot: Snapshot, listing: RecordListing, size: int | None) -> bool:
    """True where ordering all candidates takes less time than looking through the order for a page of them."""
    if listing.ids is None:
        return False
    count, every = len(listing.ids), len(snapshot.indexes.all_ids(listing.kind))
    wanted = count if size is None else min(size, count)
    return count * count * _ORDERING <= (wanted + 1) * every


def _ordered(
    snapshot: Snapshot, listing: RecordListing, last: tuple[Key, ...] | None, size: int | None
) -> Iterable[Record]:
    """The records after the last page, in order."""
    order = _Order(listing.terms)
    first = listing.terms[0] if listing.terms else id_term()
    accept = listing.accept
    if len(listing.terms) <= 1 and first.name in {"id", "created"} and first.is_indexed:
        found = _by_id(snapshot, listing, last)
        return found if accept is None else filter(accept, found)
    if first.is_text and len(listing.terms) == 1 and listing.ids is None:
        return _by_text(snapshot, listing, last)
    if (
        first.name in {"created", "changed"}
        and first.is_indexed
        and not _is_few(snapshot, listing, size)
    ):
        if listing.ids is not None:
            every = len(snapshot.indexes.all_ids(listing.kind))
            among = not listing.is_hint or len(listing.ids) * _MOST < every
            accept = _among(frozenset(listing.ids), accept) if among else accept
            listing = listing._replace(ids=None, accept=accept)
        if len(listing.terms) == 1 and first.name == "changed":
            return _in_place(snapshot, listing, last)
        return _grouped(snapshot, listing, order, last)
    chosen = _by_id(snapshot, listing._replace(terms=()), None)
    ordered = order.sort([*(chosen if accept is None else filter(accept, chosen))])
    return ordered if last is None else order.after(ordered, last)


def _among(ids: frozenset[int], accept: Predicate | None) -> Predicate:
    return lambda record: record.id in ids and (accept is None or accept(record))


def read_page(
    snapshot: Snapshot, listing: RecordListing, size: int | None, token: str = ""
) -> Page:
    """One page of a listing.

    Args:
        snapshot: What it is read from; the next page may be read from a later one.
        listing: What is listed.
        size: At most this many records; None for all.
        token: That of the page before; empty for the first.

    Raises:
        PageTokenError: The token is damaged or belongs to another query.
    """
    last = _read_token(listing, token) if token else None
    if size is None:
        return Page(list(_ordered(snapshot, listing, last, None)), "")
    found = list(islice(_ordered(snapshot, listing, last, size), size + 1))
    if len(found) <= size:
        return Page(found, "")
    # A page of no records ends where the page before ended.
    records = found[:size]
    end = _Order(listing.terms).key(records[-1]) if records else last or ()
    return Page(records, _write_token(listing, end))


def read_items_page(
    items: Iterable[Item],
    key: Callable[[Item], tuple[Key, ...]],
    listing: RecordListing,
    size: int | None,
    token: str = "",
) -> tuple[list[Item], str]:
    """One page of anything else that has an id, such as the artifacts of a version, and the token of the next.

    Args:
        items: All of them; they are ordered for each page.
        key: The values that an item is ordered by, one for each term of the listing, and its id.
        listing: The order and the query; nothing else of it is read.
        size: At most this many items; None for all.
        token: That of the page before; empty for the first.

    Raises:
        PageTokenError: The token is damaged or belongs to another query.
    """
    last = _read_token(listing, token) if token else None
    order = _Order(listing.terms)
    compared = cmp_to_key(order.compare)
    keyed = sorted(((key(item), item) for item in items), key=lambda one: compared(one[0]))
    if last is not None:
        keyed = keyed[bisect_right(keyed, compared(last), key=lambda one: compared(one[0])) :]
    if size is None or len(keyed) <= size:
        return [item for _, item in keyed], ""
    end = keyed[size - 1][0] if size else last or ()
    return [item for _, item in keyed[:size]], _write_token(listing, end)
