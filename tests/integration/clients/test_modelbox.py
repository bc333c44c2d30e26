"""ModelBox's own client, unmodified, against the server: each id of its features is a check.

What the client cannot send by its own faults is written with calls that are made from the descriptors.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Final, cast

import grpc
import pytest
from google.protobuf.message import Message
from support import git, run_program
from support.modelbox_wire import ModelBoxWire, as_data, connect
from support.wire_clients import ServerProcess, run_client, running_server

from registry_tool.manifests.data import member
from registry_tool.manifests.problems import JSON
from registry_tool.server.modelbox.descriptors import CALLS, message_pool
from registry_tool.server.modelbox.values import read_messages, read_text

NAMESPACE: Final = "ai/langtech/translation"
FIELDS: Final = 65
EXPECTED: Final[dict[str, JSON]] = {
    "MB-1": [True, "ALREADY_EXISTS"],
    "MB-2": ["default"],
    "MB-3": [0, 0],
    "MB-4": [40, True],
    "MB-6": ["ALREADY_EXISTS"],
    "MB-8": [["yolo", "ada@example.org", "detection", "Finds things."]],
    "MB-8 versions": 40,
    "MB-9": {
        "acc": [[2, 1_700_000_002, 0.97]],
        "loss": [[1, 1_700_000_009, 0.75], [2, 1_700_000_002, 0.5]],
    },
    "MB-10": [{"team": "vision", "more": {"a": []}}, {}],
    "MB-11": [40, True],
    "MB-12": 1,
    "MB-13": [[True, "weights.bin", True, True], [True, "eval.csv", False, False]],
    "MB-14": [True, True],
    "MB-15": ["Unknown", "Unknown"],
    "MB-16": ["PYTORCH"],
    "MB-17": [
        True,
        ["first tries", "ada", NAMESPACE, "run-7", "PYTORCH"],
        [True],
        ["first tries"],
        1,
        {"loss": [0.5]},
    ],
    "MB-18": [[["deployed", "ci", {"k": ["v"]}]]] * 4,
}


@pytest.fixture
def registry(tmp_path: Path) -> Path:
    """A new registry, as ``registry init`` makes one, with a storage."""
    (tmp_path / "storage").mkdir()
    folder = tmp_path / "models"
    remote = str(tmp_path / "storage")
    done = run_program("init", str(folder), "--name", "models", "--remote", remote, cwd=tmp_path)
    assert done.code == 0, done.err
    return folder


def said_by_client(server: ServerProcess, folder: Path) -> dict[str, JSON]:
    tracked = folder / "eval.csv"
    tracked.write_text("a,b\n")
    found = run_client(
        "modelbox",
        "modelbox_features.py",
        target=server.target,
        folder=str(folder),
        tracked=str(tracked),
    )
    return cast("dict[str, JSON]", found)


def test_every_feature_of_the_client_works(registry: Path, tmp_path: Path) -> None:
    """MB-1 to MB-18, by id; and what it wrote is a registry like any other."""
    with running_server(registry, "--api", "modelbox") as server:
        assert said_by_client(server, tmp_path) == EXPECTED
    done = run_program("check", "--all", cwd=registry)
    assert done.code == 0, done.out + done.err
    subjects = git(registry, "log", "--format=%cn %s").splitlines()
    assert "registry server Add draft ai-langtech-translation-0a3fface/yolo@v1" in subjects
    where = "ai-langtech-translation-0a3fface/yolo"
    for step in (["seal", f"{where}@v1", "--commit"], ["fetch", f"{where}@v1", "-o", "out", "--artifact", "weights.bin"]):  # fmt: skip
        done = run_program(*step, cwd=registry)
        assert done.code == 0, done.err
    assert (registry / "out" / "weights.bin").read_bytes() == bytes(range(256)) * 2000


def describe_messages() -> dict[str, list[list[JSON]]]:
    """The fields of our messages, as the client's script describes its own."""
    file = message_pool().FindFileByName("service.proto")
    return {
        name: [
            [f.number, f.name, f.type, f.is_repeated, f.message_type.full_name if f.message_type else "",
             f.enum_type.name if f.enum_type else "", f.containing_oneof.name if f.containing_oneof else ""]
            for f in message.fields
        ]
        for name, message in file.message_types_by_name.items()
    }  # fmt: skip


def test_the_messages_are_those_of_the_client() -> None:
    theirs = run_client("modelbox", "modelbox_messages.py")
    assert isinstance(theirs, dict)
    known, ours = member(theirs, "messages"), describe_messages()
    differing = {name for name in {*ours, *known} if ours.get(name) != known.get(name)}
    # Declared singular by the client; a list is written.
    assert differing == {"ListModelVersionsResponse"}
    enums = message_pool().FindFileByName("service.proto").enum_types_by_name
    assert theirs["enums"] == {
        name: {value.name: value.number for value in enum.values} for name, enum in enums.items()
    }
    assert theirs["calls"] == [*CALLS]


# --- all fields, over a fresh clone


def write_everything(wire: ModelBoxWire) -> dict[str, str]:
    """Every field that the wire knows; the ids of what was written."""
    metadata = {
        "metadata": {"a": {"struct_value": {"b": [1, None, "c"]}}, "é": {"bool_value": True}}
    }
    file = {"path": "s3://bucket/a b.pt", "checksum": "ab" * 16, "file_type": 1}
    words = {
        "owner": "Team Ü",
        "task": "object detection",
        "description": "Line one.\n\nLine 'three'.\n",
    }
    made = wire.ask(
        "CreateModel", name="Wörter (v2) 🚀", namespace=NAMESPACE, metadata=metadata, files=[file], **words
    )  # fmt: skip
    model = read_text(made, "id")
    made = wire.ask(
        "CreateModelVersion", model=model, name="Name ü", version="1.0 (large)", description=words["description"],
        files=[file], metadata=metadata, framework=2, unique_tags=["Best so far!", "gold"],
    )  # fmt: skip
    version = read_text(made, "model_version")
    made = wire.ask(
        "CreateExperiment", name="tries/é", owner="ada", namespace=NAMESPACE, framework=1, task="t",
        metadata=metadata, external_id="run-7",
    )  # fmt: skip
    experiment = read_text(made, "experiment_id")
    made = wire.ask(
        "CreateCheckpoint", experiment_id=experiment, epoch=2**64 - 1, files=[{**file, "file_type": 2}],
        metrics={"loss": 0.1, "nan": float("inf")}, metadata=metadata,
    )  # fmt: skip
    checkpoint = read_text(made, "checkpoint_id")
    ids = {"model": model, "version": version, "experiment": experiment, "checkpoint": checkpoint}
    for owner in ids.values():
        point = {"step": 3, "wallclock_time": 1_700_000_000}
        wire.ask("LogMetrics", parent_id=owner, key="f", value={**point, "f_val": 0.97})
        wire.ask("LogMetrics", parent_id=owner, key="s", value={**point, "s_tensor": "[1, 2]"})
        wire.ask("LogMetrics", parent_id=owner, key="b", value={**point, "b_tensor": b"\0\1"})
        event = {
            "name": "e",
            "source": {"name": "ci"},
            "wallclock_time": {"seconds": 9, "nanos": 1},
        }
        wire.ask("LogEvent", parent_id=owner, event={**event, "metadata": metadata})
        wire.upload(owner, "/data/notes.txt", owner.encode(), file_type=3)
    return ids


def read_everything(wire: ModelBoxWire, ids: dict[str, str]) -> dict[str, Message]:
    """Each answer that shows something of it."""
    found = {
        "models": wire.ask("ListModels", namespace=NAMESPACE),
        "versions": wire.ask("ListModelVersions", model=ids["model"]),
        "experiments": wire.ask("ListExperiments", namespace=NAMESPACE),
        "experiment": wire.ask("GetExperiment", id=ids["experiment"]),
        "checkpoint": wire.ask("GetCheckpoint", experiment_id=ids["experiment"], epoch=2**64 - 1),
        "checkpoints": wire.ask("ListCheckpoints", experiment_id=ids["experiment"]),
    }
    for name, owner in ids.items():
        for call in ("ListArtifacts", "ListMetadata", "GetMetrics", "ListEvents"):
            found[f"{call} {name}"] = wire.ask(call, parent_id=owner)
        files = read_messages(found[f"ListArtifacts {name}"], "files")
        stored = next(one for one in files if read_text(one, "path") == "/data/notes.txt")
        assert wire.download(read_text(stored, "id")).content == owner.encode()
    return found


def count_fields(messages: dict[str, Message]) -> int:
    """How many fields of the wire's messages have a value in one of the answers."""
    seen: set[str] = set()

    def visit(message: Message) -> None:
        for field, value in message.ListFields():
            if not field.full_name.startswith("google."):
                seen.add(field.full_name)
            if field.message_type is None:
                continue
            items = list(value.values()) if hasattr(value, "values") else value
            for one in items if not isinstance(items, Message) else [items]:
                if isinstance(one, Message):
                    visit(one)

    for message in messages.values():
        visit(message)
    return len(seen)


def test_every_field_reads_back_equal_after_a_kill_over_a_fresh_clone(
    registry: Path, tmp_path: Path
) -> None:
    with running_server(registry, "--api", "modelbox") as server:
        with connect(server.target) as wire:
            ids = write_everything(wire)
            written = read_everything(wire, ids)
        server.kill()
    clone = tmp_path / "clone.git"
    subprocess.run(["git", "clone", "-q", "--bare", registry, clone], check=True)
    subprocess.run(["git", "remote", "rm", "origin"], cwd=clone, check=True)
    cache = {"XDG_CACHE_HOME": str(tmp_path / "other-cache")}
    with running_server(clone, "--api", "modelbox", env=cache) as server, connect(server.target) as wire:  # fmt: skip
        read = read_everything(wire, ids)
        assert write_everything(wire) == ids, "equal creates give the same ids"
    assert {name: as_data(one) for name, one in read.items()} == {
        name: as_data(one) for name, one in written.items()
    }
    assert count_fields(read) == FIELDS
    done = run_program("check", "--all", cwd=registry)
    assert done.code == 0, done.out + done.err


# --- the server


def test_a_signal_completes_what_runs_and_ends_every_stream(registry: Path) -> None:
    with running_server(registry, "--api", "modelbox") as server, connect(server.target) as wire:
        wire.ask("CreateExperiment", name="e", namespace="nlp")
        stream = wire.watch("nlp")
        assert next(iter(stream)) is not None
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(15) == 0
        assert list(stream) == []


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate of this machine for itself, and its key."""
    import datetime as dt
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - dt.timedelta(days=1)).not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False).sign(key, hashes.SHA256())
    )  # fmt: skip
    chain, secret = folder / "cert.pem", folder / "key.pem"
    chain.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return chain, secret


def test_tls_is_that_of_http(registry: Path, tmp_path: Path) -> None:
    chain, key = make_certificate(tmp_path)
    options = ["--api", "modelbox", "--cert", str(chain), "--key", str(key)]
    with running_server(registry, *options) as server:
        trusted = grpc.ssl_channel_credentials(chain.read_bytes())
        with grpc.secure_channel(server.target, trusted) as channel:
            assert ModelBoxWire(channel).get("ListModels") == {}
        with connect(server.target) as plain:
            assert plain.fails("ListModels")[0] == "UNAVAILABLE"


def test_a_busy_port_ends_the_start_only_where_grpc_was_asked_for(
    registry: Path, tmp_path: Path
) -> None:
    with running_server(registry, "--api", "modelbox") as server:
        port = server.target.rpartition(":")[2]
        command = [
            sys.executable,
            "-m",
            "registry_tool",
            "serve",
            "--port",
            "0",
            "--grpc-port",
            port,
        ]
        done = subprocess.run(
            command, cwd=registry, capture_output=True, text=True, timeout=60, check=False
        )
    assert done.returncode == 4
    assert f"cannot listen on 127.0.0.1:{port}" in done.stderr
    assert "--grpc-port" in done.stderr
