"""Requests that a client should not send, as one table over all protocols: what each is answered, and in whose words.

A row is built for each column of ``wire_columns.COLUMNS``. What it expects is one status for all protocols, or one for each by
its ``api``; several where either is right. Whatever is refused leaves the branch where it was, and is in the protocol's own form.
"""

from __future__ import annotations

import gzip
import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, NamedTuple, TypeAlias

from support.raw_http import Ask, RawAnswer
from support.wire_columns import WireColumn

__all__ = ["ROWS", "STREAMS", "UPLOADS", "BadRequest", "BadStream", "expected_statuses"]

Statuses: TypeAlias = frozenset[int] | Mapping[str, frozenset[int]]
Asking: TypeAlias = Callable[[Ask], RawAnswer]

_OK: Final = frozenset({200, 201})
_BAD: Final = frozenset({400})
_UNPROCESSABLE: Final = frozenset({400, 422})
_CONFLICT: Final = frozenset({409})
_MISSING: Final = frozenset({400, 404})
_HEAD_BOUND: Final = frozenset({400, 414, 431})


class BadRequest(NamedTuple):
    """A row: one request.

    Attributes:
        name: What is wrong with it.
        build: Makes it for a protocol; may ask the server before.
        expected: See the module.
        plain: True where the answer comes before any protocol sees the request, and has no body of its form.
        needs: The attribute of the column without which the protocol cannot be asked so; empty for none.
    """

    name: str
    build: Callable[[WireColumn, Asking], Ask]
    expected: Statuses
    plain: bool = False
    needs: str = ""


class BadStream(NamedTuple):
    """A row: the pieces of one connection, sent until the server answers or closes.

    Attributes:
        name: What is wrong with it.
        build: Makes the pieces for a protocol, for ever perhaps.
        expected: See the module; 0 for a closed connection.
        pause: Seconds between two pieces.
    """

    name: str
    build: Callable[[WireColumn], Iterable[bytes]]
    expected: frozenset[int]
    pause: float = 0.0


def expected_statuses(row: BadRequest, column: WireColumn) -> frozenset[int]:
    """What a row expects of a protocol."""
    found = row.expected if isinstance(row.expected, frozenset) else row.expected[column.api]
    found |= column.also_bad if 400 in found else frozenset()
    return found | column.also_missing if 404 in found else found


def _named(name: str) -> Callable[[WireColumn, Asking], Ask]:
    return lambda column, _: column.create({"name": name})


def _long_name(column: WireColumn, _: Asking) -> Ask:
    return column.create({"name": column.slug.ljust(300, "x")})


def _with_unknown_field(column: WireColumn, _: Asking) -> Ask:
    """Where it is passed over, a model is made, so each protocol has its own name."""
    body = {"name": f"unknown-{column.slug}", "ext_id": 1, "workflow": "w"}
    return column.create_raw(json.dumps(body).encode())


def _body(body: bytes, **headers: str) -> Callable[[WireColumn, Asking], Ask]:
    return lambda column, _: column.create_raw(body, **headers)


def _id(number: str) -> Callable[[WireColumn, Asking], Ask]:
    return lambda column, _: column.by_id(number)


def _size(size: str) -> Callable[[WireColumn, Asking], Ask]:
    return lambda column, _: column.listing({column.page_size: size})


def _token(token: str) -> Callable[[WireColumn, Asking], Ask]:
    return lambda column, _: column.listing({column.page_token: token})


def _filter(text: str) -> Callable[[WireColumn, Asking], Ask]:
    return lambda column, _: column.listing({column.filter: text})


def _foreign_token(column: WireColumn, asking: Asking) -> Ask:
    """The token of one list, used for another."""
    first = asking(column.listing({column.page_size: "1"}))
    token = str(first.data[column.next_token])
    assert token
    return column.listing({column.page_token: token, column.filter: "name = 'taken'"})


def _method(method: str) -> Callable[[WireColumn, Asking], Ask]:
    return lambda column, _: column.create({"name": "x"})._replace(method=method)


_NAME: Final = b'{"name": "x"'
_ROWS_OF_BODIES: Final = (
    BadRequest("half an object", _body(_NAME), _BAD),
    BadRequest("no JSON", _body(b"name=x"), _BAD),
    BadRequest("an empty body", _body(b""), _UNPROCESSABLE),
    BadRequest("a list", _body(b'["x"]'), _BAD),
    BadRequest("a number", _body(b"7"), _BAD),
    BadRequest("null", _body(b"null"), _UNPROCESSABLE),
    BadRequest("not a number", _body(b'{"name": NaN}'), _BAD),
    BadRequest("bytes that are no text", _body(b'{"name": "\xff\xfe"}'), _BAD),
    BadRequest("UTF-16", _body('{"name": "x"}'.encode("utf-16")), _BAD),
    BadRequest("half a character", _body(b'{"name": "\\ud800"}'), _BAD),
    BadRequest("100,000 levels", _body(b'{"name": ' + b"[" * 100_000), _BAD),
    BadRequest("2,000 levels", _body(b'{"name": ' + b"[" * 2000 + b"]" * 2000 + b"}"), _BAD),
    BadRequest("an integer of 5,000 digits", _body(b'{"name": ' + b"9" * 5000 + b"}"), _BAD),
    BadRequest("a number for a name", _body(b'{"name": 7}'), _BAD),
    BadRequest("an object for a name", _body(b'{"name": {"a": "b"}}'), _BAD),
    BadRequest("null for a name", _body(b'{"name": null}'), _UNPROCESSABLE),
    BadRequest("a number for a description", _body(_NAME + b', "description": 7}'), _BAD),
    BadRequest(  # protobuf's JSON, which MLflow's server reads, passes over fields that it does not know; Kolena's does, too
        "an unknown field", _with_unknown_field,
        {"kubeflow": _BAD, "mlflow": _OK, "truefoundry": _BAD, "mlsteam": _BAD, "kolena": _OK},
    ),
    BadRequest("a body of more than a mebibyte", _body(_NAME + b" " * (1 << 20) + b"}"), frozenset({413})),
    BadRequest("a gzip bomb", _body(gzip.compress(b" " * (64 << 20)), Content_Encoding="gzip"), frozenset({415})),
    BadRequest("another compression", _body(b"x", Content_Encoding="br"), frozenset({415})),
    BadRequest("a form", _body(b"name=x", Content_Type="application/x-www-form-urlencoded"), frozenset({415})),
    BadRequest("plain text", _body(_NAME + b"}", Content_Type="text/plain"), frozenset({415})),
    BadRequest("no type", _body(_NAME + b"}", Content_Type=""), frozenset({415})),
    BadRequest("2 GB, as it says", _body(b"{", Content_Length=str(2 << 30)), frozenset({413})),
    BadRequest("another site's page", _body(_NAME + b"}", Origin="https://evil.example.org"), frozenset({403})),
    BadRequest("another host", _body(_NAME + b"}", Host="evil.example.org"), frozenset({403})),
)  # fmt: skip
_ROWS_OF_NAMES: Final = (
    BadRequest("a null byte in a name", _named("a\0b"), _BAD),
    BadRequest("an empty name", _named(""), _UNPROCESSABLE),
    # MLflow's own bound is 256 where its database has one; our titles have 512.
    BadRequest("a name of 300 characters", _long_name, {"kubeflow": _BAD, "mlflow": _OK, "truefoundry": _BAD, "mlsteam": _OK, "kolena": _OK}),
    BadRequest("a name of 600 characters", _named("x" * 600), _BAD),
    BadRequest("a name of a megabyte", _named("x" * 1_000_000), _BAD),
    BadRequest("a name that is written backwards", _named("a\u202eb"), _BAD),
    BadRequest("a name with an invisible character", _named("a\u200bb"), _BAD),
    BadRequest("a name of control characters", _named("a\x1b[31mb"), _BAD),
    BadRequest("a taken name", _named("taken"), {"kubeflow": _CONFLICT, "mlflow": _BAD, "truefoundry": _OK, "mlsteam": _CONFLICT, "kolena": _CONFLICT}),
    BadRequest("a taken name in capitals", _named("TAKEN"), {"kubeflow": _CONFLICT, "mlflow": _CONFLICT | _BAD, "truefoundry": _CONFLICT | _BAD, "mlsteam": _CONFLICT, "kolena": _CONFLICT}),
    BadRequest("a taken name in other code points", _named("cafe\u0301"), {"kubeflow": _CONFLICT, "mlflow": _CONFLICT | _BAD, "truefoundry": _BAD, "mlsteam": _CONFLICT, "kolena": _CONFLICT}),
    BadRequest("an unknown name with a null byte", lambda column, _: column.read("a\0b"), _MISSING),
    BadRequest("an unknown name that is a path", lambda column, _: column.read("../../registry"), _MISSING),
    BadRequest("an unknown name of 300 characters", lambda column, _: column.read("y" * 300), _MISSING),
    BadRequest("an address of 100,000 characters", lambda column, _: column.read("y" * 100_000), _HEAD_BOUND, plain=True),
)  # fmt: skip
_IDS: Final = (
    "0", "-1", "007", "9999999999", "99999999999999999999", "abc", "1e3", "0x1", "+1", "\uff11", "1\0", "%", "..",
)  # fmt: skip
_ROWS_OF_IDS: Final = tuple(BadRequest(f"the id {one!a}", _id(one), _MISSING) for one in _IDS)
_ROWS_OF_PAGES: Final = tuple(row._replace(needs=row.needs or "page_size") for row in (
    BadRequest("a page of 0", _size("0"), {"kubeflow": _OK, "mlflow": _OK, "truefoundry": _UNPROCESSABLE}),
    *(BadRequest(f"a page of {one!a}", _size(one), _UNPROCESSABLE) for one in ("-1", "null", "1.5", "1\0", "many")),
    BadRequest("a huge page", _size("99999999999"), {"kubeflow": _BAD, "mlflow": _BAD, "truefoundry": _OK}),
    BadRequest("a page of a wide 1", _size("\uff11"), {"kubeflow": _BAD, "mlflow": _OK, "truefoundry": _BAD}),  # as Python reads numbers
    *(BadRequest(f"the page token {one[:20]!a}", _token(one), _BAD, needs="page_token") for one in (
        "abc", "%%%", "MTIz", "\0", "e30=", "W10=", "x" * 10_000, "\uff11")),
    BadRequest("another list's page token", _foreign_token, _BAD, needs="page_token"),
))  # fmt: skip
_ROWS_OF_FILTERS: Final = tuple(row._replace(needs="filter") for row in (
    BadRequest("an open quote", _filter("name = 'a"), _BAD),
    BadRequest("quotes that do not fit", _filter("name = 'a\""), _BAD),
    BadRequest("no comparison", _filter("name"), _BAD),
    BadRequest("a field that does not exist", _filter("__class__ = 'x'"), {"kubeflow": frozenset({200, 400}), "mlflow": _BAD}),
    BadRequest("SQL", _filter("name = 'a'; DROP TABLE models; --"), _BAD),
    BadRequest("a null byte in a filter", _filter("name = 'a\0'"), frozenset({200, 400})),
    BadRequest("a thousand terms", _filter(" AND ".join(["name LIKE '%a%'"] * 1000)), _OK),
    BadRequest("1,001 terms", _filter(" AND ".join(["name LIKE '%'"] * 1001)), _BAD),
    BadRequest("1,000 parentheses", _filter("(" * 1000 + "name = 'a'" + ")" * 1000), _BAD),
    BadRequest("a pattern of 500 wildcards", _filter("name LIKE '" + "%a" * 250 + "b'"), _OK),
    BadRequest("a pattern of 10,000 places", _filter("name LIKE '" + "_%" * 5000 + "b'"), _OK),
    BadRequest("a pattern for a regular expression", _filter("name LIKE '(a+)+$'"), _OK),
    BadRequest("a long open quote", _filter("name = '" + "''" * 10_000), _BAD),
))  # fmt: skip
_ROWS_OF_METHODS: Final = (
    *(BadRequest(f"the method {one}", _method(one), frozenset({405})) for one in ("TRACE", "PATCH", "DELETE", "PROPFIND", "LOCK")),
    BadRequest("the method FOO", _method("FOO"), _BAD, plain=True),
    BadRequest("the method CONNECT", _method("CONNECT"), frozenset({400, 405}), plain=True),
    BadRequest("a path that does not exist", lambda column, _: column.listing({})._replace(target=f"{column.listing({}).target}/../../x"), frozenset({404})),
)  # fmt: skip

ROWS: Final[tuple[BadRequest, ...]] = (
    *_ROWS_OF_BODIES, *_ROWS_OF_NAMES, *_ROWS_OF_IDS, *_ROWS_OF_PAGES, *_ROWS_OF_FILTERS, *_ROWS_OF_METHODS,
)  # fmt: skip


def _head(column: WireColumn, *lines: str) -> bytes:
    """The head of a creating call, with other lines about its body."""
    given = column.create({})
    start = f"{given.method} {given.target} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    return start.encode() + "".join(f"{line}\r\n" for line in lines).encode() + b"\r\n"


def _chunks(column: WireColumn, chunk: bytes) -> Iterator[bytes]:
    yield _head(column, "Transfer-Encoding: chunked")
    yield from itertools.repeat(b"%x\r\n%s\r\n" % (len(chunk), chunk))


def _json_without_end(column: WireColumn) -> Iterator[bytes]:
    """More than 2 GB of JSON, if it were all taken."""
    text = json.dumps({"name": "x", "description": "y" * 60_000}).encode()[:-2]
    yield _head(column, "Transfer-Encoding: chunked")
    yield b"%x\r\n%s\r\n" % (len(text), text)
    yield from itertools.repeat(b"%x\r\n%s\r\n" % (1 << 16, b"y" * (1 << 16)), 1 << 15)


def _slowly(column: WireColumn) -> Iterator[bytes]:
    yield _head(column, "Content-Length: 1000")
    yield from itertools.repeat(b" ")


def _slow_chunks(column: WireColumn) -> Iterator[bytes]:
    yield from _chunks(column, b" ")


def _slow_head(column: WireColumn) -> Iterator[bytes]:
    yield _head(column)[:-2]
    yield from (f"X-{number}: y\r\n".encode() for number in itertools.count())


def _slow_upload(column: WireColumn) -> Iterator[bytes]:
    assert column.upload is not None
    yield column.upload("1/slow.bin", b"")._replace(headers={"Content-Length": "100000"}).encode()
    yield from itertools.repeat(b"x")


# Of protocols with uploads.
UPLOADS: Final[tuple[BadStream, ...]] = (
    BadStream("a file that comes byte by byte", _slow_upload, frozenset({408}), pause=0.1),
)
STREAMS: Final[tuple[BadStream, ...]] = (
    BadStream("a body that never ends", lambda column: _chunks(column, b" " * 60_000), frozenset({413})),
    BadStream("2 GB of JSON", _json_without_end, frozenset({413})),
    BadStream("one byte now and then", _slowly, frozenset({408}), pause=0.1),
    BadStream("one chunk now and then", _slow_chunks, frozenset({408}), pause=0.1),
    BadStream("a body that does not come", lambda column: [_head(column, "Content-Length: 10")], frozenset({408})),
    BadStream("headers now and then", _slow_head, frozenset({408}), pause=0.1),
    BadStream("headers that never end", _slow_head, frozenset({0, 431})),
    BadStream("a chunk of no size", lambda c: [_head(c, "Transfer-Encoding: chunked"), b"xyz\r\n"], frozenset({0, 400})),
    BadStream("a chunk of a negative size", lambda c: [_head(c, "Transfer-Encoding: chunked"), b"-1\r\n"], frozenset({0, 400})),
    BadStream("two lengths", lambda c: [_head(c, "Content-Length: 2", "Content-Length: 3"), b"{}"], frozenset({0, 400})),
    BadStream("a length and chunks", lambda c: [_head(c, "Content-Length: 2", "Transfer-Encoding: chunked"), b"0\r\n\r\n"], frozenset({0, 400})),
    BadStream("no HTTP", lambda _: [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"], frozenset({0, 400})),
)  # fmt: skip
