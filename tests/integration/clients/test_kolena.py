"""Kolena's own client, unmodified: each id of its features is a check, and every field is read again over a fresh clone.

| id | feature | test |
| --- | --- | --- |
| KO-2 | a model is only metadata | models, ``only metadata`` |
| KO-3 | create, load, load or create | models |
| KO-4 | a name is unique over workflows, and not blank | models |
| KO-5 | a model is updated and renamed; the client has no call for it, so one is made without it | models, ``renamed`` |
| KO-6 | free metadata | models, ``METADATA`` of the script |
| KO-7 | tags, and the models that have all of some | models |
| KO-8 | one workflow each; mixing is an error | runs |
| KO-9 to KO-11 | only what is missing is inferred; an inference is kept for each model and sample | runs |
| KO-12 | test cases and suites have versions that do not change | models |
| KO-13 to KO-15 | ``test`` with and without ``reset``, again, with configurations | runs |
| KO-16 | a crash is recorded | runs, with its commit |
| KO-17 | no evaluator runs on the server | runs |

What the client cannot read is read from the objects that the server wrote.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, cast

import httpx
import pytest
from support import git, run_program
from support.kolena_runs import TestedModel, add_model, add_suite, upload_metrics
from support.kolena_wire import PREFIX, RemoteApp, Rows, add_case, decode_rows, said
from support.served_apps import ServedApp
from support.wire_clients import run_client, running_server

from registry_tool.live.records import ObjectRecord
from registry_tool.manifests.data import Data, member, records, text
from registry_tool.manifests.problems import JSON
from registry_tool.server.service import Service, ServiceOptions, open_service

PAGE: Final = Path(__file__).parents[3] / "docs" / "serve-kolena.md"
GATE: Final = "kolena/holdout@1/Judge/suite/accuracy"
STORED: Final[list[JSON]] = [
    ["bonjour", 7, {"source": "web"}, "fr", "fr", 0.75, False],
    ["guten Tag ☀", 11, {"source": "web"}, "de", "en", 0.5, False],
    ["good day", 8, {"source": "web"}, "en", "en", 0.5, False],
    ['say "NaN"\n', 10, {"source": "web"}, "en", "en", "NaN", False],
]
MODEL: Final = "helpful-meadow-5 (YOLOR-D6, 1280x1280, pytorch-1.7)"
METADATA: Final[Mapping[str, JSON]] = {
    "framework": "pytorch-1.7",
    "trainer": "Ada",
    "commit": "0a1b2c3",
    "links": ["https://runs.example.org/5"],
    "notes": "Trained twice.\nThe second one won.",
    "weights": "s3://models/yolor/5.pt",
    "data set": {"name": "coco", "version": 3},
    "hyperparameters": {"lr": 0.001, "epochs": 300, "mixed": True, "warm-up": None},
    "seed": 7,
}
OF_MODELS: Final[Mapping[str, JSON]] = {
    "KO-2 only metadata": {
        "name": MODEL,
        "metadata": {**METADATA},
        "tags": ["edge", "not a label!"],
    },
    "KO-3 created, loaded, loaded or created": [True, True, "NotFoundError"],
    "KO-4 unique": [
        "NameConflictError",
        "NameConflictError",
        "WorkflowMismatchError",
        "ValueError",
    ],
    "KO-7 by all tags": [[MODEL, "second"], [MODEL, "second"], [MODEL], []],
    "KO-12 versions of a case": [[1, 2], [2, 1], "NameConflictError"],
    "KO-12 old versions of a case": [
        ["Short ones.", [["fr a", "fr"], ["de b", "de"]]],
        ["Shorter ones.", [["de b", "de"], ["en c", "en"]]],
    ],
    "KO-12 a version that does not exist": "NotFoundError",
    "KO-12 versions of a suite": [1, 2, 2],
    "KO-12 old versions of a suite": [
        ["Kept apart.", ["nightly", "weekly"], ["short/β"]],
        ["Kept apart.", ["nightly", "weekly"], ["short/β", "long"]],
    ],
    "KO-12 suites by tags": ["holdout"],
    "KO-12 mixed": "TypeError",
    "samples": [["short/β", 2, ["de b", "en c"]], ["long", 1, ["it e", "nl f"]]],
    "metadata": {"source": "web"},
}
EXPECTED: Final[Mapping[str, JSON]] = {
    "KO-8 mixed": "WorkflowMismatchError",
    "KO-9 remaining": [["bonjour", "guten Tag ☀", "good day", 'say "NaN"\n'], ""],
    "KO-9 only what is missing": ["good day", 'say "NaN"\n'],
    "KO-10 again": "IncorrectUsageError",
    "KO-11 stored": [STORED[:3], STORED[2:]],
    "KO-13 reset": 4,
    "KO-14 same run": True,
    "KO-15 configured": ["score>=0.6", "score>=inf"],
    "KO-16 crashed": "RuntimeError",
    "KO-17 no evaluator": "IncorrectUsageError",
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


@contextmanager
def other_clone(registry: Path, tmp_path: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    """A bare clone without its origin, and variables for a server with a cache and a state of its own."""
    clone = tmp_path / "clone.git"
    subprocess.run(["git", "clone", "-q", "--bare", registry, clone], check=True)
    subprocess.run(["git", "remote", "rm", "origin"], cwd=clone, check=True)
    yield clone, {name: str(tmp_path / name) for name in ("XDG_CACHE_HOME", "XDG_STATE_HOME")}


def publish_stages(registry: Path, stages: str) -> None:
    """Publish other stages."""
    settings = registry / "registry.yaml"
    kept = settings.read_text().partition("\nstages:")[0].rstrip()
    settings.write_text(f"{kept}\n{stages}")
    git(registry, "commit", "-qam", "Stages")


def set_gate(registry: Path, least: float) -> None:
    """Publish a stage whose only gate is a threshold."""
    gate = f"- metric: {GATE}\n        min: {least}"
    publish_stages(registry, f"stages:\n  production:\n    require:\n      {gate}\n")


def test_models_test_cases_and_suites(registry: Path, tmp_path: Path) -> None:
    with running_server(registry, "--api", "kolena") as server:
        found = run_client(
            "kolena", "kolena_models.py", url=server.url, step="write", metadata={**METADATA}
        )
        before = run_client("kolena", "kolena_models.py", url=server.url, step="read")
        assert isinstance(found, dict)
        ids = found.pop("ids")
        assert found == OF_MODELS
        server.kill()
    with other_clone(registry, tmp_path) as (clone, env), running_server(clone, "--api", "kolena", env=env) as server:  # fmt: skip
        assert run_client("kolena", "kolena_models.py", url=server.url, step="read") == before
        assert isinstance(ids, list)
        changed: dict[str, JSON] = {
            "model_id": ids[0],
            "name": "KO-5",
            "metadata": {"seed": 8},
            "tags": ["x"],
        }
        with httpx.Client(base_url=server.url, timeout=60) as client:
            assert client.put(f"{PREFIX}/generic/model/edit", json=changed).status_code == 200
        names: list[JSON] = ["KO-5", "second"]
        shown = run_client("kolena", "kolena_models.py", url=server.url, step="load", names=names)
        renamed = member(shown, "KO-5")
        assert renamed == {"name": "KO-5", "metadata": {"seed": 8}, "tags": ["x"]}
    done = run_program("check", "--all", cwd=clone)
    assert done.code == 0, done.out + done.err


def test_every_feature_of_the_client_up_to_a_gate(registry: Path, tmp_path: Path) -> None:
    with running_server(registry, "--api", "kolena") as server:
        found = run_client("kolena", "kolena_runs.py", url=server.url, step="write")
        before = run_client("kolena", "kolena_runs.py", url=server.url, step="read")
        server.kill()
    assert found == EXPECTED
    assert member(before)["stored"] == [STORED[:3], STORED[2:]]
    assert member(before)["of run"] == STORED
    with other_clone(registry, tmp_path) as (clone, env), running_server(clone, "--api", "kolena", env=env) as server:  # fmt: skip
        assert run_client("kolena", "kolena_runs.py", url=server.url, step="read") == before
    git(registry, "reset", "-q", "--hard")
    crashed = "Mark the test run lang-id (fast) on holdout by Judge as crashed"
    assert crashed in git(registry, "log", "--format=%s").splitlines()
    done = run_program("check", "--all", cwd=registry)
    assert done.code == 0, done.out + done.err

    # The client measured 0.8333: what that is worth is the policy's to say.
    version = "default/lang-id-fast-d10b4b35@1"
    set_gate(registry, 0.9)
    refused = run_program("promote", version, "--to", "production", "--commit", cwd=registry)
    assert refused.code == 1, refused.out
    assert f"{GATE} 0.8333333333333333 < 0.9" in refused.out + refused.err
    set_gate(registry, 0.8)
    promoted = run_program("promote", version, "--to", "production", "--commit", cwd=registry)
    assert promoted.code == 0, promoted.out + promoted.err
    shown = run_program("resolve", "default/lang-id-fast-d10b4b35@production", cwd=registry)
    assert shown.code == 0, shown.err


def read_blocks(language: str) -> list[str]:
    """The blocks of the page about this protocol, of one language."""
    found = re.findall(
        r"^```(\w+)\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    return [body for name, body in found if name == language]


def test_the_program_and_the_commands_of_the_page_run(registry: Path, tmp_path: Path) -> None:
    (program,), (stages,), (commands,) = map(read_blocks, ("python", "yaml", "bash"))
    with running_server(registry, "--api", "kolena") as server:
        for _ in range(2):  # the second time everything is found again
            run = run_client("kolena", "kolena_page.py", url=server.url, program=program, page=PAGE.name)  # fmt: skip
            assert member(run)["samples"] == 4
            subjects = git(registry, "log", "--format=%s").splitlines()
        assert subjects.count("Add model default/lang-id") == 1
    publish_stages(registry, stages)
    for line in commands.splitlines():
        done = run_program(*line.split()[1:], cwd=registry)
        assert done.code == 0, done.out + done.err
    assert done.out.startswith("default/lang-id@1 ")


# --- all fields, over a fresh clone

A, B = '{"a": NaN, "locator": "ü"}', '{"locator": "b"}'
INFERENCES: Final = ((A, '{"x": -Infinity}'), (B, "[ 1 ]"))
ROWS: Final[Mapping[str, Rows]] = {
    "inferences": {"test_sample": [A, B], "inference": [one for _, one in INFERENCES]},
    "test-sample": {"test_sample": [B, A], "metrics": ['{"m": NaN}', '{"u": "\\u0000"}']},
    "thresholded": {"test_sample": [A], "metrics": ['{"name": "car", "threshold": 0.5}']},
}
CONFIGURATION: Final[dict[str, JSON]] = {"display_name": "score ≥ ½", "configuration": {"b": 1, "a": [None, "ü"]}}  # fmt: skip
WRITTEN: Final = '{"a": [null, "ü"], "b": 1}'


def write_everything(app: ServedApp) -> dict[str, JSON]:
    """Every field that a run has on the wire; what was sent, by field."""
    case = add_case(app, "first", (A, '{"m": 1}', "1"), (B, "{}", None))
    model, suite = add_model(app, "lang-id"), add_suite(app, "holdout", case)
    run = TestedModel(app, model, suite, "Jüdge")
    said(run.begin("Jüdge", [CONFIGURATION]))
    said(run.upload(*INFERENCES, reset=True))
    fields: dict[str, JSON] = {"test_case_id": case["id"], "configuration": CONFIGURATION}
    said(upload_metrics(run, "test-sample-metrics", ROWS["test-sample"], **fields))
    said(upload_metrics(run, "test-sample-thresholded-metrics", ROWS["thresholded"], model_id=model["id"], **fields))  # fmt: skip
    number = cast("int", case["id"])
    rows = ((number, None, '{"m": NaN}'), (number, "score ≥ ½", '{"m": 1e400}'))
    said(run.measure_cases(*rows))
    said(run.measure_cases(*rows[:1], level="plots"))
    said(app.ask("PUT", "generic/test-run/update-metrics-status", {"test_run_id": run.id, "progress": 0.25, "message": "ü\n"}))  # fmt: skip
    said(run.measure_suite(("score ≥ ½", '{"accuracy": 0.5}')))
    of_cases: dict[str, JSON] = {
        "test_case_id": [number, number],
        "configuration_display_name": [None, "score ≥ ½"],
        "metrics": [rows[0][2], rows[1][2]],
    }
    sent: dict[str, JSON] = {
        "id": run.id, "model": "default/lang-id@1", "suite": "holdout@1", "evaluator": "Jüdge",
        "configurations": [{"display_name": "score ≥ ½", "configuration": WRITTEN}],
        "status": {"progress": 0.25, "message": "ü\n"}, "state": "finished", "reset": True,
        "test-case": of_cases, "plots": {key: cast("list[JSON]", column)[:1] for key, column in of_cases.items()},
        "test-suite": {"configuration_display_name": ["score ≥ ½"], "metrics": ['{"accuracy": 0.5}']},
        "evidence": {"kolena/holdout@1/J%C3%BCdge[score %E2%89%A5 %C2%BD]/suite/accuracy": 0.5},
    }  # fmt: skip
    for level, stored in ROWS.items():
        sent[level] = {name: [*values] for name, values in stored.items()}
    for level in ("test-sample", "thresholded"):
        sent[f"{level} case"] = "first@1"
        sent[f"{level} configuration"] = {"display_name": "score ≥ ½", "configuration": WRITTEN}
    return sent


def read_rows(service: Service, data: Data) -> dict[str, JSON]:
    """The rows of an upload, from the DVC remote."""
    (file,) = records(data, "files")
    stored = service.registry.store.fetch({**file, "name": "rows", "path": "rows"})
    return {name: [*values] for name, values in decode_rows(stored.read_bytes()).items()}


def find_only(service: Service, kind: str) -> ObjectRecord:
    (record,) = service.snapshot.listed(f"kolena/{kind}")
    assert isinstance(record, ObjectRecord)
    return record


def read_everything(service: Service) -> dict[str, JSON]:
    """The same fields, from a registry."""
    run = find_only(service, "test-run")
    suite = service.snapshot.object("kolena", "test-suite-version", text(run.data, "suite"))
    assert suite is not None
    (upload,) = records(find_only(service, "inferences").data, "uploads")
    found: dict[str, JSON] = {
        "id": run.id, "model": run.data["model"], "suite": f"{suite.shown}@{suite.data['version']}",
        "evaluator": run.data["evaluator"], "configurations": run.data["configurations"],
        "status": run.data["status"], "state": run.state, "reset": upload.get("reset"),
        "inferences": read_rows(service, upload),
    }  # fmt: skip
    for record in service.snapshot.listed("kolena/metrics"):
        level = text(record.data, "level")
        found[level] = read_rows(service, record.data)
        if "case" in record.data:
            case = service.snapshot.object("kolena", "test-case", text(record.data, "case"))
            assert case is not None
            found[f"{level} case"] = f"{case.shown}@{case.data['version']}"
            found[f"{level} configuration"] = {**member(record.data, "configuration")}
    version = next(service.snapshot.listed("version"))
    (evidence,) = version.evidence().values()  # type: ignore[union-attr]  # it is a version
    values = {text(one, "key"): one["value"] for one in records(evidence, "metrics")}
    found["evidence"] = {key: value for key, value in values.items() if "/suite/" in key}
    return found


def count_fields(data: JSON) -> int:
    """How many values some data has; a column of a table is one."""
    if isinstance(data, dict):
        return sum(map(count_fields, data.values()))
    return 1


FIELDS: Final = 30


def test_every_field_reads_back_equal_after_a_kill_over_a_fresh_clone(
    registry: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_server(registry, "--api", "kolena") as server:
        with httpx.Client(base_url=server.url, timeout=60) as client:
            sent = write_everything(cast("ServedApp", RemoteApp(client)))
        server.kill()
    with other_clone(registry, tmp_path) as (clone, env):
        for name, value in env.items():
            monkeypatch.setenv(name, value)
        with open_service(clone, ServiceOptions(read_only=True)) as service:
            assert read_everything(service) == sent
    assert count_fields(sent) == FIELDS
