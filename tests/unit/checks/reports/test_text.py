from __future__ import annotations

import json
import re

import jsonschema
import pytest
from support.sarif_schema import SARIF

from registry_tool.checks.findings import Finding, Report
from registry_tool.checks.reports.formats import FORMATS, render
from registry_tool.checks.reports.text import summary, text_lines

REFUSED = Finding(
    "M203", "refuse", "models/nlp/lang-id/aliases/production.yaml", 3, 10,
    "the alias names a version that is not there",
    found="9", expected="one of 1, 2", remedy="registry alias set nlp/lang-id@2 production",
)  # fmt: skip
WARNED = Finding("F106", "warn", "models/nlp/lang-id/model.yaml", 4, 7, "quote it")
HOSTILE = Finding(
    "F110",
    "refuse",
    "models/a\nb,c:d%\udcff|`<b>@team",
    1,
    1,
    "\x1b[31mred\x1b[0m | `code` <img src=x> @acme/speech #12 [click](http://x) \u202ereversed",
    found="a\r\nb",
    remedy="::error::not a command\n::warning::neither is this",
)
REPORT = Report("refuse", (REFUSED, WARNED), 14, ("checked all files",))
ATTACK = Report("refuse", (HOSTILE,), 1)
NOTHING = Report("pass", (), 3)


def test_text_names_place_rule_and_next_step() -> None:
    assert render(REPORT, "text") == (
        "models/nlp/lang-id/aliases/production.yaml:3:10: refuse M203 "
        "the alias names a version that is not there\n"
        "    found:    9\n"
        "    expected: one of 1, 2\n"
        "    try:      registry alias set nlp/lang-id@2 production\n"
        "\n"
        "models/nlp/lang-id/model.yaml:4:7: warn F106 quote it\n"
        "\n"
        "note: checked all files\n"
        "14 files checked, 1 refused, 1 warning\n"
    )


def test_text_lines_carry_their_tone() -> None:
    tones = [line.tone for line in text_lines(REPORT)]
    assert tones == ["refuse", "detail", "detail", "detail", "", "warn", "", "detail", "refuse"]


@pytest.mark.parametrize(
    ("report", "words"),
    [
        (NOTHING, "3 files checked, no problems found"),
        (Report("pass", (WARNED, WARNED), 1), "1 file checked, 2 warnings"),
        (
            Report("review", (WARNED._replace(severity="review"),), 2),
            "2 files checked, 1 to review",
        ),
    ],
)
def test_summary_counts(report: Report, words: str) -> None:
    assert summary(report) == words


def test_json_has_exactly_the_documented_keys() -> None:
    data = json.loads(render(REPORT, "json"))
    assert list(data) == ["verdict", "kind", "automerge", "findings", "checked", "notes"]
    assert (data["verdict"], data["checked"]) == ("refuse", 14)
    assert (data["kind"], data["automerge"]) == (None, False)
    assert data["notes"] == ["checked all files"]
    assert data["findings"][0] == {
        "rule": "M203",
        "severity": "refuse",
        "path": "models/nlp/lang-id/aliases/production.yaml",
        "line": 3,
        "column": 10,
        "message": "the alias names a version that is not there",
        "found": "9",
        "expected": "one of 1, 2",
        "remedy": "registry alias set nlp/lang-id@2 production",
    }


def test_json_tells_the_kind_of_a_change() -> None:
    report = Report("pass", (), 2, ("checked something",), "version", automerge=True)
    data = json.loads(render(report, "json"))
    assert (data["kind"], data["automerge"]) == ("version", True)
    assert data["notes"] == ["checked something"]


@pytest.mark.parametrize("report", [REPORT, ATTACK, NOTHING])
def test_sarif_is_valid(report: Report) -> None:
    data = json.loads(render(report, "sarif"))
    jsonschema.validate(data, SARIF)
    rules = data["runs"][0]["tool"]["driver"]["rules"]
    results = data["runs"][0]["results"]
    assert [rules[r["ruleIndex"]]["id"] for r in results] == [r["ruleId"] for r in results]


def test_sarif_carries_the_documentation_of_a_rule() -> None:
    report = Report("refuse", (WARNED._replace(rule="F101", severity="refuse"),), 1)
    (rule,) = json.loads(render(report, "sarif"))["runs"][0]["tool"]["driver"]["rules"]
    assert rule["help"]["text"].startswith("A manifest must be YAML that can be read")
    assert rule["defaultConfiguration"] == {"level": "error"}


def test_sarif_levels_and_stable_fingerprints() -> None:
    moved = Report("refuse", (REFUSED._replace(line=30), WARNED), 14)
    before, after = (
        json.loads(render(report, "sarif"))["runs"][0]["results"] for report in (REPORT, moved)
    )
    assert [result["level"] for result in before] == ["error", "note"]
    assert before[0]["partialFingerprints"] == after[0]["partialFingerprints"]
    assert before[0]["partialFingerprints"] != before[1]["partialFingerprints"]


def test_sarif_message_holds_no_link() -> None:
    (result,) = json.loads(render(ATTACK, "sarif"))["runs"][0]["results"]
    assert "](" not in result["message"]["text"]


def test_github_annotation() -> None:
    first, second, last = render(REPORT, "github").splitlines()
    assert first == (
        "::error file=models/nlp/lang-id/aliases/production.yaml,line=3,col=10,title=M203 refuse::"
        "the alias names a version that is not there"
        "%0Afound: 9%0Aexpected: one of 1, 2%0Atry: registry alias set nlp/lang-id@2 production"
    )
    assert second.startswith("::warning file=models/nlp/lang-id/model.yaml,line=4,col=7,")
    assert last == "14 files checked, 1 refused, 1 warning"


def test_github_escapes_what_could_begin_a_command_or_a_property() -> None:
    lines = render(ATTACK, "github").splitlines()
    assert len(lines) == 2
    properties, message = re.fullmatch(r"::error (.*?)::(.*)", lines[0]).groups()  # type: ignore[union-attr]  # a miss fails the test
    assert properties.split(",")[0] == r"file=models/a%0Ab%2Cc%3Ad%25\udcff|`<b>@team"
    assert len(properties.split(",")) == 4
    assert "\x1b" not in message


def test_markdown_table() -> None:
    text = render(REPORT, "markdown")
    assert text.startswith("## Registry check: ❌ refused\n\n| Severity | Rule |")
    assert text.endswith("14 files checked, 1 refused, 1 warning.\n")
    (row,) = [line for line in text.splitlines() if line.startswith("| refuse ")]
    assert row.count("|") == 6


def test_markdown_of_hostile_text_is_only_text() -> None:
    (row,) = [
        line for line in render(ATTACK, "markdown").splitlines() if line.startswith("| refuse")
    ]
    assert row.count("|") == 6
    body = row.replace("<br>", "")
    for active in ("`", "<", ">", "[", "]", "(", "@", "*", "_", "\x1b", "\u202e", "http:"):
        assert active not in body
    assert "&#64;&#8203;acme" in body


def test_markdown_stays_short() -> None:
    many = tuple(WARNED._replace(line=n) for n in range(1, 1001))
    text = render(Report("pass", many, 1000), "markdown")
    assert text.count("\n| warn |") == 200
    assert "… and 800 more" in text


@pytest.mark.parametrize("form", sorted(FORMATS))
def test_no_format_lets_hostile_text_draw_or_break(form: str) -> None:
    text = render(ATTACK, form)
    text.encode()  # a name that is not UTF-8 can still be written
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", text)
    assert "\n::warning::" not in text
    assert text.endswith("\n")


@pytest.mark.parametrize("form", sorted(FORMATS))
def test_every_format_can_say_nothing(form: str) -> None:
    assert render(NOTHING, form)
