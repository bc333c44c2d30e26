"""Experiments, checkpoints, metrics, metadata and events, and the stream of what changes in a namespace."""

from __future__ import annotations

import math
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest
from google.protobuf.message import Message
from support import Ran, git
from support.manifests import registry_yaml
from support.modelbox_wire import ModelBoxWire, as_data, modelbox_wire

from registry_tool.manifests.problems import JSON
from registry_tool.server.modelbox.values import read_messages, read_number, read_text

EXPERIMENT: Final = {
    "name": "first tries",
    "owner": "ada",
    "namespace": "nlp",
    "framework": 2,
    "task": "translation",
    "external_id": "run-7",
    "metadata": {"metadata": {"lr": {"number_value": 0.5}}},
}


@pytest.fixture
def folder(make_registry: Callable[..., Path]) -> Path:
    return make_registry({"registry.yaml": registry_yaml()})


@pytest.fixture
def wire(folder: Path) -> Iterator[ModelBoxWire]:
    with modelbox_wire(folder) as found:
        yield found


def experiment(wire: ModelBoxWire, **fields: object) -> str:
    return str(wire.get("CreateExperiment", **{**EXPERIMENT, **fields})["experiment_id"])


def version(wire: ModelBoxWire, **fields: object) -> str:
    model = str(wire.get("CreateModel", name="yolo", namespace="nlp")["id"])
    made = wire.get("CreateModelVersion", model=model, version="1", **fields)
    return str(made["model_version"])


def checkpoint(wire: ModelBoxWire, of: str, epoch: int, **fields: object) -> str:
    made = wire.get("CreateCheckpoint", experiment_id=of, epoch=epoch, **fields)
    return str(made["checkpoint_id"])


def parents(wire: ModelBoxWire) -> dict[str, str]:
    """One of each kind."""
    first = experiment(wire)
    one = version(wire)
    (model,) = wire.items("ListModels", "models", namespace="nlp")
    last = checkpoint(wire, first, 1)
    return {"experiment": first, "version": one, "model": str(model["id"]), "checkpoint": last}


# --- experiments and checkpoints


def test_an_experiment_is_created_once(wire: ModelBoxWire, folder: Path) -> None:
    """MB-17."""
    made = wire.get("CreateExperiment", **EXPERIMENT)
    assert "experiment_exists" not in made
    again = wire.get("CreateExperiment", **EXPERIMENT)
    assert again == {**made, "experiment_exists": True}
    shown = wire.get("GetExperiment", id=made["experiment_id"])["experiment"]
    assert isinstance(shown, dict)
    assert {key: value for key, value in shown.items() if not key.endswith("_at")} == {
        "id": made["experiment_id"],
        "name": "first tries",
        "namespace": "nlp",
        "owner": "ada",
        "framework": "KERAS",
        "external_id": "run-7",
    }
    assert wire.get("ListExperiments", namespace="nlp")["experiments"] == [shown]
    assert wire.get("ListExperiments", namespace="other") == {}
    for field, value in (("owner", "bob"), ("framework", 1), ("task", "x")):
        assert wire.fails("CreateExperiment", **{**EXPERIMENT, field: value})[0] == "ALREADY_EXISTS"
    assert experiment(wire, external_id="run-8") != made["experiment_id"]
    code, message = wire.fails("CreateExperiment", name="other", external_id="run-7")
    assert (code, "already used" in message) == ("ALREADY_EXISTS", True)
    assert "models/nlp/namespace.yaml" in git(folder, "ls-tree", "-r", "--name-only", "HEAD")


def test_checkpoints_belong_to_an_experiment(wire: ModelBoxWire) -> None:
    """MB-17."""
    first = experiment(wire)
    fields: dict[str, object] = {
        "metrics": {"loss": 0.25, "nan": math.nan, "inf": -math.inf},
        "metadata": {"metadata": {"a": {"string_value": "b"}}},
        "files": [{"path": "s3://b/5.ckpt", "checksum": "ab" * 16, "file_type": 2}],
    }
    made = checkpoint(wire, first, 5, **fields)
    assert checkpoint(wire, first, 5, **fields) == made
    failed = wire.fails("CreateCheckpoint", experiment_id=first, epoch=5, metrics={"loss": 1.0})
    assert failed[0] == "ALREADY_EXISTS"
    last = checkpoint(wire, first, 2**64 - 1)
    found = wire.get("GetCheckpoint", experiment_id=first, epoch=5)["checkpoint"]
    assert isinstance(found, dict)
    assert (found["id"], found["epoch"], found["experiment_id"]) == (made, "5", first)
    assert found["metrics"] == {"loss": 0.25, "nan": "NaN", "inf": "-Infinity"}
    files = found["files"]
    assert isinstance(files, list)
    (file,) = files
    assert isinstance(file, dict)
    assert (file["path"], file["file_type"]) == ("s3://b/5.ckpt", "CHECKPOINT")
    listed = wire.get("ListCheckpoints", experiment_id=first)["checkpoints"]
    assert isinstance(listed, list)
    ids = [(one["id"], one["epoch"]) for one in listed if isinstance(one, dict)]
    assert ids == [(made, "5"), (last, str(2**64 - 1))]
    assert wire.fails("GetCheckpoint", experiment_id=first, epoch=6)[0] == "NOT_FOUND"
    assert wire.fails("CreateCheckpoint", experiment_id=made, epoch=6)[0] == "NOT_FOUND"


# --- metadata


def test_metadata_is_any_json_and_the_last_write_of_a_key_wins(wire: ModelBoxWire) -> None:
    """MB-10."""
    plain: dict[str, JSON] = {
        "list": [1, None], "text": "é\n", "real": 1.5, "large": 1e300, "yes": True, "empty": {}, "none": [],
    }  # fmt: skip
    value: dict[str, object] = {"struct_value": plain}
    for name, parent in parents(wire).items():
        wire.ask("UpdateMetadata", parent_id=parent, metadata={"metadata": {"a": value}})
        answer = wire.get(
            "UpdateMetadata",
            parent_id=parent,
            metadata={"metadata": {"b": {"number_value": 1}, "c": {"bool_value": False}}},
        )
        assert answer["num_keys_written"] == 2
        wire.ask(
            "UpdateMetadata", parent_id=parent, metadata={"metadata": {"b": {"number_value": 2}}}
        )
        found = wire.get("ListMetadata", parent_id=parent)["metadata"]
        assert isinstance(found, dict)
        assert {key: found[key] for key in "abc"} == {
            "a": plain,
            "b": 2.0,
            "c": False,
        }, name  # fmt: skip


def test_what_is_no_json_is_refused(wire: ModelBoxWire) -> None:
    parent = experiment(wire)
    deep: dict[str, object] = {"number_value": 1}
    for _ in range(60):
        deep = {"list_value": {"values": [deep]}}
    for value in ({"number_value": math.nan}, {"number_value": math.inf}, deep):
        code, _ = wire.fails(
            "UpdateMetadata", parent_id=parent, metadata={"metadata": {"a": value}}
        )
        assert code == "INVALID_ARGUMENT"
    assert wire.fails("UpdateMetadata", parent_id=parent)[0] == "INVALID_ARGUMENT"


# --- metrics


def points(wire: ModelBoxWire, parent: str) -> dict[str, list[tuple[int, int, object]]]:
    found = wire.ask("GetMetrics", parent_id=parent)
    return {
        read_text(metric, "key"): [_point(one) for one in read_messages(metric, "values")]
        for metric in read_messages(found, "metrics")
    }


def _point(value: Message) -> tuple[int, int, object]:
    kind = str(value.WhichOneof("value"))
    return read_number(value, "step"), read_number(value, "wallclock_time"), getattr(value, kind)


def log(wire: ModelBoxWire, parent: str, key: str, **value: object) -> None:
    wire.ask("LogMetrics", parent_id=parent, key=key, value=value)


def single(number: float) -> float:
    """The nearest number of 32 bits."""
    found: float = struct.unpack("f", struct.pack("f", number))[0]
    return found


@pytest.mark.parametrize("state", ["draft", "sealed"])
def test_metrics_of_every_kind_read_back_in_order(
    wire: ModelBoxWire, folder: Path, cli: Callable[..., Ran], state: str
) -> None:
    """MB-9."""
    owners = parents(wire)
    if state == "sealed":
        cli("seal", "nlp/yolo@1", "--commit", cwd=folder)
    for name, parent in owners.items():
        log(wire, parent, "acc", step=2, wallclock_time=1_700_000_002, f_val=0.97)
        log(wire, parent, "acc", step=1, wallclock_time=1_700_000_009, f_val=0.5)
        log(wire, parent, "when", wallclock_time=20, f_val=2.0)
        log(wire, parent, "when", wallclock_time=10, f_val=1.0)
        log(wire, parent, "words", step=1, s_tensor="good\n")
        log(wire, parent, "words", step=2, s_tensor="NaN")
        log(wire, parent, "bytes", step=1, b_tensor=b"\0\xff")
        log(wire, parent, "odd key / é", step=2**64 - 1, wallclock_time=2**64 - 1, f_val=-0.0)
        log(wire, parent, "ends", step=1, f_val=math.inf)
        log(wire, parent, "ends", step=2, f_val=-math.inf)
        log(wire, parent, "ms", step=1, wallclock_time=1_700_000_000_123, f_val=1.0)
        found = points(wire, parent)
        assert found == {
            "acc": [(1, 1_700_000_009, 0.5), (2, 1_700_000_002, single(0.97))],
            "when": [(0, 10, 1.0), (0, 20, 2.0)],
            "words": [(1, 0, "good\n"), (2, 0, "NaN")],
            "bytes": [(1, 0, b"\0\xff")],
            "odd key / é": [(2**64 - 1, 2**64 - 1, 0.0)],
            "ends": [(1, 0, math.inf), (2, 0, -math.inf)],
            "ms": [(1, 1_700_000_000_123, 1.0)],
        }, name
        log(wire, parent, "nan", f_val=math.nan)
        ((_, _, value),) = points(wire, parent)["nan"]
        assert isinstance(value, float)
        assert math.isnan(value)
    assert cli("check", "--all", cwd=folder).code == 0


def test_metrics_of_a_version_are_where_others_look(wire: ModelBoxWire, folder: Path) -> None:
    log(wire, version(wire), "acc", step=2, wallclock_time=1_700_000_000, f_val=0.97)
    record = git(folder, "show", "HEAD:models/nlp/yolo/drafts/1/version.yaml")
    assert "value: 0.97\n" in record
    assert "timestamp: 1700000000000" in record


def test_a_long_series_goes_into_files_of_some_hundred_points(
    wire: ModelBoxWire, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registry_tool.server.modelbox.metrics._MOST_IN_RECORD", 5)
    monkeypatch.setattr("registry_tool.server.modelbox.metrics._MOST_IN_SERIES", 4)
    for parent in (version(wire), experiment(wire)):
        for step in range(1, 14):
            log(wire, parent, "loss", step=step, f_val=step / 2)
        assert points(wire, parent) == {"loss": [(step, 0, step / 2) for step in range(1, 14)]}
    files = git(folder, "ls-tree", "-r", "--name-only", "HEAD", "objects/modelbox/series")
    assert len(files.split()) == 2 + 4


def test_metrics_without_a_value_or_too_large_are_refused(wire: ModelBoxWire) -> None:
    parent = experiment(wire)
    assert wire.fails("LogMetrics", parent_id=parent, key="a")[0] == "INVALID_ARGUMENT"
    assert wire.fails("LogMetrics", parent_id=parent, value={"f_val": 1.0})[0] == "INVALID_ARGUMENT"
    large = {"s_tensor": "x" * 50_000}
    assert wire.fails("LogMetrics", parent_id=parent, key="a", value=large)[0] == "INVALID_ARGUMENT"
    huge = {"b_tensor": bytes(2 << 20)}
    assert (
        wire.fails("LogMetrics", parent_id=parent, key="a", value=huge)[0] == "RESOURCE_EXHAUSTED"
    )


# --- events


def test_events_are_listed_by_parent_since_a_moment(wire: ModelBoxWire) -> None:
    """MB-18."""
    for name, parent in parents(wire).items():
        event: dict[str, object] = {
            "name": "deployed / é",
            "source": {"name": "ci"},
            "wallclock_time": {"seconds": 1_700_000_000, "nanos": 123_456_789},
            "metadata": {"metadata": {"k": {"string_value": "v"}}},
        }
        earlier = {**event, "name": "built", "wallclock_time": {"seconds": 1_600_000_000}}
        first = wire.get("LogEvent", parent_id=parent, event=event)["created_at"]
        assert wire.get("LogEvent", parent_id=parent, event=event)["created_at"] == first
        wire.ask("LogEvent", parent_id=parent, event=earlier)
        wire.ask("LogEvent", parent_id=parent, event={"name": "now", "source": {"name": "x"}})
        found = wire.get("ListEvents", parent_id=parent)["events"]
        assert isinstance(found, list)
        assert found[:2] == [
            {
                "name": "built",
                "source": {"name": "ci"},
                "wallclock_time": "2020-09-13T12:26:40Z",
                "metadata": {"metadata": {"k": "v"}},
            },
            {
                "name": "deployed / é",
                "source": {"name": "ci"},
                "wallclock_time": "2023-11-14T22:13:20.123456789Z",
                "metadata": {"metadata": {"k": "v"}},
            },
        ], name
        late = wire.get("ListEvents", parent_id=parent, since={"seconds": 1_700_000_001})["events"]
        assert late == found[2:]


@pytest.mark.parametrize("event", [{}, {"name": "a"}, {"source": {"name": "a"}}, {"name": "a", "source": {"name": "b"}, "wallclock_time": {"nanos": -1}}])  # fmt: skip
def test_an_event_needs_a_name_and_a_source(wire: ModelBoxWire, event: dict[str, object]) -> None:
    failed = wire.fails("LogEvent", parent_id=experiment(wire), event=event)
    assert failed[0] == "INVALID_ARGUMENT"


# --- watching


def watched(messages: Iterator[Message], count: int) -> list[tuple[str, str, str]]:
    """The next messages: what happened, to what, its name."""
    found: list[tuple[str, str, str]] = []
    for message in messages:
        data = as_data(message)
        payload = data["payload"]
        assert isinstance(payload, dict)
        found.append((str(data["event"]), str(payload["type"]), str(payload.get("name"))))
        if len(found) == count:
            break
    return found


def test_a_watcher_is_told_what_changes_in_its_namespace(
    wire: ModelBoxWire, folder: Path, cli: Callable[..., Ran]
) -> None:
    """MB-19, MB-20."""
    now = int(time.time()) + 2
    live = wire.watch("nlp", now)
    made = parents(wire)
    wire.ask("CreateModel", name="elsewhere", namespace="other")
    wire.ask(
        "UpdateMetadata",
        parent_id=made["version"],
        metadata={"metadata": {"a": {"bool_value": True}}},
    )
    wire.ask("LogEvent", parent_id=made["version"], event={"name": "x", "source": {"name": "y"}})
    cli("seal", "nlp/yolo@1", "--commit", cwd=folder)
    expected = [
        ("OBJECT_CREATED", "experiment", "first tries"),
        ("OBJECT_CREATED", "model", "yolo"),
        ("OBJECT_CREATED", "model_version", "yolo"),
        ("OBJECT_CREATED", "checkpoint", "epoch 1"),
        ("OBJECT_UPDATED", "model_version", "yolo"),
        ("OBJECT_CREATED", "event", "x"),
        ("OBJECT_UPDATED", "model_version", "yolo"),
    ]
    assert watched(live, 7) == expected
    live.cancel()
    again = wire.watch("nlp")
    assert watched(again, 1) == expected[:1]
    again.cancel()


def test_a_watch_ends_with_its_deadline_and_with_the_server(folder: Path) -> None:
    with modelbox_wire(folder) as wire:
        assert wire.failure(lambda: list(wire.watch("nlp", timeout=0.3)))[0] == "DEADLINE_EXCEEDED"
        open_call = wire.watch("nlp")
        experiment(wire)
        watched(iter(open_call), 1)
        assert wire.service is not None
        wire.service.stop()
        assert list(open_call) == []


def test_the_only_member_of_the_cluster_is_this_server(wire: ModelBoxWire) -> None:
    (member,) = wire.items("GetClusterMembers", "members")
    assert member["http_addr"] == "127.0.0.1:8080"
