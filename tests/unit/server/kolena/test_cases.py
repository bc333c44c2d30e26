"""Kolena's test cases: versions, membership, metadata of samples, several at once, and two clients at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, cast

import pytest
from support.kolena_wire import (
    add_case,
    edit_rows,
    encode_rows,
    load_case,
    put_chunk,
    said,
    upload_rows,
)
from support.served_apps import Reply, ServedApp

from registry_tool.manifests.problems import JSON

A, B, C = '{"locator": "a"}', '{"locator": "b"}', '{"locator": "c", "x": NaN}'
# Kept as text: no number, escape or order of it may change.
TEXTS: Final = (
    '{"b": NaN, "a": Infinity, "n": 1e400, "i": 123456789012345678901234567890}',
    '{"u": "\\u0000\\ud83d\\ude00", "s": "ü\u2028\u00ad"}',
    "[ 1,2 ]",
    '"plain"',
    "",
)


def edit(app: ServedApp, case: Mapping[str, JSON], load: str, **changes: JSON) -> Reply:
    body: dict[str, JSON] = {
        "test_case_id": case["id"], "current_version": case["version"], "description": case["description"],
        "reset": False, "uuid": load, **changes,
    }  # fmt: skip
    return app.ask("PUT", "generic/test-case/edit", body)


def load(app: ServedApp, name: str, version: int | None = None) -> Reply:
    return app.ask("PUT", "generic/test-case/load", {"name": name, "version": version})


def samples(app: ServedApp, case: Mapping[str, JSON]) -> list[JSON]:
    return load_case(app, case).get("test_sample", [])


def test_a_new_case_is_version_0_and_its_first_samples_make_it_1(app: ServedApp) -> None:
    assert load(app, "first").status == 404
    empty = add_case(app, "first")
    assert empty["version"] == 0
    assert samples(app, empty) == []
    made = said(edit(app, empty, upload_rows(app, edit_rows((A, "{}", "1"))), description="Words"))
    assert made == {**empty, "id": made["id"], "version": 1, "description": "Words"}
    assert made["id"] != empty["id"]
    assert said(load(app, "first")) == made
    assert said(load(app, "first", 0)) == empty
    assert load(app, "first", 2).status == 404
    again = app.ask("POST", "generic/test-case/create", {"name": "first", "workflow": "other"})
    assert again.status == 409


def test_an_upload_edits_the_samples_and_old_versions_stay(app: ServedApp) -> None:
    first = add_case(app, "first", (A, "{}", "1"), (B, "{}", "2"), (C, "{}", "3"))
    rows = edit_rows((A, "{}", None), (A, "{}", "4"), (B, "{}", "5"), ("absent", "{}", None), remove=(0, 3))  # fmt: skip
    second = said(edit(app, first, upload_rows(app, rows)))
    found = load_case(app, second)
    assert found["test_sample"] == [B, C, A]
    assert found["ground_truth"] == ["5", "3", "4"]
    assert load_case(app, first)["ground_truth"] == ["1", "2", "3"]
    emptied = said(edit(app, second, upload_rows(app), reset=True))
    assert (emptied["version"], samples(app, emptied)) == (3, [])
    assert len(samples(app, second)) == 3


def test_a_description_makes_a_version_with_the_same_samples(app: ServedApp) -> None:
    first = add_case(app, "first", (A, "{}", "1"))
    second = said(edit(app, first, upload_rows(app), description="New"))
    assert (second["version"], second["description"]) == (2, "New")
    assert samples(app, second) == [A]


def test_texts_are_kept_byte_for_byte(app: ServedApp) -> None:
    rows = [(f"sample {number} {text}", text, text) for number, text in enumerate(TEXTS)]
    first = add_case(app, "first", *rows)
    assert load_case(app, first) == {
        "test_sample": [one[0] for one in rows],
        "test_sample_metadata": [*TEXTS],
        "ground_truth": [*TEXTS],
    }
    second = said(edit(app, first, upload_rows(app, edit_rows((A, "{}", None)))))
    assert load_case(app, second)["ground_truth"] == [*TEXTS, None]


def test_the_newest_metadata_of_a_sample_is_seen_everywhere(app: ServedApp) -> None:
    first = add_case(app, "first", (A, '{"m": 1}', "1"), (B, '{"m": 1}', "1"))
    other = add_case(app, "other", (A, '{"m": 2}', "9"))
    assert load_case(app, first)["test_sample_metadata"] == ['{"m": 2}', '{"m": 1}']
    # What says nothing changes nothing, and a version that only carries samples on brings nothing.
    second = said(edit(app, first, upload_rows(app, edit_rows((A, "{}", "2"), (C, "{}", "3")))))
    carried = said(edit(app, second, upload_rows(app), description="carried"))
    assert load_case(app, carried)["test_sample_metadata"] == ['{"m": 2}', '{"m": 1}', "{}"]
    said(edit(app, other, upload_rows(app, edit_rows((A, '{"m": 3}', "9")))))
    foreign = add_case(app, "foreign", (B, '{"m": 7}', "1"), workflow="other")
    for case in (first, second, carried):
        assert load_case(app, case)["test_sample_metadata"][:2] == ['{"m": 3}', '{"m": 1}']
    assert load_case(app, foreign)["test_sample_metadata"] == ['{"m": 7}']


def test_two_clients_that_edit_one_version(app: ServedApp) -> None:
    first = add_case(app, "first", (A, "{}", "1"))
    one, two = (upload_rows(app, edit_rows((text, "{}", "1"))) for text in (B, C))
    second = said(edit(app, first, one))
    late = edit(app, first, two)
    assert late.status == 409
    assert "newest version is 2" in str(late.data["detail"])
    assert samples(app, second) == [A, B]
    assert edit(app, {**second, "version": 1}, two).status == 422
    assert samples(app, said(edit(app, second, two))) == [A, B, C]


def process(app: ServedApp, load_id: str | None, *names: str, reset: bool = False, workflow: str = "lang") -> Reply:  # fmt: skip
    cases: list[JSON] = [{"name": name, "reset": reset} for name in names]
    return app.ask("POST", "generic/test-case/bulk-process", {"test_cases": cases, "workflow": workflow, "uuid": load_id})  # fmt: skip


def outcome(reply: Reply) -> list[tuple[JSON, JSON, JSON]]:
    found = cast("list[dict[str, dict[str, JSON]]]", said(reply)["test_cases"])
    return [(one["data"]["name"], one["data"]["version"], one["status"]) for one in found]


def test_several_cases_are_created_loaded_and_reset_at_once(app: ServedApp) -> None:
    add_case(app, "old", (A, "{}", "1"))
    chunks = [edit_rows((B, "{}", "2"), case="old"), edit_rows((A, "{}", "1"), (B, "{}", "2"), case="new")]  # fmt: skip
    before = app.service.snapshot.line
    found = outcome(process(app, upload_rows(app, *chunks), "new", "old", "empty"))
    assert found == [("new", 1, "created"), ("old", 1, "loaded"), ("empty", 0, "created")]
    assert len(app.service.snapshot.line) == len(before) + 1
    assert samples(app, said(load(app, "old"))) == [A]
    assert samples(app, said(load(app, "new"))) == [A, B]
    assert said(load(app, "new", 0))["version"] == 0
    found = outcome(process(app, upload_rows(app, chunks[0]), "old", "new", reset=True))
    assert found == [("old", 2, "edited"), ("new", 2, "edited")]
    assert samples(app, said(load(app, "old"))) == [B]
    assert samples(app, said(load(app, "new"))) == []


def test_several_cases_are_all_written_or_none(app: ServedApp) -> None:
    add_case(app, "foreign", workflow="other")
    tip = app.service.snapshot.commit
    load_id = upload_rows(app, edit_rows((A, "{}", "1"), case="new"))
    assert process(app, load_id, "new", "foreign").status == 409
    assert process(app, load_id, "other").status == 422
    assert process(app, load_id, "new", "new").status == 422
    assert app.service.snapshot.commit == tip
    assert outcome(process(app, load_id, "new")) == [("new", 1, "created")]


def test_a_load_of_several_chunks_keeps_their_order(app: ServedApp) -> None:
    empty = add_case(app, "first")
    chunks = [edit_rows((A, "{}", "1"), (B, "{}", "1")), edit_rows((C, "{}", "1"), (A, "{}", "2"))]
    made = said(edit(app, empty, upload_rows(app, *chunks)))
    found = load_case(app, made)
    assert (found["test_sample"], found["ground_truth"]) == ([A, B, C], ["2", "1", "1"])


def test_a_load_is_gone_after_its_use(app: ServedApp) -> None:
    empty = add_case(app, "first")
    used = upload_rows(app, edit_rows((A, "{}", "1")))
    made = said(edit(app, empty, used))
    assert edit(app, made, used).status == 404
    assert put_chunk_of_nothing(app, used) == 404
    assert edit(app, made, "0" * 32).status == 404
    assert edit(app, made, "../x").status == 422


def put_chunk_of_nothing(app: ServedApp, load_id: str) -> int:
    return app.ask("GET", f"batched-load/upload/signed-url/{load_id}").status


@pytest.mark.parametrize("batch", [1, 2, 1000])
def test_a_download_comes_in_files_of_the_wanted_size(app: ServedApp, batch: int) -> None:
    made = add_case(app, "first", *((f"{number}", "{}", "1") for number in range(5)))
    reply = app.ask(
        "PUT", "generic/test-case/load-test-samples", {"test_case_id": made["id"], "batch_size": batch}
    )  # fmt: skip
    assert len(reply.content.splitlines()) == -(-5 // batch)
    assert samples(app, made) == ["0", "1", "2", "3", "4"]
    assert app.ask("PUT", "batched-load/download/complete", {"uuid": "x"}).status == 200


def test_an_address_is_for_one_use(app: ServedApp) -> None:
    load_id = upload_rows(app)
    url = str(said(app.ask("GET", f"batched-load/upload/signed-url/{load_id}"))["signed_url"])
    content = encode_rows(edit_rows((A, "{}", "1")))
    headers = {"Content-Type": ""}
    assert app.ask("PUT", url, content=b"no Parquet", headers=headers).status == 422
    assert app.ask("PUT", url, content=content, headers=headers).status == 200
    assert app.ask("PUT", url, content=content, headers=headers).status == 403
    assert put_chunk(app, load_id, content).status == 200
