"""A report as SARIF 2.1.0 (OASIS), which code scanning services and editors read."""

from __future__ import annotations

import hashlib
from typing import Final
from urllib.parse import quote

from registry_tool.checks.findings import Finding, Report
from registry_tool.manifests.problems import JSON, json_lines

__all__ = ["sarif_report"]

_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS: Final = {"refuse": "error", "review": "warning", "warn": "note"}


def _rules(report: Report) -> list[JSON]:
    """The rules with findings, with their documentation."""
    from registry_tool.checks.rule_docs import Explained, explain_rules

    known = explain_rules()
    rules: list[JSON] = []
    for rule_id in sorted({finding.rule for finding in report.findings}):
        rule = known.get(rule_id, Explained(rule_id, rule_id, "refuse", "", ""))
        first = rule.text.split("\n", 1)[0] or rule.title
        rules.append(
            {
                "id": rule.id,
                "name": rule.id,
                "shortDescription": {"text": rule.title},
                "fullDescription": {"text": first},
                "help": {"text": rule.text or rule.title},
                "defaultConfiguration": {"level": _LEVELS[rule.severity]},
            }
        )
    return rules


def _fingerprint(finding: Finding) -> str:
    """The same finding on another line is the same one."""
    subject = f"{finding.rule}\0{finding.path}\0{finding.message}\0{finding.found}"
    return hashlib.sha256(subject.encode(errors="surrogateescape")).hexdigest()


def _message(finding: Finding) -> str:
    parts = [finding.message]
    parts += [f"Found: {finding.found}"] if finding.found else []
    parts += [f"Expected: {finding.expected}"] if finding.expected else []
    parts += [f"How to fix: {finding.remedy}"] if finding.remedy else []
    # `[words](address)` is a link in a SARIF message (3.11.6), and the words may be anybody's.
    return "\n".join(parts).replace("](", "] (")


def _result(finding: Finding, index: int) -> JSON:
    uri = quote(finding.path.encode(errors="surrogateescape"))
    return {
        "ruleId": finding.rule,
        "ruleIndex": index,
        "level": _LEVELS[finding.severity],
        "message": {"text": _message(finding)},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": uri, "uriBaseId": "%SRCROOT%"},
                    "region": {"startLine": finding.line, "startColumn": finding.column},
                }
            }
        ],
        "partialFingerprints": {"registryTool/v1": _fingerprint(finding)},
        "properties": {"severity": finding.severity},
    }


def sarif_report(report: Report) -> str:
    """One run of this program, with its findings and the rules behind them."""
    from registry_tool._version import VERSION

    rules = _rules(report)
    index = {rule["id"]: n for n, rule in enumerate(rules) if isinstance(rule, dict)}
    data: JSON = {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": "registry-tool", "version": VERSION, "rules": rules}},
                "columnKind": "unicodeCodePoints",
                "results": [_result(finding, index[finding.rule]) for finding in report.findings],
            }
        ],
    }
    return json_lines(data) + "\n"
