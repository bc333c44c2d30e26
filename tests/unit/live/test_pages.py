"""Pages by key: all records once, in order, whatever is written in between; a token of another query is refused."""

from __future__ import annotations

import base64
import contextlib
from array import array

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.live_steps import NOW, Branch
from support.manifests import (
    metadata_yaml,
    model_files,
    registry_yaml,
    tracked_artifact,
    version_files,
)

from registry_tool.live.moving import move
from registry_tool.live.pages import (
    OrderTerm,
    PageTokenError,
    RecordListing,
    changed_term,
    created_term,
    id_term,
    read_items_page,
    read_page,
    text_term,
)
from registry_tool.live.records import Record, VersionRecord
from registry_tool.live.snapshot import Snapshot

HOME = "models/nlp/lang-id"


def _name(record: Record) -> str:
    return str(record.model) if isinstance(record, VersionRecord) else ""


def _version(record: Record) -> int:
    return int(record.version) if isinstance(record, VersionRecord) else 0


def _text(record: Record) -> str:
    return record.version if isinstance(record, VersionRecord) else ""


NAME = OrderTerm("name", _name)
NUMBER = OrderTerm("number", _version, descending=True)


@pytest.fixture(scope="module")
def branch() -> Branch:
    found = Branch()
    found.commit({"registry.yaml": registry_yaml(), **model_files(versions=("1", "2", "3"))})
    found.commit(
        {**model_files("nlp/b", versions=("1", "2")), **model_files("nlp/a", versions=("1", "2"))}
    )
    for number in range(4, 12):
        found.commit(version_files(str(number), artifacts=[tracked_artifact(f"s3://{number}")]))
    touched = [f"{HOME}/versions/{number}/metadata.yaml" for number in (2, 5, 7)]
    found.commit({path: metadata_yaml(metadata={"a": "b"}) for path in touched})
    return found


@pytest.fixture(scope="module")
def snapshot(branch: Branch) -> Snapshot:
    return branch.snapshot()


def walk(snapshot: Snapshot, listing: RecordListing, size: int) -> list[Record]:
    found: list[Record] = []
    token = ""
    while True:
        page = read_page(snapshot, listing, size, token)
        assert len(page.records) <= size
        found += page.records
        token = page.next_token
        if not token:
            return found


ORDERS = [
    (id_term(),), (id_term(descending=True),), (created_term(),), (created_term(descending=True),), (),
    (changed_term(),), (changed_term(descending=True),), (changed_term("metadata", descending=True),),
    (changed_term(descending=True), NAME, NUMBER), (created_term(descending=True), NAME, NUMBER),
    (text_term("name", _name),), (text_term("version", _text, descending=True),), (NAME, NUMBER), (NUMBER,), (NUMBER, NAME),
]  # fmt: skip


@pytest.mark.parametrize("terms", ORDERS)
@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_pages_have_all_records_once_and_in_order(
    snapshot: Snapshot, terms: tuple[OrderTerm, ...], size: int
) -> None:
    found = walk(snapshot, RecordListing("version", terms, "q"), size)
    assert read_page(snapshot, RecordListing("version", terms, "q"), None).records == found
    expected = list(snapshot.listed("version"))
    down = bool(terms) and terms[0].descending
    expected.sort(key=lambda record: record.id, reverse=down)
    for term in reversed(terms):
        expected.sort(key=term.value, reverse=term.descending)
    assert [r.id for r in found] == [r.id for r in expected]


@given(
    st.sampled_from(ORDERS),
    st.integers(1, 5),
    st.lists(st.integers(0, 40), unique=True),
    st.integers(0, 1),
)
def test_chosen_records_come_in_the_same_order(
    snapshot: Snapshot, terms: tuple[OrderTerm, ...], size: int, ids: list[int], rest: int
) -> None:
    ids = [r.id for r in snapshot.listed("version") if r.id in ids]
    chosen = RecordListing(
        "version", terms, "q", array("q", sorted(ids)), lambda r: not rest or r.id % 2 == 1
    )
    plain = [r.id for r in read_page(snapshot, RecordListing("version", terms, "q"), None).records]
    wanted = [number for number in plain if number in ids and (not rest or number % 2)]
    assert [r.id for r in walk(snapshot, chosen, size)] == wanted


@pytest.mark.parametrize("terms", ORDERS)
@pytest.mark.parametrize("ids", [(2,), tuple(range(0, 40, 3)), tuple(range(40))])
def test_hints_and_restrictions_of_any_size(
    snapshot: Snapshot, terms: tuple[OrderTerm, ...], ids: tuple[int, ...]
) -> None:
    known = [r.id for r in snapshot.listed("version")]
    chosen = array("q", [number for number in known if number in ids])
    plain = [r.id for r in read_page(snapshot, RecordListing("version", terms, "q"), None).records]
    wanted = [number for number in plain if number in ids]
    accept = frozenset(ids)
    hint = RecordListing("version", terms, "q", chosen, lambda r: r.id in accept, is_hint=True)
    for listing in (hint, hint._replace(is_hint=False, accept=None)):
        for size in (1, 2, 50):
            assert [r.id for r in walk(snapshot, listing, size)] == wanted


def test_a_token_survives_writes(branch: Branch, snapshot: Snapshot) -> None:
    listing = RecordListing("version", (id_term(),), "q")
    page = read_page(snapshot, listing, 3)
    step = Branch().commit(version_files("99", artifacts=[tracked_artifact()]))
    gone = dict.fromkeys(version_files("3"))
    later = move(snapshot, [step._replace(files={**step.files, **gone})], NOW)
    rest = read_page(later, listing, None, page.next_token).records
    before = [r.id for r in read_page(snapshot, listing, None).records][3:]
    lost = {record.id for record in page.records}
    assert [r.id for r in rest][:-1] == [number for number in before if later.record(number)]
    assert not lost & {r.id for r in rest}


def test_tokens_of_other_queries_and_made_up_ones_are_refused(snapshot: Snapshot) -> None:
    listing = RecordListing("version", (changed_term(descending=True), NAME), "name = 'a'")
    token = read_page(snapshot, listing, 2).next_token
    others = (
        listing._replace(query="name = 'b'"), listing._replace(kind="model"),
        listing._replace(terms=(changed_term(), NAME)), listing._replace(terms=(id_term(),)),
    )  # fmt: skip
    for other in others:
        with pytest.raises(PageTokenError):
            read_page(snapshot, other, 2, token)
    digest, *key = orjson.loads(base64.urlsafe_b64decode(token))
    huge = b"[" + digest.encode() + b", 1e400]"
    refused: tuple[object, ...] = ([digest, "x", "y", 1], [digest, 10**18, "y", 1], [digest, -1, "y", 1], digest,
               [digest, None, [], {}], [digest, 1], [])  # fmt: skip
    for wrong in (*map(orjson.dumps, refused), huge):
        with pytest.raises(PageTokenError):
            read_page(snapshot, listing, 2, base64.urlsafe_b64encode(wrong).decode())
    for odd in ([digest, *key[::-1]], [digest, 1, 1, 1], [digest, key[0], 7, key[2]]):
        with contextlib.suppress(PageTokenError):
            read_page(snapshot, listing, 2, base64.urlsafe_b64encode(orjson.dumps(odd)).decode())


@given(st.text(max_size=40))
def test_any_other_text_is_no_token(snapshot: Snapshot, text: str) -> None:
    if text:
        with pytest.raises(PageTokenError):
            read_page(snapshot, RecordListing("version", (id_term(),), "q"), 2, text)


def test_a_page_of_nothing_leads_to_the_next(snapshot: Snapshot) -> None:
    listing = RecordListing("version", (id_term(),), "q")
    first = read_page(snapshot, listing, 0)
    assert (first.records, bool(first.next_token)) == ([], True)
    assert read_page(snapshot, listing, None, first.next_token) == read_page(
        snapshot, listing, None
    )
    nothing = RecordListing("model", (), "q", array("q"))
    assert read_page(snapshot, nothing, 0).next_token == ""


@pytest.mark.parametrize("descending", [False, True])
def test_pages_of_anything_else(snapshot: Snapshot, descending: bool) -> None:  # noqa: FBT001
    artifacts = list(snapshot.every_artifact())
    term = OrderTerm("changed", lambda record: record.id, descending)
    listing = RecordListing("artifact", (term,), "q")
    found: list[int] = []
    token = ""
    while True:
        page, token = read_items_page(artifacts, lambda a: (a.id % 3, a.id), listing, 2, token)
        found += [artifact.id for artifact in page]
        if not token:
            break
    assert found == sorted((a.id for a in artifacts), key=lambda n: (n % 3, n), reverse=descending)
    assert read_items_page(artifacts, lambda a: (0, a.id), listing, 0)[0] == []
