"""Test runs of Kolena as its client speaks of them, without the client."""

from __future__ import annotations

from collections.abc import Mapping

from registry_tool.manifests.problems import JSON
from support.kolena_wire import Rows, add_case, ask_rows, said, upload_rows
from support.served_apps import Reply, ServedApp

__all__ = ["TestedModel", "add_model", "add_suite", "upload_metrics"]


def add_model(app: ServedApp, name: str, workflow: str = "lang") -> dict[str, JSON]:
    """A model."""
    body: dict[str, JSON] = {"name": name, "metadata": {}, "workflow": workflow}
    return said(app.ask("POST", "generic/model/create", body))


def add_suite(
    app: ServedApp, name: str, *cases: Mapping[str, JSON], workflow: str = "lang"
) -> dict[str, JSON]:
    """A test suite with test cases."""
    body: dict[str, JSON] = {"name": name, "description": "", "workflow": workflow}
    suite = said(app.ask("POST", "generic/test-suite/create", body))
    body = {"test_suite_id": suite["id"], "current_version": 0, "name": name, "description": ""}
    body["test_case_ids"] = [case["id"] for case in cases]
    return said(app.ask("POST", "generic/test-suite/edit", body))


class TestedModel:
    """A test run with its model and suite.

    Args:
        app: The server.
        model: The model.
        suite: The test suite.
        evaluator: The name of the evaluator.
    """

    __test__ = False

    def __init__(
        self,
        app: ServedApp,
        model: Mapping[str, JSON],
        suite: Mapping[str, JSON],
        evaluator: str | None = "Judge",
    ) -> None:
        self.app = app
        self.model = model
        self.suite = suite
        self.id = said(self.begin(evaluator))["test_run_id"]

    @classmethod
    def build(cls, app: ServedApp, *samples: str) -> TestedModel:
        """A new model on a new suite with one case that has some samples."""
        case = add_case(app, "first", *((one, "{}", f"truth of {one}") for one in samples))
        return cls(app, add_model(app, "lang-id"), add_suite(app, "holdout", case))

    def begin(self, evaluator: str | None, configurations: JSON = None) -> Reply:
        """The answer to the call that begins a run."""
        body: dict[str, JSON] = {"model_id": self.model["id"], "test_suite_id": self.suite["id"]}
        body |= {"evaluator": evaluator, "configurations": configurations}
        return self.app.ask("PUT", "generic/test-run/create-or-retrieve", body)

    def remaining(self, *, load_all: bool = False) -> list[JSON]:
        """The samples without an inference."""
        body: dict[str, JSON] = {"test_run_id": self.id, "load_all": load_all}
        path = "generic/test-run/load-remaining-test-samples"
        return ask_rows(self.app, path, body).get("test_sample", [])

    def upload(
        self, *inferences: tuple[str, str], reset: bool = False, load: str | None = None
    ) -> Reply:
        """The answer to an upload of inferences: samples, and what the model says of them."""
        rows = {"test_sample": [a for a, _ in inferences], "inference": [b for _, b in inferences]}
        body: dict[str, JSON] = {
            "uuid": load or upload_rows(self.app, rows), "test_run_id": self.id, "reset": reset,
        }  # fmt: skip
        return self.app.ask("PUT", "generic/test-run/upload-inferences", body)

    def inferences(self) -> dict[str, list[JSON]]:
        """Those of the run, by column."""
        path = "generic/test-run/load-test-sample-inferences"
        return ask_rows(self.app, path, {"test_run_id": self.id})

    def inferences_on(self, case: Mapping[str, JSON]) -> list[JSON]:
        """Those of the model on a test case."""
        body: dict[str, JSON] = {"model_id": self.model["id"], "test_case_id": case["id"]}
        return ask_rows(self.app, "generic/model/load-inferences", body).get("inference", [])

    def measure_cases(self, *rows: tuple[int, str | None, str], level: str = "metrics") -> Reply:
        """Upload metrics, or plots, of test cases: the id of the case, the configuration, the metrics."""
        columns: Rows = {
            "test_case_id": [row[0] for row in rows],
            "configuration_display_name": [row[1] for row in rows],
            "metrics": [row[2] for row in rows],
        }
        return upload_metrics(self, f"test-case-{level}", columns, test_suite_id=self.suite["id"])

    def measure_suite(self, *rows: tuple[str | None, str]) -> Reply:
        """Upload metrics of the suite, which finishes the run: the configuration, the metrics."""
        columns: Rows = {
            "configuration_display_name": [row[0] for row in rows],
            "metrics": [row[1] for row in rows],
        }
        return upload_metrics(self, "test-suite-metrics", columns, test_suite_id=self.suite["id"])


def upload_metrics(
    run: TestedModel,
    what: str,
    columns: Rows,
    **fields: JSON,
) -> Reply:
    """The answer to an upload of some metrics of a run."""
    has_rows = any(columns.values())
    load = upload_rows(run.app, *([columns] if has_rows else []))
    body: dict[str, JSON] = {"uuid": load, "test_run_id": run.id, **fields}
    return run.app.ask("PUT", f"generic/test-run/upload-{what}", body)
