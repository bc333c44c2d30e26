"""Models and versions: created once, refused with other content, shown as they were given."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import grpc
import pytest
from support import git
from support.manifests import registry_yaml
from support.modelbox_wire import ModelBoxWire, modelbox_wire

from registry_tool.manifests.problems import JSON
from registry_tool.server.modelbox.values import build

NAMESPACE: Final = "ai/langtech/translation"
MODEL: Final = {
    "name": "yolo",
    "owner": "ada@example.org",
    "namespace": NAMESPACE,
    "task": "object detection",
    "description": "Finds things.",
}


@pytest.fixture
def folder(make_registry: Callable[..., Path]) -> Path:
    return make_registry({"registry.yaml": registry_yaml()})


@pytest.fixture
def wire(folder: Path) -> Iterator[ModelBoxWire]:
    with modelbox_wire(folder) as found:
        yield found


def models(wire: ModelBoxWire, namespace: str = NAMESPACE) -> list[dict[str, JSON]]:
    found = wire.get("ListModels", namespace=namespace).get("models", [])
    assert isinstance(found, list)
    return [one for one in found if isinstance(one, dict)]


def versions(wire: ModelBoxWire, model: str) -> list[dict[str, JSON]]:
    found = wire.get("ListModelVersions", model=model).get("models", [])
    assert isinstance(found, list)
    return [one for one in found if isinstance(one, dict)]


def new_model(wire: ModelBoxWire, **fields: object) -> str:
    return str(wire.get("CreateModel", **{**MODEL, **fields})["id"])


def new_version(wire: ModelBoxWire, model: str, version: str, **fields: object) -> str:
    made = wire.get("CreateModelVersion", model=model, version=version, **fields)
    return str(made["model_version"])


def test_a_model_is_created_once_and_shown_as_it_was_given(
    wire: ModelBoxWire, folder: Path
) -> None:
    """MB-1, MB-8."""
    first = new_model(wire, metadata={"metadata": {"a": {"number_value": 1}}})
    assert len(first) == 40
    before = git(folder, "rev-parse", "HEAD")
    assert new_model(wire) == first
    assert new_model(wire, owner="", task="", description="") == first
    assert git(folder, "rev-parse", "HEAD") == before
    (shown,) = models(wire)
    times = {shown.pop("created_at"), shown.pop("updated_at")}
    assert len(times) == 1
    assert shown == {"id": first, **MODEL}


@pytest.mark.parametrize("field", ["owner", "task", "description"])
def test_the_same_name_with_other_content_already_exists(wire: ModelBoxWire, field: str) -> None:
    new_model(wire)
    code, message = wire.fails("CreateModel", **{**MODEL, field: "other"})
    assert code == "ALREADY_EXISTS"
    assert f"another {field}" in message


def test_other_metadata_and_other_case_already_exist(wire: ModelBoxWire) -> None:
    new_model(wire, metadata={"metadata": {"a": {"number_value": 1}}})
    other = {"metadata": {"a": {"number_value": 2}}}
    assert wire.fails("CreateModel", **MODEL, metadata=other)[0] == "ALREADY_EXISTS"
    assert wire.fails("CreateModel", **{**MODEL, "name": "YOLO"})[0] == "ALREADY_EXISTS"


def test_without_a_namespace_the_default_one_is_used(wire: ModelBoxWire, folder: Path) -> None:
    """MB-2."""
    first = new_model(wire, namespace="")
    (shown,) = models(wire, "default")
    assert (shown["id"], shown["namespace"]) == (first, "default")
    assert models(wire, "") == models(wire, "default")
    assert "models/default/yolo/model.yaml" in git(folder, "ls-tree", "-r", "--name-only", "HEAD")


def test_namespaces_appear_with_first_use_and_an_unused_one_is_empty(wire: ModelBoxWire) -> None:
    """MB-3."""
    assert models(wire, "nothing here") == []
    assert wire.get("ListExperiments", namespace="nothing here") == {}
    new_model(wire, namespace="nothing here")
    assert [one["namespace"] for one in models(wire, "nothing here")] == ["nothing here"]


def test_a_version_has_all_fields(wire: ModelBoxWire) -> None:
    """MB-4, MB-16."""
    model = new_model(wire)
    fields: dict[str, object] = {
        "name": "YOLO large",
        "description": "First.",
        "framework": 1,
        "unique_tags": ["prod ready", "gold"],
        "metadata": {"metadata": {"seed": {"number_value": 7}}},
        "files": [{"path": "s3://b/w.pt", "checksum": "0" * 32, "file_type": 1}],
    }
    first = new_version(wire, model, "v1 (large)", **fields)
    assert new_version(wire, model, "v1 (large)", **fields) == first
    (shown,) = versions(wire, model)
    files = shown.pop("files")
    assert isinstance(files, list)
    (file,) = files
    assert isinstance(file, dict)
    assert (file["path"], file["checksum"], file["file_type"]) == ("s3://b/w.pt", "0" * 32, "MODEL")
    shown = {key: value for key, value in shown.items() if not key.endswith("_at")}
    assert shown == {
        "id": first,
        "model_id": model,
        "name": "YOLO large",
        "version": "v1 (large)",
        "description": "First.",
        "framework": "PYTORCH",
        "unique_tags": ["gold", "prod ready"],
        "metadata": {"metadata": {"seed": 7.0}},
    }


def test_the_name_of_a_version_is_that_of_its_model_by_default(wire: ModelBoxWire) -> None:
    """MB-5."""
    model = new_model(wire)
    new_version(wire, model, "1")
    assert [one["name"] for one in versions(wire, model)] == ["yolo"]


@pytest.mark.parametrize(
    ("field", "value"),
    [("name", "b"), ("description", "b"), ("framework", 2), ("unique_tags", ["b"]), ("metadata", {"metadata": {"a": {"bool_value": True}}}), ("files", [{"path": "b"}])],
)  # fmt: skip
def test_a_version_with_other_content_already_exists(
    wire: ModelBoxWire, field: str, value: object
) -> None:
    model = new_model(wire)
    new_version(wire, model, "1", name="a", description="a", framework=1, unique_tags=["a"])
    failed = wire.fails("CreateModelVersion", model=model, version="1", **{field: value})
    assert failed[0] == "ALREADY_EXISTS"


def test_unique_tags_are_unique_over_all_versions_of_a_model(
    wire: ModelBoxWire, folder: Path
) -> None:
    """MB-6."""
    model, other = new_model(wire), new_model(wire, name="other")
    new_version(wire, model, "1", unique_tags=["gold", "Best so far!"])
    for tag in ("gold", "Gold", "Best so far!", "1"):
        failed = wire.fails("CreateModelVersion", model=model, version="2", unique_tags=[tag])
        assert failed[0] == "ALREADY_EXISTS", tag
    assert len(versions(wire, model)) == 1
    new_version(wire, other, "2", unique_tags=["gold", "Best so far!"])


def test_a_sealed_version_keeps_its_id_and_its_tags(
    wire: ModelBoxWire, folder: Path, cli: Callable[..., object]
) -> None:
    """MB-7: a name that moves is an alias, which clients see among the unique tags."""
    model = new_model(wire, namespace="")
    first = new_version(wire, model, "1", unique_tags=["gold", "Best so far!"])
    second = new_version(wire, model, "2")
    cli("seal", "default/yolo@1", "--commit", cwd=folder)
    cli("seal", "default/yolo@2", "--commit", cwd=folder)
    cli("alias", "set", "default/yolo@1", "champion", "--commit", cwd=folder)
    cli("alias", "set", "default/yolo@2", "champion", "--commit", cwd=folder)
    wire.ask("UpdateMetadata", parent_id=first, metadata={"metadata": {"a": {"bool_value": True}}})
    shown = {one["id"]: one for one in versions(wire, model)}
    assert shown[first]["unique_tags"] == ["Best so far!", "gold"]
    assert shown[second]["unique_tags"] == ["champion"]
    failed = wire.fails("CreateModelVersion", model=model, version="3", unique_tags=["champion"])
    assert failed[0] == "ALREADY_EXISTS"


def test_what_is_wrong_is_an_invalid_argument(wire: ModelBoxWire) -> None:
    model = new_model(wire)
    assert wire.fails("CreateModel", **{**MODEL, "name": ""})[0] == "INVALID_ARGUMENT"
    assert wire.fails("CreateModel", **{**MODEL, "name": "a\0b"})[0] == "INVALID_ARGUMENT"
    assert wire.fails("CreateModel", **{**MODEL, "namespace": "a\u202eb"})[0] == "INVALID_ARGUMENT"
    assert wire.fails("CreateModel", **{**MODEL, "name": "x" * 513})[0] == "INVALID_ARGUMENT"
    assert wire.fails("CreateModelVersion", model=model)[0] == "INVALID_ARGUMENT"
    failed = wire.fails("CreateModelVersion", model=model, version="1", framework=9)
    assert failed == (
        "INVALID_ARGUMENT",
        "framework 9 is not known to this server; it knows UNKNOWN 0, PYTORCH 1, KERAS 2",
    )
    failed = wire.fails("CreateModelVersion", model=model, version="1", unique_tags=[""])
    assert failed[0] == "INVALID_ARGUMENT"


@pytest.mark.parametrize("wrong", ["", "x", "0" * 40, "../../etc", "0" * 4000])
def test_unknown_ids_are_not_found(wire: ModelBoxWire, wrong: str) -> None:
    assert wire.fails("CreateModelVersion", model=wrong, version="1")[0] == "NOT_FOUND"
    assert wire.fails("ListModelVersions", model=wrong)[0] == "NOT_FOUND"
    assert wire.fails("GetExperiment", id=wrong)[0] == "NOT_FOUND"
    assert wire.fails("ListMetadata", parent_id=wrong)[0] == "NOT_FOUND"
    assert wire.failure(lambda: wire.download(wrong))[0] == "NOT_FOUND"


def test_a_repeated_key_gets_the_first_answer_and_another_request_is_refused(
    wire: ModelBoxWire,
) -> None:
    request = build("CreateModelRequest", **MODEL)
    first = wire.call("CreateModel", request, key="k")
    assert wire.call("CreateModel", request, key="k") == first
    other = build("CreateModelRequest", **{**MODEL, "name": "z"})
    assert wire.failure(lambda: wire.call("CreateModel", other, key="k"))[0] == "ABORTED"


def test_equal_creates_at_once_are_one_and_a_tag_has_one_version(
    wire: ModelBoxWire, folder: Path
) -> None:
    before = int(git(folder, "rev-list", "--count", "HEAD"))
    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(lambda _: new_model(wire), range(8)))
        (model,) = ids
        same = set(pool.map(lambda _: new_version(wire, model, "1", framework=1), range(8)))

        def claim(number: int) -> str:
            try:
                new_version(wire, model, f"v{number}", unique_tags=["the best"])
            except grpc.RpcError as exc:
                return str(exc.code().name)
            return "OK"

        codes = sorted(pool.map(claim, range(8)))
    assert (len(ids), len(same)) == (1, 1)
    assert codes == ["ALREADY_EXISTS"] * 7 + ["OK"]
    assert len(versions(wire, model)) == 2
    assert int(git(folder, "rev-list", "--count", "HEAD")) == before + 3
