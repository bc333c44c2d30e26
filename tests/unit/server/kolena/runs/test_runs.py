"""Kolena's test runs: found again, with inferences that belong to the model, and metrics that end as evidence."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import pytest
from support.kolena_runs import TestedModel, add_model, add_suite, upload_metrics
from support.kolena_wire import Rows, add_case, decode_rows, read_rows, said, upload_rows
from support.served_apps import ServedApp

from registry_tool.edits.objects import ObjectName, edit_object
from registry_tool.live.records import ObjectRecord, VersionRecord
from registry_tool.manifests.data import Data, member, records, text
from registry_tool.manifests.problems import JSON
from registry_tool.writer.request import Person, WriteRequest

SAMPLES: Final = ('{"locator": "a"}', '{"locator": "b", "x": NaN}', '{"locator": "ü\u2028"}')
# Kept as text: no number, escape or order of it may change.
TEXTS: Final = ('{"b": NaN, "a": -Infinity, "n": 1e400}', '{"u": "\\u0000\\ud83d"}', "[ 1,2 ]")


def list_objects(app: ServedApp, kind: str) -> list[ObjectRecord]:
    found = app.service.snapshot.listed(f"kolena/{kind}")
    return [one for one in found if isinstance(one, ObjectRecord)]


def find_object(app: ServedApp, kind: str, number: JSON = None) -> ObjectRecord:
    (record,) = [one for one in list_objects(app, kind) if number in (None, one.id)]
    return record


def list_evidence(app: ServedApp) -> list[Data]:
    (version,) = app.service.snapshot.listed("version")
    assert isinstance(version, VersionRecord)
    return [*version.evidence().values()]


def values(evidence: Data) -> dict[str, JSON]:
    return {text(one, "key"): one["value"] for one in records(evidence, "metrics")}


@pytest.fixture
def run(app: ServedApp) -> TestedModel:
    return TestedModel.build(app, *SAMPLES)


def finish(run: TestedModel, accuracy: str = "0.97") -> None:
    (case,) = [one["id"] for one in records(run.suite, "test_cases")]
    assert isinstance(case, int)
    said(run.measure_cases((case, None, f'{{"accuracy": {accuracy}}}')))
    said(run.measure_suite((None, f'{{"accuracy": {accuracy}}}')))


# --- runs


def test_a_run_is_found_again_by_model_suite_and_evaluator(run: TestedModel) -> None:
    commit = run.app.service.snapshot.commit
    assert said(run.begin("Judge"))["test_run_id"] == run.id
    assert run.app.service.snapshot.commit == commit
    others = {said(run.begin(name))["test_run_id"] for name in ("judge", None)}
    assert len({run.id, *others}) == 3
    record = find_object(run.app, "test-run", run.id)
    assert (record.state, record.data["evaluator"]) == ("running", "Judge")
    assert record.data["model"] == "default/lang-id@1"


def test_configurations_are_kept_as_text(run: TestedModel) -> None:
    content = (
        f'{{"model_id": {run.model["id"]}, "test_suite_id": {run.suite["id"]}, "evaluator": "Judge",'
        ' "configurations": [{"display_name": "all", "configuration": {"b": NaN, "a": -Infinity}}]}'
    )
    path = "generic/test-run/create-or-retrieve"
    assert said(run.app.ask("PUT", path, content=content.encode()))["test_run_id"] == run.id
    (known,) = records(find_object(run.app, "test-run").data, "configurations")
    assert known == {"display_name": "all", "configuration": '{"a": -Infinity, "b": NaN}'}


def test_a_run_needs_one_workflow(run: TestedModel) -> None:
    other = add_model(run.app, "other", workflow="other")
    body: dict[str, JSON] = {"model_id": other["id"], "test_suite_id": run.suite["id"]}
    reply = run.app.ask("PUT", "generic/test-run/create-or-retrieve", body)
    assert (reply.status, "workflows" in str(reply.data["detail"])) == (422, True)
    case = records(run.suite, "test_cases")[0]
    body = {"model_id": other["id"], "test_case_id": case["id"], "batch_size": 10}
    assert run.app.ask("PUT", "generic/model/load-inferences", body).status == 422


def test_status_and_crash_are_recorded(run: TestedModel) -> None:
    body: dict[str, JSON] = {"test_run_id": run.id, "progress": 0.5, "message": "half\nof it"}
    said(run.app.ask("PUT", "generic/test-run/update-metrics-status", body))
    status = {"progress": 0.5, "message": "half\nof it"}
    assert find_object(run.app, "test-run").data["status"] == status
    said(run.app.ask("POST", "generic/test-run/mark-crashed", {"test_run_id": run.id}))
    assert find_object(run.app, "test-run").state == "crashed"
    assert list_evidence(run.app) == []
    said(run.upload(*((one, "{}") for one in SAMPLES)))
    finish(run)
    assert find_object(run.app, "test-run").state == "finished"


def test_no_evaluator_runs_on_the_server(run: TestedModel) -> None:
    reply = run.app.ask("PUT", "generic/test-run/evaluate", {"test_run_id": run.id})
    assert (reply.status, "pass an evaluator" in str(reply.data["detail"])) == (422, True)


# --- inferences


def test_only_samples_without_an_inference_remain(run: TestedModel) -> None:
    assert run.remaining() == [*SAMPLES]
    assert said(run.upload((SAMPLES[1], "{}")))["n_uploaded"] == 1
    assert run.remaining() == [SAMPLES[0], SAMPLES[2]]
    assert run.remaining(load_all=True) == [*SAMPLES]
    assert said(run.upload((SAMPLES[0], "{}"), (SAMPLES[2], "{}")))["n_uploaded"] == 2
    assert run.remaining() == []


def test_texts_of_inferences_are_kept_byte_for_byte(run: TestedModel) -> None:
    said(run.upload(*zip(SAMPLES, TEXTS, strict=True)))
    found = run.inferences()
    assert found["test_sample"] == [*SAMPLES]
    assert found["inference"] == [*TEXTS]
    assert found["ground_truth"] == [f"truth of {one}" for one in SAMPLES]
    assert found["test_sample_metadata"] == ["{}"] * 3


def test_a_second_inference_needs_reset(run: TestedModel) -> None:
    said(run.upload((SAMPLES[0], "1"), (SAMPLES[1], "1")))
    reply = run.upload((SAMPLES[1], "2"), (SAMPLES[2], "2"))
    assert reply.status == 422
    assert "1 of 2 test samples have an inference" in str(reply.data["detail"])
    assert run.inferences()["inference"] == ["1", "1"]  # all or nothing
    said(run.upload((SAMPLES[1], "2"), (SAMPLES[2], "2"), reset=True))
    assert run.inferences()["inference"] == ["1", "2", "2"]
    said(run.upload((SAMPLES[0], "3"), (SAMPLES[0], "4"), reset=True))
    assert run.inferences()["inference"] == ["4", "2", "2"]


def test_one_upload_names_each_sample_once_and_only_those_of_the_suite(run: TestedModel) -> None:
    twice = run.upload((SAMPLES[0], "1"), (SAMPLES[0], "2"))
    assert (twice.status, "two inferences" in str(twice.data["detail"])) == (422, True)
    strange = run.upload((SAMPLES[0], "1"), ('{"locator": "else"}', "2"), reset=True)
    assert strange.status == 422
    assert "1 test sample is not in the test suite" in str(strange.data["detail"])
    assert run.remaining() == [*SAMPLES]


def test_a_repeated_request_writes_nothing_more(run: TestedModel) -> None:
    rows = {"test_sample": [SAMPLES[0]], "inference": ["1"]}
    load = upload_rows(run.app, rows)
    assert said(run.upload(load=load))["n_uploaded"] == 1
    commit = run.app.service.snapshot.commit
    assert said(run.upload(load=load))["n_uploaded"] == 1
    assert run.app.service.snapshot.commit == commit


def test_inferences_belong_to_the_model(app: ServedApp, run: TestedModel) -> None:
    said(run.upload((SAMPLES[0], "1"), (SAMPLES[1], "1")))
    case = add_case(app, "second", (SAMPLES[1], "{}", "other truth"), ("new", "{}", None))
    suite = add_suite(app, "both", case, *records(run.suite, "test_cases"))
    other = TestedModel(app, run.model, suite, "judge")
    assert other.remaining() == ["new", SAMPLES[2]]
    assert other.inferences_on(case) == ["1"]
    said(other.upload(("new", "2")))
    assert other.inferences()["test_sample"] == [SAMPLES[1], "new", SAMPLES[0]]
    fresh = TestedModel(app, add_model(app, "fresh"), suite)
    assert fresh.inferences() == {}
    assert fresh.remaining() == [SAMPLES[1], "new", SAMPLES[0], SAMPLES[2]]


def test_what_is_uploaded_meanwhile_moves_no_file_of_a_download(run: TestedModel) -> None:
    path = "generic/test-run/load-remaining-test-samples"
    reply = run.app.ask("PUT", path, {"test_run_id": run.id, "load_all": False, "batch_size": 1})
    lines = reply.content.decode().splitlines()
    assert len(lines) == 3
    said(run.upload((SAMPLES[0], "1")))
    assert [read_rows(run.app, line)["test_sample"] for line in lines] == [[s] for s in SAMPLES]


# --- metrics and evidence


def test_a_finished_run_becomes_evidence(run: TestedModel) -> None:
    said(run.upload(*((one, "{}") for one in SAMPLES)))
    finish(run)
    (found,) = list_evidence(run.app)
    assert (found["kind"], found["schema"]) == ("metrics", "evidence/v1")
    assert values(found) == {
        "kolena/holdout@1/Judge/suite/accuracy": 0.97,
        "kolena/holdout@1/Judge/case/first@1/accuracy": 0.97,
    }
    assert "verdict" not in found


def test_the_same_result_again_is_the_same_evidence_and_another_revises_it(
    run: TestedModel,
) -> None:
    said(run.upload(*((one, "{}") for one in SAMPLES)))
    finish(run)
    finish(run)
    (first,) = list_evidence(run.app)
    said(run.measure_cases())
    said(run.measure_suite((None, '{"accuracy": NaN}')))
    _, second = list_evidence(run.app)
    assert text(second, "revises").endswith("-1")
    assert values(second) == {"kolena/holdout@1/Judge/suite/accuracy": "NaN"}
    said(run.measure_suite())
    assert values(list_evidence(run.app)[2]) == {"kolena/holdout@1/Judge/suite/status": "nothing measured"}  # fmt: skip
    finish(run)
    assert values(list_evidence(run.app)[3]) == values(first)


def test_a_run_with_samples_left_is_no_evidence(run: TestedModel) -> None:
    said(run.upload((SAMPLES[0], "{}")))
    finish(run)
    assert find_object(run.app, "test-run").state == "incomplete"
    assert list_evidence(run.app) == []
    said(run.upload(*((one, "{}") for one in SAMPLES[1:])))
    finish(run)
    assert find_object(run.app, "test-run").state == "finished"
    assert len(list_evidence(run.app)) == 1


def test_metrics_are_named_by_the_version_of_the_suite(app: ServedApp, run: TestedModel) -> None:
    said(run.upload(*((one, "{}") for one in SAMPLES)))
    case = add_case(app, "easy", (SAMPLES[0], "{}", "x"))
    body: dict[str, JSON] = {"test_suite_id": run.suite["id"], "current_version": 1, "name": "holdout", "description": ""}  # fmt: skip
    easy = said(app.ask("POST", "generic/test-suite/edit", {**body, "test_case_ids": [case["id"]]}))
    finish(TestedModel(app, run.model, easy), "1.0")
    (found,) = list_evidence(app)
    assert "kolena/holdout@2/Judge/suite/accuracy" in values(found)
    assert not any("holdout@1" in key for key in values(found))


def test_a_suite_whose_title_was_edited_does_not_take_the_name_of_another(
    app: ServedApp, run: TestedModel
) -> None:
    easy = add_suite(app, "easy", add_case(app, "easy case", (SAMPLES[0], "{}", "x")))
    said(run.upload(*((one, "{}") for one in SAMPLES)))
    slugs = {one.shown: one.slug for one in list_objects(app, "test-suite")}  # fmt: skip
    for old, new in (("holdout", "former"), ("easy", "holdout")):
        edit = edit_object(ObjectName("kolena", "test-suite", slugs[old]), title=new)
        asyncio.run(app.service.write(WriteRequest(edit, Person("Eve", "eve@example.org"))))
    finish(TestedModel(app, run.model, easy), "1.0")
    (found,) = list_evidence(app)
    assert all(key.startswith("kolena/[easy-") for key in values(found))


def test_metrics_stay_as_they_came(run: TestedModel) -> None:
    columns = {"test_sample": [*SAMPLES], "metrics": [*TEXTS]}
    case = records(run.suite, "test_cases")[0]["id"]
    configuration: dict[str, JSON] = {"display_name": "0.5", "configuration": {"threshold": 0.5}}
    fields: dict[str, JSON] = {"test_case_id": case, "configuration": configuration}
    said(upload_metrics(run, "test-sample-metrics", columns, **fields))
    model = run.model["id"]
    said(upload_metrics(run, "test-sample-thresholded-metrics", columns, model_id=model, **fields))
    kinds = {}
    for record in run.app.service.snapshot.listed("kolena/metrics"):
        assert isinstance(record, ObjectRecord)
        kinds[text(record.data, "level")] = record.data
        (file,) = records(record.data, "files")
        stored = run.app.service.registry.store.fetch({**file, "name": "rows", "path": "rows"})
        assert decode_rows(stored.read_bytes()) == columns
    assert sorted(kinds) == ["test-sample", "thresholded"]
    for data in kinds.values():
        assert member(data, "configuration") == {"display_name": "0.5", "configuration": '{"threshold": 0.5}'}  # fmt: skip
        assert text(data, "case").startswith("first-")


# --- bad input


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("create-or-retrieve", {"model_id": 1, "test_suite_id": 99_999}),
        ("create-or-retrieve", {"model_id": 99_999, "test_suite_id": 1}),
        ("evaluate", {"test_run_id": 99_999}),
        ("load-remaining-test-samples", {"test_run_id": 99_999, "batch_size": 10}),
        ("load-test-sample-inferences", {"test_run_id": 99_999, "batch_size": 10}),
        ("upload-inferences", {"test_run_id": 99_999, "uuid": "0" * 32}),
        ("upload-inferences", {"test_run_id": "run", "uuid": "0" * 32}),
        ("upload-test-sample-metrics", {"test_run_id": 99_999, "uuid": "0" * 32}),
        ("upload-test-case-metrics", {"test_run_id": 99_999, "uuid": "0" * 32, "test_suite_id": 1}),
        ("update-metrics-status", {"test_run_id": 99_999, "progress": 0.1}),
    ],
)  # fmt: skip
def test_what_does_not_exist_is_not_found(
    run: TestedModel, path: str, body: dict[str, JSON]
) -> None:
    status = {int: 404, str: 422}[type(body.get("test_run_id", 1))]
    assert run.app.ask("PUT", f"generic/test-run/{path}", body).status == status
    crashed = run.app.ask("POST", "generic/test-run/mark-crashed", {"test_run_id": 99_999})
    assert crashed.status == 404


def test_an_upload_that_does_not_exist_is_not_found(run: TestedModel) -> None:
    assert run.upload(load="0" * 32).status == 404
    body: dict[str, JSON] = {"test_run_id": run.id, "uuid": "0" * 32, "test_suite_id": run.suite["id"]}  # fmt: skip
    for what in ("test-sample-metrics", "test-case-metrics", "test-case-plots", "test-suite-metrics"):  # fmt: skip
        assert run.app.ask("PUT", f"generic/test-run/upload-{what}", body).status == 404
    for load in ("../x", "0" * 31, "g" * 32):
        assert run.upload(load=load).status == 422


@pytest.mark.parametrize(
    "body",
    [
        {"progress": 0.1, "message": "x" * 20_000},
        {"progress": "0.1"},
        {"progress": -1},
        {"message": "x"},
        {"progress": True},
    ],
)
def test_a_status_must_be_one(run: TestedModel, body: dict[str, JSON]) -> None:
    path = "generic/test-run/update-metrics-status"
    assert run.app.ask("PUT", path, {"test_run_id": run.id, **body}).status == 422


@pytest.mark.parametrize("value", ["NaN", "Infinity", "[" * 100_000])
def test_constants_are_allowed_only_in_configurations(run: TestedModel, value: str) -> None:
    content = f'{{"test_run_id": {run.id}, "progress": {value}}}'.encode()
    path = "generic/test-run/update-metrics-status"
    assert run.app.ask("PUT", path, content=content).status == 400
    body = f'{{"model_id": {run.model["id"]}, "test_suite_id": {value}}}'.encode()
    path = "generic/test-run/create-or-retrieve"
    assert run.app.ask("PUT", path, content=body).status in {400, 422}


@pytest.mark.parametrize(
    "make",
    [
        lambda: {"test_sample": [SAMPLES[0]], "inference": [None]},
        lambda: {"test_sample": [SAMPLES[0]], "inference": [3]},
        lambda: {"test_sample": [SAMPLES[0]]},
        lambda: {"test_sample": [SAMPLES[0]], "inference": ["{}"], "more": ["x"]},
    ],
)
def test_other_columns_are_refused(run: TestedModel, make: Callable[[], Rows]) -> None:
    load = upload_rows(run.app, make())
    assert run.upload(load=load).status == 422
    assert run.remaining() == [*SAMPLES]


def test_metrics_about_something_else_are_refused(app: ServedApp, run: TestedModel) -> None:
    case = add_case(app, "foreign", (SAMPLES[0], "{}", "x"))
    other = add_suite(app, "other", case)
    number = case["id"]
    assert isinstance(number, int)
    assert run.measure_cases((number, None, "{}")).status == 422
    columns = {"test_sample": [SAMPLES[0]], "metrics": ["{}"]}
    assert upload_metrics(run, "test-sample-metrics", columns, test_case_id=number).status == 422
    wrong: Rows = {"configuration_display_name": [None], "metrics": ["{}"]}
    assert upload_metrics(run, "test-suite-metrics", wrong, test_suite_id=other["id"]).status == 422
    stranger = add_model(app, "stranger")["id"]
    reply = upload_metrics(run, "test-sample-thresholded-metrics", columns, model_id=stranger)
    assert reply.status == 422
    assert run.measure_suite((None, "[1]")).status == 422
    assert run.measure_suite((None, "{")).status == 422
    assert list_evidence_of(app, run) == []


def list_evidence_of(app: ServedApp, run: TestedModel) -> list[Data]:
    version = app.service.snapshot.record(int(str(run.model["id"])))
    assert isinstance(version, VersionRecord)
    return [*version.evidence().values()]


def test_configurations_have_bounds(run: TestedModel) -> None:
    one: dict[str, JSON] = {"display_name": "x", "configuration": {"a": "y" * 17_000}}
    assert run.begin("Judge", [one]).status == 422
    many: list[JSON] = [
        {"display_name": str(n), "configuration": {"a": "y" * 9000}} for n in range(9)
    ]
    assert run.begin("Judge", many).status == 422
    few: list[JSON] = [{"display_name": str(n), "configuration": {}} for n in range(101)]
    assert run.begin("Judge", few).status == 422
    assert run.begin("").status == 422
