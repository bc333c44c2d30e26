"""What happens to a served registry, its repository and its clients, over HTTP against a server process.

After each trouble the next request works, nothing is half-done, and the log has no traceback (``serve_impatiently``).
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, cast

import pytest
from support import git, write_files
from support.impatient_servers import assert_works, read_tip, serve_impatiently
from support.manifests import model_files, namespace_yaml, registry_yaml
from support.raw_http import Ask, RawAnswer, ask, connect, read_answer
from support.served_registries import make_token
from support.wire_clients import ServerProcess
from support.wire_columns import COLUMNS, WireColumn
from support.written_trains import bare_registry

from registry_tool.access.subjects import Subject, parse_grants
from registry_tool.access.tokens import add_token
from registry_tool.manifests.problems import JSON

MLFLOW: Final = next(one for one in COLUMNS if one.api == "mlflow")
KOLENA: Final = next(one for one in COLUMNS if one.api == "kolena")
CALLS: Final = "/api/2.0/mlflow"
MADE: Final = {200, 201}


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    return bare_registry(tmp_path)


def _post(path: str, method: str = "POST", **fields: JSON) -> Ask:
    return Ask(method, f"{CALLS}/{path}", json.dumps(fields).encode())


def _status(server: ServerProcess) -> Mapping[str, JSON]:
    return ask(server.port, Ask("GET", "/status")).data


def _wait_until(condition: Callable[[], bool], what: str) -> None:
    for _ in range(2000):
        if condition():
            return
        threading.Event().wait(0.05)
    pytest.fail(f"waited in vain: {what}")


def _push(tmp_path: Path, bare: Path, files: Mapping[str, str], *, date: str = "", message: str = "By hand") -> str:  # fmt: skip
    work = tmp_path / "work"
    if not work.exists():
        git(tmp_path, "clone", "--quiet", str(bare), "work")
    git(work, "fetch", "--quiet")
    git(work, "reset", "--quiet", "--hard", "origin/main")
    write_files(work, files)
    git(work, "add", "--all")
    env = {"GIT_COMMITTER_DATE": date, "GIT_AUTHOR_DATE": date} if date else {}
    words = ["git", "commit", "--quiet", "--no-verify", "-m", message]
    subprocess.run(words, cwd=work, env={**os.environ, **env}, check=True)
    git(work, "push", "--quiet", "--no-verify", "origin", "HEAD:main")
    return git(work, "rev-parse", "HEAD")


def _all_at_once(port: int, requests: Sequence[Ask]) -> list[RawAnswer]:
    start = threading.Barrier(len(requests))

    def send(request: Ask) -> RawAnswer:
        with connect(port) as connection:
            start.wait()
            connection.sendall(request.encode())
            return read_answer(connection)

    with ThreadPoolExecutor(len(requests)) as pool:
        return list(pool.map(send, requests))


# --- clients against each other


def test_of_creates_of_one_name_at_once_one_wins(bare: Path) -> None:
    with serve_impatiently(bare) as server:
        for column in (one for one in COLUMNS if one.has_unique_names):
            before = read_tip(bare)
            create = column.create({"name": f"once-{column.slug}"})
            answers = _all_at_once(server.port, [create] * 8)
            won = [one for one in answers if one.status in MADE]
            assert len(won) == 1
            assert all(column.is_error(one) for one in answers if one not in won)
            assert {one.status for one in answers if one not in won} <= {400, 409}
            assert git(bare, "rev-list", "--count", f"{before}..main") == "1"
        assert_works(server)


def test_an_alias_that_is_set_while_its_version_is_deleted(bare: Path) -> None:
    with serve_impatiently(bare, "--api", "mlflow") as server:
        ask(server.port, MLFLOW.create({"name": "m"}))
        for number in range(1, 11):
            made = ask(server.port, _post("model-versions/create", name="m", source=f"s3://b/{number}"))  # fmt: skip
            assert made.status == 200, made
            version = str(number)
            alias = _post("registered-models/alias", name="m", alias="champion", version=version)
            delete = _post("model-versions/delete", "DELETE", name="m", version=version)
            answers = _all_at_once(server.port, [alias, delete, alias])
            assert {one.status for one in answers} <= {200, 400, 404}, answers
            assert answers[1].status == 200, answers[1]
            found = ask(server.port, Ask("GET", f"{CALLS}/registered-models/alias?name=m&alias=champion"))  # fmt: skip
            assert found.status in {400, 404}, found
        assert_works(server, [MLFLOW])
    done = subprocess.run(
        [sys.executable, "-m", "registry_tool", "check", "--all", "--repo", str(bare)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_tokens_that_do_not_count(bare: Path, tmp_path: Path) -> None:
    tokens = tmp_path / "tokens.jsonl"
    good = make_token(tokens, "write", name="Good")
    reader = make_token(tokens, "read", name="Reader")
    stranger = make_token(tokens, "write:cv", name="Stranger")
    past = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=1)
    who = Subject("Late", "late@example.org", "user", parse_grants(["write"]))
    late, _ = add_token(tokens, who, expires=past)
    with serve_impatiently(bare, "--tokens", str(tokens)) as server:

        def send(request: Ask, authorization: str = "") -> RawAnswer:
            headers = {**request.headers, "Authorization": authorization}
            return ask(server.port, request._replace(headers=headers))

        for column in COLUMNS:
            before = read_tip(bare)
            create = column.create({"name": f"m-{column.slug}"})
            in_query = create._replace(target=f"{create.target}?token={good}&access_token={good}")
            refused = [
                send(create), send(create, f"Bearer {late}"), send(create, "Bearer x"), send(in_query),
                send(create, f"Bearer {good} {good}"), send(create, "Basic %%%"), send(create, good),
                send(create, f"Bearer {good}\u00ff"), send(create, "Bearer " + "x" * 10_000),
            ]  # fmt: skip
            assert {one.status for one in refused} == {401}
            assert all(column.is_error(one) and one.headers["www-authenticate"] for one in refused)
            for text in (reader, stranger):
                answer = send(create, f"Bearer {text}")
                assert answer.status in {403, 404}, answer
                assert column.is_error(answer)
            assert read_tip(bare) == before
            assert send(create, f"Bearer {good}").status in MADE
            hidden = send(column.read(f"m-{column.slug}"), f"Bearer {stranger}")
            assert not column.finds(hidden), hidden
            assert column.slug.encode() not in send(column.listing({}), f"Bearer {stranger}").body
            assert column.finds(send(column.read(f"m-{column.slug}"), f"Bearer {reader}"))


# --- the branch


def test_a_branch_that_is_rewound_replaced_and_moved_in_the_middle_of_trains(
    bare: Path, tmp_path: Path
) -> None:
    start = read_tip(bare)
    is_over = threading.Event()
    statuses: list[int] = []

    def write(worker: int) -> None:
        column = COLUMNS[worker % len(COLUMNS)]
        for number in range(10_000):
            if is_over.is_set():
                return
            answer = ask(server.port, column.create({"name": f"w{worker}-{number}"}))
            statuses.append(answer.status)

    with serve_impatiently(bare) as server:
        workers = [threading.Thread(target=write, args=(n,)) for n in range(6)]
        for one in workers:
            one.start()
        for number in range(6):
            _wait_until(lambda n=number: len(statuses) > 20 * n, "writes")  # type: ignore[misc]  # a default
            git(bare, "update-ref", "refs/heads/main", start)  # rewound
            with contextlib.suppress(subprocess.CalledProcessError, AssertionError):
                _push(tmp_path, bare, {f"models/n{number}/namespace.yaml": namespace_yaml()})
            tree = git(bare, "rev-parse", f"{start}^{{tree}}")
            other = git(bare, "commit-tree", "-m", f"Replaced {number}", tree)
            git(bare, "update-ref", "refs/heads/main", other)  # another history
        is_over.set()
        for one in workers:
            one.join()
        assert set(statuses) <= {200, 201, 400, 404, 409, 422, 503}, set(statuses)
        assert statuses.count(200) + statuses.count(201) > 20
        assert_works(server)
        assert _status(server)["commit"] == read_tip(bare)
    assert git(bare, "fsck", "--full", "--strict", "--no-dangling") == ""


def test_a_policy_is_followed_while_it_can_be_used(bare: Path, tmp_path: Path) -> None:
    with serve_impatiently(bare, may_log=["serve.yaml was changed"]) as server:
        pushed = _push(tmp_path, bare, {"serve.yaml": "schema: serve/v1\nwrite: branch\n"})
        for column in COLUMNS:
            made = ask(server.port, column.create({"name": f"m-{column.slug}"}))
            assert made.status in MADE, made
            assert made.headers["registry-proposal"].startswith("serve/")
        assert read_tip(bare) == pushed
        _wait_until(lambda: _status(server)["mode"] == "branch", "the mode")
        broken = _push(tmp_path, bare, {"serve.yaml": "schema: serve/v1\nwrite: later\n"})
        made = ask(server.port, MLFLOW.create({"name": "another"}))
        assert (made.status, read_tip(bare)) == (200, broken)
        _wait_until(lambda: bool(_status(server)["warnings"]), "the warning")
        assert _status(server)["mode"] == "branch"
        (warning,) = cast("list[str]", _status(server)["warnings"])
        assert warning.startswith("serve.yaml is not followed: serve.yaml:2: ")


def test_a_large_wrong_push_is_served_at_once_and_told(bare: Path, tmp_path: Path) -> None:
    files: dict[str, str] = {}
    for number in range(600):
        files |= model_files(f"nlp/m{number}")
    wrong = "models/nlp/m599/model.yaml"
    model = files[wrong]
    with serve_impatiently(bare) as server:
        pushed = _push(tmp_path, bare, {**files, wrong: f"{model}unknown: 1\n"})
        _wait_until(lambda: _status(server)["commit"] == pushed, "the push")
        assert _status(server)["models"] in {600, 601}

        def refused() -> list[str]:
            told = cast("Mapping[str, list[Mapping[str, JSON]]]", _status(server)["pushes"])
            return [str(one["path"]) for one in told["refused"]]

        _wait_until(lambda: bool(refused()), "the check")
        assert refused() == [wrong]
        _push(tmp_path, bare, {wrong: model})
        _wait_until(lambda: not refused(), "the correction")


def test_a_merge_in_the_wrong_order_is_told_with_the_commands_that_restore_ids(
    bare: Path, tmp_path: Path
) -> None:
    kubeflow = COLUMNS[0]
    with serve_impatiently(bare) as server:
        mine = tmp_path / "mine"
        git(tmp_path, "clone", "--quiet", str(bare), "mine")
        assert_works(server, [kubeflow], name="published")
        before = ask(server.port, kubeflow.read("published")).data["id"]
        write_files(mine, {"models/cv/namespace.yaml": namespace_yaml(), **model_files("cv/mine")})
        git(mine, "add", "--all")
        git(mine, "commit", "--quiet", "-m", "Mine")
        git(mine, "pull", "--quiet", "--no-rebase", "--no-edit")
        git(mine, "push", "--quiet", "--no-verify", "origin", "HEAD:main")
        _wait_until(lambda: _status(server)["commit"] == read_tip(bare), "the push")
        assert ask(server.port, kubeflow.read("published")).data["id"] != before
        (warning,) = cast("list[str]", _status(server)["warnings"])
        assert "is not on its first-parent line" in warning
        for where in (["--server", str(bare)], []):
            install = [sys.executable, "-m", "registry_tool", "hooks", "install", *where]
            subprocess.run(install, cwd=mine, check=True, capture_output=True)
        commands = warning.partition("in a clone: ")[2]
        subprocess.run(commands, shell=True, cwd=mine, check=True, capture_output=True)
        _wait_until(lambda: not _status(server)["warnings"], "the restored line")
        assert ask(server.port, kubeflow.read("published")).data["id"] == before
        assert ask(server.port, kubeflow.read("cv.mine")).status == 200
        assert_works(server)


def test_a_manifest_that_was_broken_by_hand_is_told_and_all_others_are_served(
    bare: Path, tmp_path: Path
) -> None:
    path = "models/default/bad/model.yaml"
    with serve_impatiently(bare) as server:
        assert_works(
            server, [KOLENA], name="good"
        )  # with a version: Kolena shows no model without one
        broken = _push(tmp_path, bare, {path: "schema: model/v2\n  owner: [\n"})
        _wait_until(lambda: _status(server)["commit"] == broken, "the push")
        problems = cast("Mapping[str, str]", _status(server)["problems"])
        assert list(problems) == [path]
        assert problems[path].startswith(f"{path}:2: ")
        for column in COLUMNS:
            assert column.finds(ask(server.port, column.read("good")))
            missing = ask(server.port, column.read("bad"))
            assert not column.finds(missing)
            assert missing.status == 200 or column.is_error(missing)
            assert ask(server.port, column.listing({})).status == 200
        assert_works(server)
        good = (tmp_path / "work/models/default/good/model.yaml").read_text()
        _push(tmp_path, bare, {path: good})
        _wait_until(lambda: not _status(server)["problems"], "the correction")


def test_a_commit_of_2099_and_forged_trailers_gain_nothing(bare: Path, tmp_path: Path) -> None:
    forged = "Add\n\nRegistry-Time: 2098-01-01T00:00:00.000Z\nRegistry-Request: once\n"
    now = dt.datetime.now(dt.UTC).timestamp() * 1000
    with serve_impatiently(bare) as server:
        for number, date in enumerate(("2099-01-01T00:00:00Z", "2001-01-01T00:00:00Z", "")):
            model = (tmp_path / "source/models/nlp/lang-id/model.yaml").read_text()
            files = {
                "models/default/namespace.yaml": namespace_yaml(),
                f"models/default/pushed-{number}/model.yaml": model,
            }
            pushed = _push(tmp_path, bare, files, date=date, message=forged)
            _wait_until(lambda oid=pushed: _status(server)["commit"] == oid, "the push")  # type: ignore[misc]  # a default
            request = MLFLOW.create({"name": f"after-{number}"})
            headers = {**request.headers, "Idempotency-Key": "once"} if number == 0 else {}
            made = ask(server.port, request._replace(headers=headers))
            assert made.status == 200, made
            for name in (f"pushed-{number}", f"after-{number}"):
                model_data = cast("Mapping[str, int]", ask(server.port, MLFLOW.read(name)).data["registered_model"])  # fmt: skip
                assert now - 1000 < model_data["creation_timestamp"] < now + 3_600_000, name
        assert_works(server)


def test_a_clock_that_is_set_back_an_hour(bare: Path, tmp_path: Path) -> None:
    clock = tmp_path / "clock"
    clock.write_text("0")
    before = read_tip(bare)
    with serve_impatiently(bare, clock=clock) as server:
        for offset in ("0", "-3600", "-3600", "0"):
            clock.write_text(offset)
            assert_works(server)
    times = [int(line) for line in git(bare, "log", "--format=%ct", "--reverse").split()]
    assert times == sorted(times)
    form = "--format=%(trailers:key=Registry-Time,valueonly)"
    trailers = git(bare, "log", "--reverse", form, f"{before}..main").split()
    assert len(trailers) >= 4 * len(COLUMNS)
    assert trailers == sorted(set(trailers))


# --- the disk and the remotes


def _assert_unavailable(column: WireColumn, answer: RawAnswer) -> None:
    assert answer.status == 503, answer
    assert int(answer.headers["retry-after"]) >= 1
    assert column.is_error(answer)


def test_a_repository_that_cannot_be_written(bare: Path) -> None:
    packs = bare / "objects" / "pack"
    before = read_tip(bare)
    with serve_impatiently(bare) as server:
        packs.rename(bare / "kept")
        packs.write_text("in the way")
        for column in COLUMNS:
            _assert_unavailable(column, ask(server.port, column.create({"name": "m"})))
            assert ask(server.port, column.listing({})).status == 200
        assert read_tip(bare) == before
        packs.unlink()
        (bare / "kept").rename(packs)
        assert_works(server, [MLFLOW], name="m")


@contextlib.contextmanager
def _mounted(place: Path, *words: str) -> Iterator[Path]:
    """A file system of its own; the test is skipped where none may be mounted."""
    place.mkdir(exist_ok=True)
    command = ["mount", *words, str(place)]
    if sys.platform != "linux" or os.geteuid() or subprocess.run(command, check=False).returncode:
        pytest.skip("needs the right to mount a file system")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def test_a_disk_that_is_mounted_read_only(bare: Path, tmp_path: Path) -> None:
    with _mounted(tmp_path / "there", "--bind", str(bare)) as place, serve_impatiently(place) as server:  # fmt: skip
        remount = ["mount", "-o", "remount,bind,{}", str(place)]
        subprocess.run([word.format("ro") for word in remount], check=True)
        for column in COLUMNS:
            _assert_unavailable(column, ask(server.port, column.create({"name": "m"})))
            assert ask(server.port, column.listing({})).status == 200
        subprocess.run([word.format("rw") for word in remount], check=True)
        assert_works(server)


def test_a_disk_that_is_full(tmp_path: Path) -> None:
    with _mounted(tmp_path / "small", "-t", "tmpfs", "-o", "size=4m", "none") as place:
        bare = bare_registry(place)
        with serve_impatiently(bare) as server:
            before = read_tip(bare)
            filler = place / "filler"
            with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
                while file.write(b"x" * 512):
                    pass
            for column in COLUMNS:
                _assert_unavailable(column, ask(server.port, column.create({"name": "m"})))
                assert ask(server.port, column.listing({})).status == 200
            assert read_tip(bare) == before
            filler.unlink()
            assert_works(server)
        assert git(bare, "fsck", "--full", "--strict") == ""


def test_a_remote_that_is_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    bare = bare_registry(tmp_path, {"serve.yaml": "schema: serve/v1\nwrite: commit\n"})
    before = read_tip(bare)
    with serve_impatiently(f"file://{bare}", "--push") as server:
        bare.rename(tmp_path / "away")
        for column in COLUMNS:
            _assert_unavailable(column, ask(server.port, column.create({"name": "m"})))
            assert ask(server.port, column.listing({})).status == 200
        _wait_until(lambda: "cannot be fetched" in str(_status(server)["trouble"]), "the trouble")
        (tmp_path / "away").rename(bare)
        assert read_tip(bare) == before
        assert_works(server, [MLFLOW], name="m")
        _wait_until(lambda: _status(server)["trouble"] == "", "the end of the trouble")


# --- files


def _with_storage(tmp_path: Path) -> tuple[Path, Path]:
    storage = tmp_path / "storage"
    storage.mkdir()
    config = f"[core]\n    remote = storage\n['remote \"storage\"']\n    url = {storage}\n"
    files = {"registry.yaml": registry_yaml(), ".dvc/config": config}
    return bare_registry(tmp_path, files), storage


FILES: Final = [one for one in COLUMNS if one.upload is not None]


@pytest.mark.parametrize("column", FILES, ids=[one.name for one in FILES])
def test_a_store_that_refuses(column: WireColumn, tmp_path: Path) -> None:
    bare, storage = _with_storage(tmp_path)
    assert column.upload is not None
    upload = column.upload("1/model.bin", b"content")
    before = read_tip(bare)
    with serve_impatiently(bare) as server:
        storage.rename(tmp_path / "kept")
        storage.write_text("in the way")
        _assert_unavailable(column, ask(server.port, upload))
        assert read_tip(bare) == before
        storage.unlink()
        (tmp_path / "kept").rename(storage)
        assert ask(server.port, upload).status in MADE
        if column.reads_uploads:
            assert ask(server.port, upload._replace(method="GET", body=None)).body == b"content"
            # What a client gets is checked, so it is read from the cache here; a file that is nowhere is not found.
            assert ask(server.port, Ask("GET", f"{upload.target}x")).status == 404
        assert_works(server, [column])


@pytest.mark.parametrize("column", FILES, ids=[one.name for one in FILES])
def test_an_upload_that_is_cut_at_any_byte_leaves_nothing(column: WireColumn, tmp_path: Path) -> None:  # fmt: skip
    bare, storage = _with_storage(tmp_path)
    assert column.upload is not None
    request = column.upload("1/model.bin", b"0123456789")
    chunked = request._replace(headers={**request.headers, "Content-Length": "", "Transfer-Encoding": "chunked"})  # fmt: skip
    head = chunked._replace(body=None).encode()
    pieces = [request.encode(), head + b"a\r\n0123456789\r\n0\r\n\r\n"]
    before = read_tip(bare)
    with serve_impatiently(bare) as server:
        for whole in pieces:
            for length in range(len(whole)):
                with connect(server.port) as connection:
                    connection.sendall(whole[:length])
        assert_works(server, [column])
        git(bare, "update-ref", "refs/heads/main", before)  # without what was just created
        assert [path for path in storage.rglob("*") if path.is_file()] == []
        if column.reads_uploads:
            assert ask(server.port, request._replace(method="GET", body=None)).status == 404
        for whole in pieces:
            assert ask(server.port, [whole]).status in MADE
    assert git(bare, "rev-list", "--count", f"{before}..main") in {"1", "2"}


# --- clients that do not read


def test_clients_that_never_read_are_dropped(tmp_path: Path) -> None:
    bare, _ = _with_storage(tmp_path)
    size = 32 << 20
    with serve_impatiently(bare) as server:
        assert MLFLOW.upload is not None
        upload = MLFLOW.upload("1/model.bin", b"x" * size)
        assert ask(server.port, upload).status == 200
        download = upload._replace(method="GET", body=None)
        with contextlib.ExitStack() as open_connections:
            for _ in range(3):
                idle = open_connections.enter_context(connect(server.port))
                idle.sendall(download.encode())
            _wait_until(lambda: _open_requests(server) > 1, "the downloads")
            _wait_until(lambda: _open_requests(server) == 1, "their end")
            received = 0
            with contextlib.suppress(ConnectionError):
                while piece := idle.recv(1 << 20):
                    received += len(piece)
            assert received < size
        assert len(ask(server.port, download).body) == size
        assert_works(server)


def _open_requests(server: ServerProcess) -> int:
    """How many requests are being answered, the one that asks included."""
    text = ask(server.port, Ask("GET", "/metrics")).body.decode()
    line = next(one for one in text.splitlines() if one.startswith("registry_open_requests "))
    return int(float(line.split()[1]))
