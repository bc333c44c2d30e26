"""Completion in bash, whose words are not ours: it splits ``nlp/lang-id@production`` at the ``@``.

The line is split here, as a shell splits it, and of each offer only what bash replaces is handed back: what follows
the last break.
"""

from __future__ import annotations

import os
from typing import ClassVar

from click.shell_completion import (
    BashComplete,
    CompletionItem,
    add_completion_class,
    split_arg_string,
)

__all__ = ["LineComplete", "install"]

# As click's own, but the line and the breaks travel with the question, and after `nlp/` comes no blank.
_SOURCE = """\
%(complete_func)s() {
    local IFS=$'\\n' response completion type value
    response=$(env COMP_LINE="${COMP_LINE:0:COMP_POINT}" COMP_WORDBREAKS="$COMP_WORDBREAKS" \\
        %(complete_var)s=bash_complete "$1")
    COMPREPLY=()
    for completion in $response; do
        IFS=',' read -r type value <<< "$completion"
        case $type in
            dir) compopt -o dirnames ;;
            file) compopt -o default ;;
            plain)
                COMPREPLY+=("$value")
                if [[ $value == */ ]]; then compopt -o nospace; fi ;;
        esac
    done
}

complete -o nosort -F %(complete_func)s %(prog_name)s
"""
_SPECIAL = ("$", "@")


def _last_word(line: str) -> tuple[list[str], str]:
    """The words before the cursor, and the one it stands at the end of."""
    words = split_arg_string(line)
    if line[-1:].isspace() or not words:
        return words, ""
    return words[:-1], words[-1]


def _kept(line: str, breaks: str) -> str:
    """What of the last word bash leaves as it is: all up to the last break, nothing inside quotes."""
    _, word = _last_word(line)
    if line.removesuffix(word)[-1:] in {'"', "'"}:
        return ""
    end = max((word.rfind(mark) for mark in breaks if not mark.isspace()), default=-1)
    # A break that is also one of bash's `rl_special_prefixes` belongs to what it replaces.
    return word[: end if word[end : end + 1] in _SPECIAL else end + 1] if end >= 0 else ""


class LineComplete(BashComplete):
    """Completes from the line; without one, as an older script asks, from bash's words."""

    name: ClassVar[str] = "bash"
    source_template: ClassVar[str] = _SOURCE

    def get_completion_args(self) -> tuple[list[str], str]:
        """See ``click.shell_completion.ShellComplete``."""
        line = os.environ.get("COMP_LINE")
        if line is None:
            return super().get_completion_args()
        words, incomplete = _last_word(line)
        return words[1:], incomplete

    def format_completion(self, item: CompletionItem) -> str:
        """See ``click.shell_completion.ShellComplete``."""
        value = str(item.value)
        kept = _kept(os.environ.get("COMP_LINE", ""), os.environ.get("COMP_WORDBREAKS", ""))
        if item.type == "plain" and kept:
            value = value.removeprefix(kept)
        return f"{item.type},{value}"


def install() -> None:
    """Use it in place of click's."""
    add_completion_class(LineComplete)
