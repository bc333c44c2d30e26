"""Creates a model through Kolena's client, evaluates a version of one, or reads models as it shows them."""

import json
import logging
import os
import sys
from dataclasses import dataclass

given = json.load(sys.stdin)["given"]
os.environ["KOLENA_API_URL"] = given["url"]
os.environ["KOLENA_TOKEN"] = "any"
sys.stdout, printed = sys.stderr, sys.stdout

import kolena  # noqa: E402 (it reads the environment)
from kolena.workflow import (  # noqa: E402
    EvaluationResults,
    GroundTruth,
    Inference,
    MetricsTestCase,
    MetricsTestSample,
    MetricsTestSuite,
    Text,
    define_workflow,
    test,
)

logging.disable(logging.CRITICAL)
kolena.initialize(verbose=False)


@dataclass(frozen=True)
class Sentence(Text):
    pass


@dataclass(frozen=True)
class Language(GroundTruth):
    code: str


@dataclass(frozen=True)
class Guess(Inference):
    code: str


@dataclass(frozen=True)
class Sample(MetricsTestSample):
    is_right: bool


@dataclass(frozen=True)
class CaseMetrics(MetricsTestCase):
    accuracy: float


@dataclass(frozen=True)
class SuiteMetrics(MetricsTestSuite):
    accuracy: float


_, Case, Suite, Model = define_workflow("languages", Sentence, Language, Guess)


def judge(samples, truths, guesses, cases):
    metrics = [Sample(a.code == b.code) for a, b in zip(truths, guesses, strict=True)]
    found = []
    for case, _, _, _, own in cases.iter(samples, truths, guesses, metrics):
        found.append((case, CaseMetrics(sum(one.is_right for one in own) / len(own))))
    share = sum(one.is_right for one in metrics) / len(metrics)
    return EvaluationResults(
        metrics_test_sample=list(zip(samples, metrics, strict=True)),
        metrics_test_case=found,
        metrics_test_suite=SuiteMetrics(share),
    )


if "write" in given:
    fields = given["write"]
    Model(fields["name"], metadata=fields["metadata"], tags=set(fields["tags"]))
if "evaluate" in given:
    texts = [("bonjour", "fr"), ("guten Tag", "de"), ("good day", "en"), ("hola", "es")]
    samples = [(Sentence(text=text), Language(code=code)) for text, code in texts]
    suite = Suite("holdout", test_cases=[Case("short texts", test_samples=samples)])
    codes = dict(texts)
    model = Model(given["evaluate"], infer=lambda sample: Guess(code=codes[sample.text]))
    test(model, suite, judge)
found = {}
for name in given["read"]:
    try:
        model = Model.load(name)
    except Exception as exc:
        found[name] = {"error": f"{type(exc).__name__}: {exc}"}
        continue
    shown = {"name": model.name, "metadata": model.metadata, "tags": sorted(model.tags)}
    found[name] = {"version": {**shown, "id": model._id, "workflow": model.workflow.name}}
print(json.dumps({"found": found}), file=printed, flush=True)
