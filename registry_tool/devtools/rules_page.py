"""The page of all rules, rendered from the rules themselves: ``docs/rules.md``.

``python -m registry_tool.devtools.rules_page > docs/rules.md`` writes it; a test compares it with the rules.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator

from registry_tool.checks.rule_docs import SCOPES, Explained, explain_rules
from registry_tool.devtools.derived import print_or_compare

__all__ = ["page"]

_TITLE = """\
# The rules

Every check runs these rules: locally, in the hook, in CI, on the server and in the library. A rule has a permanent
id. `registry rules ID` prints one of them; `rules` in `registry.yaml` changes a severity:

```yaml
rules:
  M208: refuse
  F106: "off"
```

`refuse` fails the check, `review` requires a person's decision, `warn` only reports. Severities come from the target
branch, so a change cannot relax the rules that apply to it.

This page is generated: `python -m registry_tool.devtools.rules_page > docs/rules.md`.
"""
_HEADS = {
    "file": "Rules about one file",
    "model": "Rules about one model",
    "registry": "Rules about the registry",
    "change": "Rules about a change to the published state",
    "artifact": "Rules about the content of artifacts",
}
# reStructuredText marks code with two backticks, Markdown with one.
_CODE = re.compile(r"``([^`]+(?:`[^`]+)*)``")


def _markdown(text: str) -> Iterator[str]:
    """A rule's documentation as paragraphs of Markdown."""
    for paragraph in _CODE.sub(r"`\1`", text).split("\n\n"):
        first, _, rest = paragraph.partition("\n")
        if first == "Example:":
            yield "*Example:* " + " ".join(line.strip() for line in rest.split("\n"))
        elif first.startswith("How to fix:"):
            yield f"**How to fix:**{paragraph.removeprefix('How to fix:')}"
        else:
            yield paragraph


def _overview(rules: Iterable[Explained]) -> str:
    lines = ["| rule | requirement | severity |", "| --- | --- | --- |"]
    lines += [f"| [{r.id}](#{r.id.lower()}) | {r.title} | {r.severity} |" for r in rules]
    return "\n".join(lines)


def _section(rule: Explained) -> str:
    head = f'### <a id="{rule.id.lower()}"></a>{rule.id}: {rule.title} ({rule.severity})'
    return "\n\n".join([head, *_markdown(rule.text)])


def page() -> str:
    """The page, as Markdown."""
    order = list(SCOPES.values())
    rules = sorted(explain_rules().values(), key=lambda rule: order.index(rule.scope))
    parts = [_TITLE.rstrip("\n"), _overview(rules)]
    for scope in SCOPES.values():
        parts.append(f"## {_HEADS[scope]}")
        parts.extend(_section(rule) for rule in rules if rule.scope == scope)
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    sys.exit(
        print_or_compare(page, "docs/rules.md", "registry_tool.devtools.rules_page", sys.argv[1:])
    )
