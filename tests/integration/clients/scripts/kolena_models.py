"""Models, test cases and suites of Kolena's client: written, or read again from a fresh clone. Results by the ids of its features."""

import json
import logging
import os
import sys
from dataclasses import dataclass, field

given = json.load(sys.stdin)
os.environ["KOLENA_API_URL"] = given["url"]
os.environ["KOLENA_TOKEN"] = given.get("token", "any")
sys.stdout, printed = sys.stderr, sys.stdout

import kolena  # noqa: E402 (it reads the environment)
from kolena.workflow import (  # noqa: E402
    GroundTruth,
    Inference,
    Metadata,
    Text,
    define_workflow,
)

logging.disable(logging.CRITICAL)
kolena.initialize(verbose=False)

NAME = "helpful-meadow-5 (YOLOR-D6, 1280x1280, pytorch-1.7)"


@dataclass(frozen=True)
class Sentence(Text):
    metadata: Metadata = field(default_factory=dict)


@dataclass(frozen=True)
class Language(GroundTruth):
    code: str


@dataclass(frozen=True)
class Guess(Inference):
    code: str


_, Case, Suite, Model = define_workflow("languages", Sentence, Language, Guess)
_, OtherCase, _, OtherModel = define_workflow("others", Sentence, Language, Guess)


def raised(work):
    try:
        work()
    except Exception as exc:
        return type(exc).__name__
    return ""


def show(model):
    return {"name": model.name, "metadata": model.metadata, "tags": sorted(model.tags)}


def pairs(text):
    return [
        (Sentence(text=one, metadata={"source": "web"}), Language(code=one[:2])) for one in text
    ]


def texts(case):
    return [[sample.text, truth.code] for sample, truth in case.load_test_samples()]


def write_models():
    model = Model.create(NAME, metadata=given["metadata"], tags={"edge", "not a label!"})
    Model("second", tags={"edge"})
    OtherModel("third", tags={"edge"})
    again = Model(NAME, metadata={"other": 1})
    return {
        "KO-3 created, loaded, loaded or created": [
            model._id == Model.load(NAME)._id == again._id,
            again.metadata == given["metadata"],
            raised(lambda: Model.load("nobody")),
        ],
        "KO-4 unique": [
            raised(lambda: Model.create(NAME)),
            raised(lambda: OtherModel.create(NAME)),
            raised(lambda: OtherModel.load(NAME)),
            raised(lambda: Model.create(" ")),
        ],
    }


def write_cases():
    short = Case.create("short/β", "Short ones.", pairs(["fr a", "de b"]))
    versions = [short.version]
    first = Case.load("short/β")
    with short.edit() as editor:
        editor.add(*pairs(["en c"])[0])
        editor.remove(pairs(["fr a"])[0][0])
        editor.description("Shorter ones.")
    versions.append(short.version)
    late = raised(lambda: add(first, "es d"))
    many = Case.init_many([("short/β", pairs(["xx x"])), ("long", pairs(["it e", "nl f"]))])
    return (
        short,
        many[1],
        {
            "KO-12 versions of a case": [versions, [one.version for one in many], late],
            "KO-12 old versions of a case": [
                [one.description, texts(one)] for one in (Case.load("short/β", n) for n in (1, 2))
            ],
            "KO-12 a version that does not exist": raised(lambda: Case.load("short/β", 9)),
        },
    )


def add(case, text):
    with case.edit() as editor:
        editor.add(*pairs([text])[0])


def write_suites(short, long):
    suite = Suite.create("holdout", "What is kept apart.", [short], {"nightly"})
    versions = [suite.version]
    with suite.edit() as editor:
        editor.add(long)
    versions.append(suite.version)
    with suite.edit() as editor:
        editor.description("Kept apart.")
        editor.tags = {"nightly", "weekly"}
    versions.append(suite.version)
    Suite("other", test_cases=[long])
    foreign = OtherCase("foreign", test_samples=pairs(["fr a"]))
    return {
        "KO-12 versions of a suite": versions,
        "KO-12 old versions of a suite": [
            [one.description, sorted(one.tags), [case.name for case in one.test_cases]]
            for one in (Suite.load("holdout", n) for n in (1, 2))
        ],
        "KO-12 suites by tags": [one.name for one in Suite.load_all(tags={"nightly"})],
        "KO-12 mixed": raised(lambda: Suite("third", test_cases=[foreign])),
    }


def write():
    found = write_models()
    short, long, cases = write_cases()
    return {**found, **cases, **write_suites(short, long), **read()}


def read():
    suite = Suite.load("holdout")
    samples = suite.load_test_samples()
    return {
        "KO-2 only metadata": show(Model.load(NAME)),
        "KO-7 by all tags": [
            [one.name for one in Model.load_all(tags=tags)]
            for tags in (set(), {"edge"}, {"edge", "not a label!"}, {"edge", "none"})
        ],
        "ids": [Model.load(NAME)._id, suite._id, *(one._id for one in suite.test_cases)],
        "samples": [[case.name, case.version, [s.text for s in own]] for case, own in samples],
        "metadata": samples[0][1][0].metadata,
    }


def load():
    return {name: show(Model.load(name)) for name in given["names"]}


steps = {"write": write, "read": read, "load": load}
print(json.dumps(steps[given["step"]]()), file=printed, flush=True)
