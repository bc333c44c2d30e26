"""MLSteam's own SDK, unmodified, against the server: each id of its features is a check.

The SDK only reads; what it has no method for is written by its client, with the calls of the server's document.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple, cast

import pytest
from support import git, run_program
from support.mlsteam_manifests import GOOD, OLD
from support.served_registries import make_token
from support.wire_clients import ServerProcess, client_python, run_client, running_server

from registry_tool.manifests.problems import JSON

PACKAGED: Final[JSON] = ["packaged-plaintext", {"package": True, "encrypt": False}]
FILES: Final[JSON] = {"code/run.py": 9, "weights.bin": 300_000}
NONE: Final = "00000000-0000-0000-0000-000000000000"
EXPECTED: Final[dict[str, JSON]] = {
    "MS-1": [["lang-id"], "Tells languages.", {"team": "speech"}],
    "MS-1 again": [409, "model 'lang-id' already exists"],
    "MS-2": FILES,
    "MS-3": {
        "v1": ["plaintext", {"package": False, "encrypt": False}],
        "v2": PACKAGED,
        "v3": PACKAGED,
        "kit": PACKAGED,
    },
    "MS-3 encrypted": [
        400,
        "type: this server encrypts nothing, and takes no key\nadd the version unencrypted; then, in a clone: registry encrypt REF --to WHO",
    ],
    "MS-7": {
        "hooks/load.py": 154,
        "hooks/predict.py": 77,
        "manifest.json": 69,
        "models/net/w.txt": 2,
    },
    "MS-12": [
        True,
        True,
        True,
        True,
        ["v1", "v2", "v3", "kit"],
        True,
        {"package": True, "encrypt": False},
    ],
    "MS-12 missing": [
        ["InvalidModelException"],
        [404, f"model '{NONE}' not found in the project 'default'"],
        ["InvalidModelVersionException"],
        ["InvalidProjectException"],
    ],
    "MS-13": [["FileExistsError"], FILES, True],
    "MS-14": [42, 14, 70],
    "MS-15": [["one", "two"], "two"],
    "MS-22": {"manifest.json": 281, "models/net/deep/w.txt": 1},
}
_PAGE: Final = Path(__file__).parents[3] / "docs" / "serve-mlsteam.md"
ALLOWED: Final = """schema: recipients/v1
recipients:
  ada@example.org: [{key}]
"""


class Session(NamedTuple):
    """One server's life, and that of another over a fresh clone.

    Attributes:
        registry: The repository.
        folder: Where everything of the test is.
        said: What the script of features printed.
        before: What the SDK showed of everything, before SIGKILL.
        after: The same, of a server over a fresh clone, with an empty cache.
    """

    registry: Path
    folder: Path
    said: Mapping[str, JSON]
    before: Mapping[str, JSON]
    after: Mapping[str, JSON]


def _registry(folder: Path, *arguments: str, **env: str) -> str:
    done = run_program(*arguments, cwd=folder, env=env)
    assert done.code == 0, done.err + done.out
    return done.out


def _read(server: ServerProcess, home: Path, **given: JSON) -> dict[str, JSON]:
    asked: JSON = {"url": server.url, "folder": str(home), **given}
    return cast("dict[str, JSON]", run_client("mlsteam", "mlsteam_reads.py", given=asked))


def _encrypt(registry: Path, folder: Path) -> None:
    """Add one of the versions again, encrypted for the key in a file."""
    pyrage = pytest.importorskip("pyrage")
    identity = pyrage.x25519.Identity.generate()
    (folder / "key.txt").write_text(f"{identity}\n")
    (registry / "recipients.yaml").write_text(ALLOWED.format(key=identity.to_public()))
    git(registry, "add", "recipients.yaml")
    git(registry, "commit", "--quiet", "-m", "Recipients")
    _registry(registry, "encrypt", "default/lang-id@v2", "secret", "--to", "ada@example.org", "--commit")  # fmt: skip


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    folder = tmp_path_factory.mktemp("mlsteam")
    (folder / "storage").mkdir()
    registry, storage = folder / "models", str(folder / "storage")
    _registry(folder, "init", str(registry), "--name", "acme", "--remote", storage)
    with running_server(registry, "--api", "mlsteam") as server:
        asked: JSON = {"url": server.url, "folder": str(folder)}
        said = run_client("mlsteam", "mlsteam_features.py", given=asked)
        _encrypt(registry, folder)
        before = _read(server, folder / "before")
        server.kill()
    git(folder, "clone", "--quiet", "--bare", str(registry), "again.git")
    git(folder / "again.git", "remote", "remove", "origin")
    empty = {"XDG_CACHE_HOME": str(folder / "empty")}
    with running_server(folder / "again.git", "--api", "mlsteam", env=empty) as server:
        after = _read(server, folder / "after")
    return Session(registry, folder, cast("dict[str, JSON]", said), before, after)


def test_the_page_runs(tmp_path: Path) -> None:
    """docs/serve-mlsteam.md: its commands in their order, then its program with the SDK."""
    text = _PAGE.read_text(encoding="utf-8")
    (script,), (program,) = (
        re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
        for language in ("bash", "python")
    )
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    # Not the forked ``registry`` of other tests, which gets no signals.
    programs = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    run = ["bash", "-euo", "pipefail", "-c", f"trap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n{script}".replace("8080", port)]  # fmt: skip
    done = subprocess.run(
        run, cwd=tmp_path, env={**os.environ, "PATH": programs}, capture_output=True, text=True, timeout=120, check=False
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"name":"nlp","owner":"acme"' in done.stdout
    assert (tmp_path / "lang-id.mlarchive").is_file()
    with running_server(tmp_path / "models", "--api", "mlsteam") as server:
        given: JSON = {"url": server.url, "folder": str(tmp_path), "project": "nlp", "program": program}  # fmt: skip
        assert run_client("mlsteam", "mlsteam_page.py", given=given) == 42


def test_every_feature_of_the_sdk_works(session: Session) -> None:
    """MS-1 to MS-3, MS-7, MS-12 to MS-15, MS-22, by id; and what was written is a registry like any other."""
    assert {name: session.said[name] for name in EXPECTED} == EXPECTED
    _registry(session.registry, "check", "--all")
    subjects = git(session.registry, "log", "--format=%cn: %s").splitlines()
    assert "registry server: Add default/lang-id@v1" in subjects
    _registry(session.registry, "fetch", "default/lang-id@v1", "-o", "out")
    (fetched,) = (session.registry / "out").rglob("weights.bin")
    assert fetched.read_bytes() == b"\1" * 300_000


def test_a_package_that_lies_or_leaves_its_folder_is_refused(session: Session) -> None:
    """MS-8."""
    lies, out = cast("list[list[JSON]]", session.said["MS-8"])
    assert lies[0] == out[0] == 400
    assert "the package has no file src/x.py" in str(lies[1])
    assert "a member has a path that leaves the folder: models/../../../w.txt" in str(out[1])


def test_a_deletion_is_confirmed_with_the_name(session: Session) -> None:
    """MS-21."""
    unconfirmed, done, again, model, left = cast("list[list[JSON]]", session.said["MS-21"])
    assert unconfirmed == [400, "a deletion cannot be undone\nconfirm it: confirm=kit"]
    assert done == ["no error", {}]
    assert again[0] == 404
    assert model == [400, "a deletion cannot be undone\nconfirm it: confirm=lang-id"]
    assert left == ["v1", "v2", "v3"]


def test_a_server_over_a_fresh_clone_answers_the_same_after_a_kill(session: Session) -> None:
    assert session.before == session.after
    ((_, models),) = cast("list[list[list[list[JSON]]]]", session.before["projects"])
    ((_, *versions),) = models
    assert len(versions) == 4


def test_an_encrypted_version_names_the_command_that_opens_it(session: Session) -> None:
    """MS-3: the command is run as the client shows it, in a clone."""
    ((_, ((_, *versions),)),) = cast("list[list[list[list[JSON]]]]", session.before["projects"])  # fmt: skip
    found = [one for one in cast("list[list[JSON]]", versions) if cast("dict[str, JSON]", one[0])["version"] == "secret"]  # fmt: skip
    ((version, failure),) = found
    assert cast("dict[str, JSON]", version)["meta"] == {"package": True, "encrypt": True}
    status, message = cast("tuple[int, str]", failure)
    assert status == 403
    assert "this server has no key for it" in message
    command = re.search(r"registry (decrypt \S+ -o DIR)", message)
    assert command is not None
    clone = session.folder / "clone"
    git(session.folder, "clone", "--quiet", str(session.registry), "clone")
    _registry(clone, *command[1].split(), REGISTRY_IDENTITY=str(session.folder / "key.txt"))
    assert [one.read_text() for one in (clone / "DIR").rglob("w.txt")] == ["41"]


def test_an_exported_package_is_imported_without_a_server(session: Session) -> None:
    """MS-19, MS-20: and the SDK's reader takes every manifest that ours takes."""
    packages: list[JSON] = []
    for name, options in (("v2", ()), ("v1", ()), ("v1", ("--schema", "v2023.1"))):
        path = session.folder / f"{len(packages)}.mlarchive"
        what = ("export", f"default/lang-id@{name}", "--mlarchive", "-o", str(path), *options)
        _registry(session.registry, *what)
        first = path.read_bytes()
        _registry(session.registry, *what, "--overwrite")
        assert path.read_bytes() == first
        packages.append(str(path))
    asked: JSON = {"folder": str(session.folder / "offline"), "packages": packages, "manifests": [*GOOD]}  # fmt: skip
    said = cast("dict[str, JSON]", run_client("mlsteam", "mlsteam_packages.py", given=asked))
    packed, built, old = cast("list[dict[str, JSON]]", said["packages"])
    common: dict[str, JSON] = {"extracted": True, "deleted": True}
    model: dict[str, JSON] = {
        "name": "model",
        "version": "v1",
        "description": "The first.",
        "framework": "pytorch",
    }
    models: list[JSON] = [model]
    older: dict[str, JSON] = {"models": models}
    names: JSON = ["manifest.json", "models/model/code/run.py", "models/model/weights.bin"]
    assert packed == {
        **common, "schema": "v2023.1", "manifest": OLD, "predicted": 42, "local": ["net", "1"],
        "names": ["manifest.json", "hooks/load.py", "hooks/predict.py", "models/net/w.txt"],
    }  # fmt: skip
    newer: dict[str, JSON] = {"schema": "v2024.1", "name": "lang-id", "version": "v1", **older}
    assert built == {
        **common, "schema": "v2024.1", "predicted": None, "names": names, "local": ["model", "v1"],
        "manifest": newer,
    }  # fmt: skip
    assert old == {**built, "schema": "v2023.1", "manifest": older}
    assert {*cast("list[str]", said["manifests"])} == {"v2023.1", "v2024.1"}


def test_the_command_that_the_server_prints_configures_the_sdk(
    session: Session, tmp_path: Path
) -> None:
    """As printed, with a token and a namespace in place of the words in capitals; and tokens that are wrong."""
    tokens = tmp_path / "tokens.jsonl"
    reader, writer = make_token(tokens, "read"), make_token(tokens, "write:cv", name="Eve")
    options = ("--api", "mlsteam", "--tokens", str(tokens))
    programs = os.pathsep.join([str(client_python("mlsteam").parent), os.environ["PATH"]])
    env = {**os.environ, "HOME": str(tmp_path), "PATH": programs}
    with running_server(session.registry, *options) as server:
        printed = re.search(r"mlsteam-model-cli init .*\\\n.*", "\n".join(server.log))
        assert printed is not None
        command = printed[0].replace("TOKEN ", f"{reader} ").replace("NAMESPACE", "default")
        subprocess.run(["bash", "-euc", command], cwd=tmp_path, env=env, check=True)
        home = {"HOME": str(tmp_path)}
        assert run_client("mlsteam", "mlsteam_reads.py", env=home, given={"write": True}) == {
            "projects": session.before["projects"],
            "write": 403,
        }
        found = {
            token: _read(server, tmp_path / token, token=token, write=True)
            for token in (writer, "wrong", f"tfy_{reader}")
        }
    assert found.pop(writer) == {"projects": [], "write": "no project"}
    for said in found.values():
        status, message = cast("tuple[int, str]", said["failure"])
        assert status == 401
        assert message
