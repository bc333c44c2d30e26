"""Test runs of Kolena's client: written, or read again from a fresh clone. Results by the ids of its features."""

import json
import logging
import math
import os
import sys
from dataclasses import dataclass, field
from typing import List, Optional  # noqa: UP035 (the client reads these types)

given = json.load(sys.stdin)
os.environ["KOLENA_API_URL"] = given["url"]
os.environ["KOLENA_TOKEN"] = given.get("token", "any")
sys.stdout, printed = sys.stderr, sys.stdout

import kolena  # noqa: E402 (it reads the environment)
from kolena._experimental.workflow import ThresholdedMetrics  # noqa: E402
from kolena.workflow import (  # noqa: E402
    BarPlot,
    EvaluationResults,
    Evaluator,
    EvaluatorConfiguration,
    GroundTruth,
    Inference,
    Metadata,
    MetricsTestCase,
    MetricsTestSample,
    MetricsTestSuite,
    TestRun,
    Text,
    define_workflow,
    test,
)

logging.disable(logging.CRITICAL)
kolena.initialize(verbose=False)


@dataclass(frozen=True)
class Sentence(Text):
    length: int = 0
    metadata: Metadata = field(default_factory=dict)


@dataclass(frozen=True)
class Language(GroundTruth):
    code: str


@dataclass(frozen=True)
class Guess(Inference):
    code: str
    score: float
    ignored: bool = False


@dataclass(frozen=True)
class Threshold(ThresholdedMetrics):
    hits: int


@dataclass(frozen=True)
class SampleMetrics(MetricsTestSample):
    is_right: bool
    margin: float
    levels: List[Threshold]  # noqa: UP006


@dataclass(frozen=True)
class LanguageMetrics(MetricsTestCase):
    Language: str
    recall: float


@dataclass(frozen=True)
class CaseMetrics(MetricsTestCase):
    accuracy: float
    undefined: float
    per_language: List[LanguageMetrics]  # noqa: UP006


@dataclass(frozen=True)
class SuiteMetrics(MetricsTestSuite):
    accuracy: float


@dataclass(frozen=True)
class AtLeast(EvaluatorConfiguration):
    score: float

    def display_name(self):
        return f"score>={self.score}"


_, Case, Suite, Model = define_workflow("languages", Sentence, Language, Guess)


def is_right(truth, guess, configuration):
    return truth.code == guess.code and (
        configuration is None or guess.score >= configuration.score
    )


def share(rights):
    return sum(rights) / len(rights) if rights else math.nan


class Judge(Evaluator):
    def compute_test_sample_metrics(self, _, inferences, configuration=None):
        levels = [Threshold(threshold=0.5, hits=1), Threshold(threshold=0.9, hits=0)]
        return [
            (sample, SampleMetrics(is_right(truth, guess, configuration), guess.score, levels))
            for sample, truth, guess in inferences
        ]

    def compute_test_case_metrics(self, _, inferences, metrics, __=None):
        rights: dict = {}
        for (_sample, truth, _guess), one in zip(inferences, metrics, strict=True):
            rights.setdefault(truth.code, []).append(one.is_right)
        languages = [LanguageMetrics(code, share(rights[code])) for code in sorted(rights)]
        return CaseMetrics(share([one.is_right for one in metrics]), math.nan, languages)

    def compute_test_case_plots(self, _, __, metrics, ___=None):
        hits = sum(one.is_right for one in metrics)
        return [BarPlot(title="right", x_label="", y_label="", labels=["yes"], values=[hits])]

    def compute_test_suite_metrics(self, _, metrics, __=None):
        return SuiteMetrics(share([one.accuracy for _case, one in metrics]))


def judge(samples, truths, guesses, cases) -> Optional[EvaluationResults]:  # noqa: UP045
    pairs = zip(truths, guesses, strict=True)
    metrics = [
        SampleMetrics(is_right(truth, guess, None), guess.score, []) for truth, guess in pairs
    ]
    found = [
        (case, CaseMetrics(share([one.is_right for one in own]), math.inf, []))
        for case, _, _, _, own in cases.iter(samples, truths, guesses, metrics)
    ]
    return EvaluationResults(list(zip(samples, metrics, strict=True)), found)


def raised(work):
    try:
        work()
    except Exception as exc:
        return type(exc).__name__
    return ""


def show(inferences):
    return [
        [
            s.text,
            s.length,
            s.metadata,
            t.code,
            g.code,
            "NaN" if math.isnan(g.score) else g.score,
            g.ignored,
        ]
        for s, t, g in inferences
    ]


def write():
    found = {}
    texts = [("bonjour", "fr"), ("guten Tag ☀", "de"), ("good day", "en"), ('say "NaN"\n', "en")]
    samples = [
        (Sentence(text=text, length=len(text), metadata={"source": "web"}), Language(code=code))
        for text, code in texts
    ]
    short = Case("short texts", test_samples=samples[:3])
    english = Case("english/β", test_samples=samples[2:])
    suite = Suite("holdout", test_cases=[short, english])
    asked = []

    def infer(sample):
        asked.append(sample.text)
        if sample.text == "bonjour":
            return Guess(code="fr", score=0.75)
        return Guess(code="en", score=math.nan if "NaN" in sample.text else 0.5)

    model = Model("lang-id (fast)", infer=infer, metadata={"seed": 7})
    run = TestRun(model, suite, Judge())
    found["KO-9 remaining"] = [[s.text for s in run.load_test_samples()], raised(run.evaluate)]

    def fails(sample):
        if sample.text == "good day":
            raise RuntimeError("no GPU")
        return infer(sample)

    broken = Model("lang-id (fast)", infer=fails)
    found["KO-16 crashed"] = raised(lambda: test(broken, suite, Judge()))
    run = TestRun(model, suite, Judge())
    rest = run.load_test_samples()
    run.upload_inferences([(s, infer(s)) for s in rest[:2]])
    asked.clear()
    test(model, suite, Judge())
    found["KO-9 only what is missing"] = list(asked)
    found["KO-10 again"] = raised(lambda: run.upload_inferences([(rest[0], infer(rest[0]))]))
    found["KO-11 stored"] = [show(model.load_inferences(case)) for case in suite.test_cases]
    test(model, suite, judge)
    configured = Judge(configurations=[AtLeast(0.6), AtLeast(math.inf)])
    test(model, suite, configured)
    found["KO-15 configured"] = [one.display_name() for one in configured.configurations]
    test(model, suite, Judge())  # without configurations again, which is what the gate asks for
    asked.clear()
    test(model, suite, judge, reset=True)
    found["KO-13 reset"] = len(asked)
    found["KO-14 same run"] = TestRun(model, suite, judge)._id == TestRun(model, suite, judge)._id
    found["KO-17 no evaluator"] = raised(lambda: test(model, suite))
    other = define_workflow("others", Sentence, Language, Guess)[3]("other")
    found["KO-8 mixed"] = raised(lambda: TestRun(other, suite, judge))
    return found


def read():
    suite, model = Suite.load("holdout"), Model.load("lang-id (fast)")
    run = TestRun(model, suite, judge)
    return {
        "id": run._id,
        "remaining": len(run.load_test_samples()),
        "stored": [show(model.load_inferences(case)) for case in suite.test_cases],
        "of run": show(run._iter_all_inferences()),
    }


print(json.dumps({"write": write, "read": read}[given["step"]]()), file=printed, flush=True)
