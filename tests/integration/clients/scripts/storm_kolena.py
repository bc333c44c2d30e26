"""One user of Kolena's client in a storm: creates models, and suites of a test case."""

import logging
import os
from dataclasses import dataclass

from storm_client import StormUser


def is_final(error):
    from kolena.errors import IncorrectUsageError

    return isinstance(error, IncorrectUsageError | TypeError | ValueError)


user = StormUser("o", is_final)
os.environ["KOLENA_API_URL"] = user.given["url"]
os.environ["KOLENA_TOKEN"] = "any"

import kolena  # noqa: E402 (it reads the environment)
from kolena.workflow import GroundTruth, Inference, Text, define_workflow  # noqa: E402

logging.disable(logging.CRITICAL)


@dataclass(frozen=True)
class Sentence(Text):
    pass


@dataclass(frozen=True)
class Language(GroundTruth):
    code: str


@dataclass(frozen=True)
class Guess(Inference):
    code: str


_, Case, Suite, Model = define_workflow("storm", Sentence, Language, Guess)


def connect():
    kolena.initialize(verbose=False)
    samples = [(Sentence(text="bonjour"), Language(code="fr"))]
    return Case(f"storm case {user.number}", test_samples=samples)


def register(mark):
    """The client loads what exists, and creates what does not."""
    Model(f"storm (kolena, {mark[5:-1]})", metadata={"note": f"{mark}m"})
    Suite(f"storm {mark[5:-1]}", description=f"{mark}s", test_cases=[case])
    return True


case = user.until_done(connect)
for mark in user.marks():
    if user.until_done(register, mark):
        user.created(f"{mark}m", f"{mark}s")
user.finish()
