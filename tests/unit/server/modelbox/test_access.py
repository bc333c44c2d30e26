"""Who may call what, limits, deadlines, proposals, replicas, and the services that clients of gRPC expect."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

import grpc
import pytest
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2
from support import git
from support.manifests import registry_yaml
from support.modelbox_wire import ModelBoxWire, connect, modelbox_wire
from support.oidc_issuers import AUDIENCE, make_key, scripted_issuer
from support.served_registries import make_token

from registry_tool.access.issuer_keys import IssuerKeys, fetch_keys
from registry_tool.access.oidc import OidcIssuer, OidcSettings
from registry_tool.access.subjects import parse_grants
from registry_tool.access.tokens import TokenFile, add_rule
from registry_tool.server.limits import Limits
from registry_tool.server.modelbox.descriptors import CALLS, SERVICE
from registry_tool.server.modelbox.parents import make_id
from registry_tool.server.modelbox.values import build
from registry_tool.server.service import ServiceOptions

MODEL: Final = {"name": "yolo", "namespace": "nlp"}


@pytest.fixture
def folder(make_registry: Callable[..., Path]) -> Path:
    return make_registry({"registry.yaml": registry_yaml()})


@pytest.fixture
def wire(folder: Path) -> Iterator[ModelBoxWire]:
    with modelbox_wire(folder) as found:
        yield found


def target(wire: ModelBoxWire) -> str:
    assert wire.service is not None
    return wire.service.rpc_target


def test_each_call_needs_a_token_where_the_server_has_some(folder: Path, tmp_path: Path) -> None:
    tokens = tmp_path / "tokens.jsonl"
    good = make_token(tokens, "write:nlp", name="Bob")
    other = make_token(tokens, "write:vision", name="Eve")
    reader = make_token(tokens, "read", name="Rea")
    with modelbox_wire(folder, tokens=tokens, token=good) as wire:
        model = str(wire.get("CreateModel", **MODEL)["id"])
        experiment = str(wire.get("CreateExperiment", **MODEL)["experiment_id"])
        author = git(folder, "log", "-1", "--format=%an <%ae> %cn").strip()
        assert author == "Bob <bob@example.org> registry server"
        assert wire.fails("CreateModel", name="a", namespace="vision")[0] == "PERMISSION_DENIED"
        for token in ("", "wrong"):
            with connect(target(wire), token) as unknown:
                for name in ("ListModels", "CreateModel", "GetClusterMembers"):
                    assert unknown.fails(name)[0] == "UNAUTHENTICATED"
                assert (
                    unknown.failure(lambda: unknown.upload(model, "x", b"x"))[0]
                    == "UNAUTHENTICATED"
                )
                assert unknown.failure(lambda: list(unknown.watch("nlp")))[0] == "UNAUTHENTICATED"
        with connect(target(wire), other) as eve:
            assert eve.get("ListModels", namespace="nlp") == {}
            assert eve.get("ListExperiments", namespace="nlp") == {}
            assert eve.fails("ListModelVersions", model=model)[0] == "NOT_FOUND"
            assert eve.fails("GetExperiment", id=experiment)[0] == "NOT_FOUND"
            assert eve.fails("ListMetadata", parent_id=model)[0] == "NOT_FOUND"
            assert eve.fails("CreateModelVersion", model=model, version="1")[0] == "NOT_FOUND"
            stream = eve.watch("nlp", timeout=0.5)
            assert eve.failure(lambda: list(stream))[0] == "DEADLINE_EXCEEDED"
        with connect(target(wire), reader) as rea:
            assert len(rea.get("ListModels", namespace="nlp")) == 1
            value = {"parent_id": model, "key": "a", "value": {"f_val": 1.0}}
            assert rea.fails("LogMetrics", **value)[0] == "PERMISSION_DENIED"
            assert rea.fails("CreateModel", **MODEL)[0] == "PERMISSION_DENIED"
            assert rea.failure(lambda: rea.upload(model, "x", b"x"))[0] == "PERMISSION_DENIED"


def test_limits_of_size_and_rate(folder: Path) -> None:
    with modelbox_wire(folder, limits=Limits(max_body=1000, rate=0.001, burst=3)) as wire:
        assert wire.fails("CreateModel", name="x" * 2000)[0] == "RESOURCE_EXHAUSTED"
        wire.ask("ListModels")
        wire.ask("ListModels")
        assert wire.fails("ListModels") == (
            "RESOURCE_EXHAUSTED",
            "too many requests; try again later",
        )


def raw(wire: ModelBoxWire, method: str, content: bytes, **more: object) -> bytes:
    """A call with any bytes."""
    call = wire.channel.unary_unary(
        method, request_serializer=lambda one: one, response_deserializer=lambda one: one
    )
    found: bytes = call(content, timeout=10, **more)  # type: ignore[arg-type]  # as the call takes them
    return found


def test_bytes_that_are_no_message_are_an_invalid_argument(wire: ModelBoxWire) -> None:
    code, message = wire.failure(lambda: raw(wire, f"/{SERVICE}/CreateModel", b"\xff\xff\xff"))
    assert (code, message) == (
        "INVALID_ARGUMENT",
        "the request is not a message CreateModelRequest",
    )
    surrogate = b"\x12\x03\xed\xa0\x80"
    failed = wire.failure(lambda: raw(wire, f"/{SERVICE}/CreateModel", surrogate))
    assert failed[0] == "INVALID_ARGUMENT"
    assert wire.failure(lambda: raw(wire, f"/{SERVICE}/Nothing", b""))[0] == "UNIMPLEMENTED"
    assert wire.failure(lambda: raw(wire, "/other.Service/Call", b""))[0] == "UNIMPLEMENTED"
    packed = wire.failure(
        lambda: raw(wire, f"/{SERVICE}/ListModels", bytes(5000), compression=grpc.Compression.Gzip)
    )
    assert packed[0] in {"UNIMPLEMENTED", "INVALID_ARGUMENT"}
    unknown = build("ListModelsRequest").SerializeToString() + b"\xfa\x3e\x01x"
    assert raw(wire, f"/{SERVICE}/ListModels", unknown) == b""


def test_a_message_above_the_limit_is_refused(wire: ModelBoxWire) -> None:
    code = wire.failure(lambda: raw(wire, f"/{SERVICE}/ListModels", bytes(5 << 20)))[0]
    assert code == "RESOURCE_EXHAUSTED"


def test_a_deadline_that_passes_is_told_and_the_server_goes_on(wire: ModelBoxWire) -> None:
    request = build("CreateModelRequest", name="late")
    for _ in range(5):
        with suppress(grpc.RpcError):
            wire.call("CreateModel", request, timeout=0.001)
    made = wire.ask("CreateModel", name="late")
    assert wire.ask("CreateModel", name="late") == made


def test_a_replica_reads_and_names_its_writer(folder: Path) -> None:
    with modelbox_wire(folder) as wire:
        model = str(wire.get("CreateModel", **MODEL)["id"])
    options = ServiceOptions(read_only=True, writer_url="http://writer:8080")
    with modelbox_wire(folder, options=options) as wire:
        assert wire.get("ListModels", namespace="nlp")["models"]
        code, message = wire.fails("CreateModel", **MODEL)
        assert (code, "http://writer:8080" in message) == ("PERMISSION_DENIED", True)
        assert wire.fails("ListModelVersions", model="0" * 40)[0] == "NOT_FOUND"
        assert wire.get("ListModelVersions", model=model) == {}


def test_what_is_proposed_is_seen_by_its_author_only(
    make_registry: Callable[..., Path], tmp_path: Path
) -> None:
    (tmp_path / "storage").mkdir()
    url = tmp_path / "storage"
    files = {
        "registry.yaml": registry_yaml(),
        "serve.yaml": "schema: serve/v1\nwrite: branch\n",
        ".dvc/config": f"[core]\n    remote = storage\n['remote \"storage\"']\n    url = {url}\n",
    }
    folder = make_registry(files, name="proposing")
    tokens = tmp_path / "tokens.jsonl"
    bob, eve = make_token(tokens, "write", name="Bob"), make_token(tokens, "write", name="Eve")
    with modelbox_wire(folder, tokens=tokens, token=bob) as wire:
        model = str(wire.get("CreateModel", **MODEL)["id"])
        made = wire.get("CreateModelVersion", model=model, version="1", unique_tags=["gold"])
        parent = str(made["model_version"])
        value = {"parent_id": parent, "key": "a", "value": {"f_val": 1.0}}
        wire.ask("LogMetrics", **value)
        assert wire.get("GetMetrics", parent_id=parent)["metrics"]
        told = wire.trailers("CreateModel", name="other", namespace="nlp")
        assert told["registry-proposal"] == "serve/bob@example.org"
        assert "registry-proposal" not in wire.trailers("ListModels", namespace="nlp")
        assert len(wire.items("ListModels", "models", namespace="nlp")) == 2
        for known in ("1", "2"):
            again = wire.get("CreateModelVersion", model=model, version=known)
            assert again["model_version"]
        versions = wire.items("ListModelVersions", "models", model=model)
        assert [one["version"] for one in versions] == ["1", "2"]
        experiment = str(wire.get("CreateExperiment", name="e", namespace="nlp")["experiment_id"])
        wire.ask("CreateCheckpoint", experiment_id=experiment, epoch=1)
        assert wire.items("ListCheckpoints", "checkpoints", experiment_id=experiment)
        file = wire.upload(parent, "w.bin", b"weights")
        assert wire.download(file).content == b"weights"
        with connect(target(wire), eve) as other:
            assert other.get("ListModels", namespace="nlp") == {}
            assert other.fails("ListModelVersions", model=model)[0] == "NOT_FOUND"
    git(folder, "merge", "--quiet", "serve/bob@example.org")
    with modelbox_wire(folder, tokens=tokens, token=eve) as wire:
        found = wire.get("ListModelVersions", model=model)["models"]
        assert isinstance(found, list)
        assert [one["id"] for one in found if isinstance(one, dict)][:1] == [parent]


def test_health_and_reflection_need_no_token(folder: Path, tmp_path: Path) -> None:
    tokens = tmp_path / "tokens.jsonl"
    make_token(tokens, "read")
    with modelbox_wire(folder, tokens=tokens) as wire:
        check = wire.channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )
        for name in ("", SERVICE):
            answer = check(health_pb2.HealthCheckRequest(service=name), timeout=10)
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
        reflect = wire.channel.stream_stream(
            "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
            request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
            response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
        )
        asked = [
            reflection_pb2.ServerReflectionRequest(list_services=""),
            reflection_pb2.ServerReflectionRequest(file_containing_symbol=SERVICE),
            reflection_pb2.ServerReflectionRequest(file_containing_symbol="grpc.health.v1.Health"),
        ]
        listed, file, health_file = list(reflect(iter(asked), timeout=10))
    names = {one.name for one in listed.list_services_response.service}
    assert {SERVICE, "grpc.health.v1.Health"} <= names
    assert b"CreateModelVersion" in file.file_descriptor_response.file_descriptor_proto[0]
    assert b"HealthCheckRequest" in health_file.file_descriptor_response.file_descriptor_proto[0]


def test_ids_are_digests_of_parts_with_their_lengths() -> None:
    parts = hashlib.sha256(b"5:model3:nlp4:yolo").hexdigest()
    assert make_id("model", "nlp", "yolo") == parts[:40]
    assert make_id("a", "bc") != make_id("ab", "c")


def test_every_call_of_the_service_is_answered(wire: ModelBoxWire) -> None:
    assert len(CALLS) == 22
    for name in CALLS:
        code, _ = wire.failure(partial(_must_fail, wire, name))
        assert code != "UNIMPLEMENTED", name


def _must_fail(wire: ModelBoxWire, name: str) -> None:
    raw(wire, f"/{SERVICE}/{name}", b"\xff")


def test_tokens_of_an_issuer_are_accepted_also_with_a_key_that_is_new(
    folder: Path, tmp_path: Path
) -> None:
    tokens = tmp_path / "tokens.jsonl"
    add_rule(tokens, "groups=nlp", parse_grants(["write:nlp"]))
    with scripted_issuer(make_key("one")) as issuer:
        token, other = issuer.sign({"groups": ["nlp"]}), issuer.sign({"aud": "another"})
        settings = OidcSettings(issuer.url, (AUDIENCE,))
        keys = IssuerKeys(
            partial(fetch_keys, issuer.url)
        )  # none of them is fetched before the first call
        opened = OidcIssuer(settings, keys, lambda: TokenFile(tokens).rules)
        with modelbox_wire(folder, tokens=tokens, token=token, issuer=opened) as wire:
            assert wire.get("CreateModel", **MODEL)["id"]
            with connect(target(wire), other) as unknown:
                assert unknown.fails("ListModels")[0] == "UNAUTHENTICATED"
    opened = OidcIssuer(settings, IssuerKeys(partial(fetch_keys, settings.issuer)), lambda: ())
    with modelbox_wire(folder, tokens=tokens, token=token, issuer=opened) as wire:
        said = wire.fails("ListModels")
        assert said[0] == "UNAVAILABLE"
        assert "the issuer of the token cannot be reached" in said[1]
