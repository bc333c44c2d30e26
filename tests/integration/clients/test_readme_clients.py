"""The lines that the README shows for each client run in that client's environment, in their order, against one server."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Final

import pytest
from support import git, run_program
from support.wire_clients import ServerProcess, client_python, running_server

_README: Final = Path(__file__).parents[3] / "README.md"
_SCRIPTS: Final = Path(__file__).parent / "scripts"
_BLOCK: Final = re.compile(
    r"^\*\*([\w ]+)\*\*[^\n]*\n\n```py\n(.*?)^```$", re.MULTILINE | re.DOTALL
)
# What a user of each has before these lines.
_BEFORE: Final = {
    "MLflow": "import mlflow\n",
    "Kubeflow Model Registry": "from model_registry import ModelRegistry\n",
    "TrueFoundry": "from truefoundry.ml import get_client\n",
    "ModelBox": "from modelbox.modelbox import MLFramework, ModelBox\n",
    "Kolena": """
from dataclasses import dataclass
import kolena
from kolena.workflow import EvaluationResults, GroundTruth, Inference, MetricsTestCase, MetricsTestSample, MetricsTestSuite
from kolena.workflow import Text, define_workflow, test
@dataclass(frozen=True)
class Sentence(Text): pass
@dataclass(frozen=True)
class Language(GroundTruth): code: str
@dataclass(frozen=True)
class Guess(Inference): code: str
@dataclass(frozen=True)
class Right(MetricsTestSample): is_right: bool
@dataclass(frozen=True)
class CaseShare(MetricsTestCase): accuracy: float
@dataclass(frozen=True)
class Share(MetricsTestSuite): accuracy: float
_, TestCase, TestSuite, Model = define_workflow("languages", Sentence, Language, Guess)
infer = lambda sample: Guess(code="fr")
def evaluator(samples, truths, guesses, cases):
    right = [Right(a.code == b.code) for a, b in zip(truths, guesses)]
    share = sum(one.is_right for one in right) / len(right)
    shares = [(case, CaseShare(share)) for case, *_ in cases.iter(samples, truths, guesses, right)]
    return EvaluationResults(
        metrics_test_sample=list(zip(samples, right)), metrics_test_case=shares, metrics_test_suite=Share(share)
    )
kolena.initialize(verbose=False)
cases = TestCase("short texts", test_samples=[(Sentence(text="bonjour"), Language(code="fr"))])
""",
    "MLSteam": "from mlsteam_client import install_stub\ninstall_stub()\nfrom mlsteam_model_sdk.sdk.model import Model\n",
}
_ENVIRONMENTS: Final = {
    "MLflow": "mlflow", "Kubeflow Model Registry": "kubeflow", "TrueFoundry": "truefoundry", "ModelBox": "modelbox",
    "Kolena": "kolena", "MLSteam": "mlsteam",
}  # fmt: skip


def _blocks() -> dict[str, str]:
    return dict(_BLOCK.findall(_README.read_text(encoding="utf-8")))


def _said_at_start(server: ServerProcess, command: str) -> list[str]:
    """The arguments that a command has among what the server printed."""
    lines = "\n".join(server.log).replace("\\\n", " ")
    (found,) = (line for line in lines.splitlines() if command in line)
    return found.partition("#")[0].replace("TOKEN", "local").replace("NAMESPACE", "default").split()


def _prepare(server: ServerProcess, python: Path, env: dict[str, str]) -> None:
    """What the README says before the lines of MLSteam."""
    program, *words = _said_at_start(server, "mlsteam-model-cli init")
    done = subprocess.run(
        [python.with_name(program), *words], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _run(server: ServerProcess, name: str, lines: str, home: Path) -> str:
    python = client_python(_ENVIRONMENTS[name])
    for old, new in (("127.0.0.1:8080", server.url.partition("//")[2]), ("8080", str(server.port)), ("127.0.0.1:8085", server.target)):  # fmt: skip
        lines = lines.replace(old, new)
    env = {
        **os.environ,
        "HOME": str(home), "PYTHONPATH": str(_SCRIPTS), "KOLENA_API_URL": server.url, "KOLENA_TOKEN": "any", "TFY_HOST": server.url, "TFY_API_KEY": "tfy_local",
        "MLFLOW_TRACKING_URI": f"file://{home / 'runs'}", "MLFLOW_ALLOW_FILE_STORE": "true",
    }  # fmt: skip
    if name == "MLSteam":
        _prepare(server, python, env)
    done = subprocess.run(
        [python, "-W", "ignore", "-c", _BEFORE[name] + lines],
        cwd=home, env=env, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{name}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.timeout(300)
def test_the_lines_of_each_client_work(tmp_path: Path) -> None:
    blocks, home, registry = _blocks(), tmp_path / "home", tmp_path / "models"
    assert [*blocks] == [*_ENVIRONMENTS]
    storage = str(tmp_path / "storage")
    done = run_program("init", str(registry), "--name", "models", "--remote", storage, cwd=tmp_path)
    assert done.code == 0, done.err
    home.mkdir()
    (home / "weights.bin").write_bytes(b"weights")
    with running_server(registry, "--grpc-port", "0") as server:
        said = {name: _run(server, name, lines, home) for name, lines in blocks.items()}
    fetched = Path(said["MLSteam"].strip().splitlines()[-1])
    assert (fetched / "weights.bin").read_bytes() == b"weights"
    done = run_program("list", cwd=registry)
    shown = {line.split()[0] for line in done.out.splitlines()}
    assert shown == {"default/lang-id", "default/ranker", "default/translator", "speech/whisper"}
    evidence = git(registry, "ls-files", "models/default/lang-id/versions/1/evidence")
    assert "kolena-run-" in evidence
    assert run_program("check", "--all", cwd=registry).code == 0
