"""What a finished test run becomes: the names and values of its evidence."""

from __future__ import annotations

import re
from typing import Final

import pytest

from registry_tool.names import Reference
from registry_tool.server.kolena.errors import IncorrectUsageError
from registry_tool.server.kolena.runs.evidence import (
    Measurement,
    RunResult,
    encode_name,
    list_values,
    name_content,
    name_metric,
)

VERSION: Final = Reference.parse("default/lang-id@1")
KEY: Final = re.compile(r"[!-~](?:[ -~]{0,126}[!-~])?")  # of a metric, in schemas/evidence


def values(*measurements: Measurement) -> dict[str, object]:
    result = RunResult("r" * 40, VERSION, "holdout@1", "Judge", measurements)
    return {str(one["key"]): one["value"] for one in list_values(result)}


def of_suite(metrics: str, configuration: str = "") -> dict[str, object]:
    found = values(Measurement("", configuration, metrics))
    start = "kolena/holdout@1/Judge/suite/"
    assert all(key.startswith(start) for key in found)
    return {key.removeprefix(start): value for key, value in found.items()}


@pytest.mark.parametrize(
    ("parts", "name"),
    [
        (("holdout", "Judge", "", "", ["accuracy"]), "kolena/holdout@1/Judge/suite/accuracy"),
        (
            ("holdout", "Judge", "threshold=0.5", "short texts", ["F1 (macro)"]),
            "kolena/holdout@1/Judge[threshold=0.5]/case/short texts@2/F1 (macro)",
        ),
        (("a/b", "", "", "", ["x"]), "kolena/a%2Fb@1/-/suite/x"),
        (("100 %", "J[1]", "", "", ["x"]), "kolena/100 %25@1/J%5B1%5D/suite/x"),
        (("Wörter", "J", "", " a", ["x "]), "kolena/W%C3%B6rter@1/J/case/%20a@2/x%20"),
    ],
)
def test_a_name_says_what_was_measured(
    parts: tuple[str, str, str, str, list[str]], name: str
) -> None:
    suite, evaluator, configuration, case, path = parts
    about = name_content(case, 2) if case else ""
    assert name_metric(name_content(suite, 1), evaluator, configuration, about, path) == name
    assert KEY.fullmatch(name)


def test_two_names_never_become_one() -> None:
    names = [
        "a b",
        "a%20b",
        "a b ",
        " a b",
        "  ",
        "%20",
        "a/b",
        "a%2Fb",
        "[a]",
        "ü",
        "%C3%BC",
        "\x7f",
        "a\n",
    ]
    found = [encode_name(one) for one in names]
    assert len({*found}) == len(names)
    assert all(KEY.fullmatch(one) for one in found)
    assert found[0] == "a b"


def test_two_long_names_stay_two() -> None:
    names = [name_metric("s" * 200 + "@1", "J", "", "", [key]) for key in ("a", "b")]
    assert len({*names}) == 2
    assert all(len(name) == 128 and KEY.fullmatch(name) for name in names)


def test_numbers_and_short_texts_are_recorded() -> None:
    found = of_suite('{"accuracy": 0.97, "n": 3, "ok": true, "note": "x", "gone": null, "long": "%s"}' % ("y" * 300))  # fmt: skip
    assert found == {"accuracy": 0.97, "n": 3, "ok": "true", "note": "x"}


def test_what_is_no_number_is_text_that_no_gate_passes() -> None:
    found = of_suite('{"a": NaN, "b": Infinity, "c": -Infinity, "d": 123456789012345678901}')
    assert found == {"a": "NaN", "b": "Infinity", "c": "-Infinity", "d": "123456789012345678901"}


def test_nested_metrics_are_named_by_their_texts() -> None:
    written = '{"PerClass": [{"Class": "a", "F1": 0.5}, {"Class": "b", "F1": 0.25}], "m": 1}'
    assert of_suite(written) == {"PerClass/a/F1": 0.5, "PerClass/b/F1": 0.25, "m": 1}
    twice = '{"PerClass": [{"Class": "a", "F1": 0.5}, {"Class": "a", "F1": 0.25}]}'
    assert of_suite(twice) == {"PerClass/a#0/F1": 0.5, "PerClass/a#1/F1": 0.25}


def test_metrics_that_are_no_object_are_refused() -> None:
    for written in ("[]", "{", "[" * 100_000, "3"):
        with pytest.raises(IncorrectUsageError):
            values(Measurement("", "", written))


def test_a_case_and_the_suite_are_told_apart() -> None:
    found = values(Measurement("", "", '{"x": 1}'), Measurement("suite@1", "", '{"x": 2}'))
    assert found == {
        "kolena/holdout@1/Judge/suite/x": 1,
        "kolena/holdout@1/Judge/case/suite@1/x": 2,
    }
