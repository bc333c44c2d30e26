"""``registry rules``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from registry_tool.cli.completion import complete_rule
from registry_tool.cli.options import format_option
from registry_tool.cli.output.console import columns, print_json, say

if TYPE_CHECKING:
    from registry_tool.api.rules import Explained

__all__ = ["rules"]


def _data(rule: Explained) -> dict[str, str]:
    return rule._asdict()


def _list(form: str) -> None:
    from registry_tool.api.rules import explain_rules

    found = explain_rules().values()
    if form == "json":
        print_json([_data(rule) for rule in found])
        return
    for line in columns((rule.id, rule.severity, rule.scope, rule.title) for rule in found):
        say(line)


@click.command()
@click.argument("rule_id", metavar="[ID]", required=False, shell_complete=complete_rule)
@format_option
def rules(rule_id: str | None, form: str) -> None:
    """Severities are the defaults; `rules` in registry.yaml may change them.

    \b
    Examples:
      registry rules
      registry rules M203
    """
    if rule_id is None:
        _list(form)
        return
    from registry_tool.api.rules import explain

    rule = explain(rule_id)
    if form == "json":
        print_json(_data(rule))
        return
    say(f"{rule.id}  {rule.title}", bold=True)
    say(f"{rule.severity}, scope: {rule.scope}")
    say()
    for line in rule.text.splitlines():
        say(line)
