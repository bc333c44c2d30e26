"""The artifact proxy: what is uploaded, listed, read and deleted, and what must not get in."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest
from support.manifests import registry_yaml
from support.mlflow_wire import MlflowWire, mlflow_wire, subject_with

PROXY: Final = "/api/2.0/mlflow-artifacts/artifacts"
MODEL: Final = "1/models/m-" + "0a" * 16 + "/artifacts"
FILES: Final = {"MLmodel": b"flavors: {}\n", "code/__init__.py": b"", "data/model.bin": b"\1" * 3_000_000}  # fmt: skip


def registry_files(folder: Path) -> dict[str, str]:
    (folder / "storage").mkdir(exist_ok=True)
    config = (
        f"[core]\n    remote = storage\n['remote \"storage\"']\n    url = {folder / 'storage'}\n"
    )
    return {"registry.yaml": registry_yaml(), ".dvc/config": config}


@pytest.fixture
def wire(make_registry: Callable[..., Path], tmp_path: Path) -> Iterator[MlflowWire]:
    with mlflow_wire(make_registry(registry_files(tmp_path))) as found:
        yield found


def upload(wire: MlflowWire, folder: str = MODEL) -> None:
    for path, content in FILES.items():
        answer = wire.send("PUT", f"{PROXY}/{folder}/{path}", content=content)
        assert (answer.status_code, answer.json()) == (200, {}), answer.text


def listed(wire: MlflowWire, path: str) -> list[tuple[str, bool, int]]:
    answer = wire.send("GET", PROXY, params={"path": path})
    assert answer.status_code == 200, answer.text
    return [(f["path"], f["is_dir"], f.get("file_size", -1)) for f in answer.json()["files"]]


def test_uploads_are_listed_read_replaced_and_deleted(wire: MlflowWire) -> None:
    upload(wire)
    assert listed(wire, "") == [("1", True, -1)]
    assert listed(wire, MODEL) == [("MLmodel", False, 12), ("code", True, -1), ("data", True, -1)]
    for path, content in FILES.items():
        assert wire.send("GET", f"{PROXY}/{MODEL}/{path}").content == content
    wire.send("PUT", f"{PROXY}/{MODEL}/MLmodel", content=b"new")
    assert wire.send("GET", f"{PROXY}/{MODEL}/MLmodel").content == b"new"
    assert wire.send("DELETE", f"{PROXY}/{MODEL}/data").status_code == 200
    assert listed(wire, f"{MODEL}/data") == []
    assert wire.send("GET", f"{PROXY}/{MODEL}/data/model.bin").status_code == 404
    wire.send("PUT", f"{PROXY}/{MODEL}/data/model.bin", content=b"again")
    assert wire.send("GET", f"{PROXY}/{MODEL}/data/model.bin").content == b"again"


@pytest.mark.parametrize(
    "source",
    [
        "models:/m-" + "0a" * 16,
        f"mlflow-artifacts:/{MODEL}",
        f"http://127.0.0.1:8080{PROXY}/{MODEL}",
        "runs:/" + "0b" * 16 + "/model",
    ],
)
def test_a_version_whose_source_was_uploaded_has_its_files(wire: MlflowWire, source: str) -> None:
    upload(wire, "1/" + "0b" * 16 + "/artifacts/model" if source.startswith("runs") else MODEL)
    wire.ask("POST", "registered-models/create", name="m")
    made = wire.ask("POST", "model-versions/create", name="m", source=source)
    assert made.status == 200, made.data
    assert wire.version("m", "1")["source"] == source
    uri = wire.ask("GET", "model-versions/get-download-uri", name="m", version="1").data
    folder = "registry/default/m/1/model"
    assert uri == {"artifact_uri": f"http://127.0.0.1:8080{PROXY}/{folder}"}
    assert listed(wire, folder) == [("MLmodel", False, 12), ("code", True, -1), ("data", True, -1)]
    assert listed(wire, f"{folder}/data") == [("model.bin", False, 3_000_000)]
    for path, content in FILES.items():
        assert wire.send("GET", f"{PROXY}/{folder}/{path}").content == content
    refused = wire.send("PUT", f"{PROXY}/{folder}/MLmodel", content=b"x")
    assert refused.json() == {"error_code": "INVALID_PARAMETER_VALUE", "message": "Invalid path"}
    assert wire.send("DELETE", f"{PROXY}/{folder}").status_code == 400
    copied = wire.ask("POST", "model-versions/create", name="m", source="models:/m/1")
    assert copied.status == 200, copied.data
    assert wire.send("GET", f"{PROXY}/registry/default/m/2/model/MLmodel").content == FILES["MLmodel"]  # fmt: skip
    assert wire.version("m", "2")["source"] == "models:/m/1"


@pytest.mark.parametrize(
    "path",
    [
        "..%2f..%2fetc/passwd", "a/%2e%2e/%2e%2e/b", "a/%252e%252e/b", "%2fetc/passwd", "a%00b", "a%5cb", "a%e2%80%aeb",
        "/".join("a" * 5000), "x" * 600, "C:/x", "registry/default/m/1/x", "a//b/%2e%2e",
    ],
)  # fmt: skip
def test_a_bad_path_gets_nowhere(wire: MlflowWire, path: str) -> None:
    before = wire.service.snapshot.commit
    answer = wire.send("PUT", f"{PROXY}/{path}", content=b"x")
    assert answer.status_code in {400, 404}, answer.text
    assert wire.send("GET", f"{PROXY}/{path}").status_code in {400, 404}
    assert wire.service.snapshot.commit == before


def test_a_cut_or_short_upload_leaves_nothing(wire: MlflowWire) -> None:
    before = wire.service.snapshot.commit
    answer = wire.send("PUT", f"{PROXY}/1/x", content=b"12345", headers={"content-length": "10"})
    assert answer.status_code == 400
    assert answer.json()["message"] == "expected 10 bytes, received 5"
    assert listed(wire, "1") == []
    assert wire.service.snapshot.commit == before


def test_parts_and_signed_addresses_are_refused_so_that_clients_fall_back(wire: MlflowWire) -> None:
    for method, path in (("POST", "mpu/create/x"), ("GET", "presigned/x")):
        answer = wire.send(method, f"/api/2.0/mlflow-artifacts/{path}")
        assert (answer.status_code, answer.json()["error_code"]) == (501, "NOT_IMPLEMENTED")


def test_a_reader_cannot_upload_and_a_stranger_sees_nothing(
    make_registry: Callable[..., Path], tmp_path: Path
) -> None:
    folder = make_registry(registry_files(tmp_path))
    with mlflow_wire(folder) as wire:
        upload(wire)
    with mlflow_wire(folder, subject_with("read:default")) as wire:
        assert wire.send("PUT", f"{PROXY}/1/x", content=b"x").status_code == 403
        assert wire.send("GET", f"{PROXY}/{MODEL}/MLmodel").status_code == 200
    with mlflow_wire(folder, subject_with("write:other")) as wire:
        assert wire.send("GET", f"{PROXY}/{MODEL}/MLmodel").status_code == 404


def test_without_a_remote_an_upload_says_what_to_configure(
    make_registry: Callable[..., Path],
) -> None:
    with mlflow_wire(make_registry({"registry.yaml": registry_yaml()})) as wire:
        answer = wire.send("PUT", f"{PROXY}/1/x", content=b"x")
        assert (answer.status_code, answer.json()["error_code"]) == (501, "NOT_IMPLEMENTED")


class _Call:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("true",)


def test_content_that_the_registry_refuses_is_refused_with_the_version(wire: MlflowWire) -> None:
    wire.send("PUT", f"{PROXY}/{MODEL}/python_model.pkl", content=pickle.dumps(_Call()))
    wire.ask("POST", "registered-models/create", name="m")
    before = wire.service.snapshot.commit
    source = "models:/m-" + "0a" * 16
    refused = wire.ask("POST", "model-versions/create", name="m", source=source)
    assert refused.said[:2] == (400, "INVALID_PARAMETER_VALUE")
    assert "python_model.pkl" in refused.said[2]
    assert wire.service.snapshot.commit == before
