from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support import Ran


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("version", "list"), "Did you mean registry list?"),
        (("model", "show", "nlp/lang-id"), "Did you mean registry show?"),
        (("alias", "sett"), "Did you mean set?"),
        (("alias", "move"), "Commands: rm, set."),
    ],
)
def test_an_unknown_command_is_answered_with_where_it_is(
    cli: Callable[..., Ran], tmp_path: Path, words: tuple[str, ...], hint: str
) -> None:
    ran = cli(*words, cwd=tmp_path)
    assert ran.code == 2
    assert ran.err.endswith(f"Error: no such command: {words[1]!r}. {hint}\n")


@pytest.mark.parametrize("part", ["alias", "evidence", "hooks", "model", "tag", "version"])
def test_the_list_of_commands_says_whole_sentences(
    cli: Callable[..., Ran], tmp_path: Path, part: str
) -> None:
    assert "..." not in cli(part, "--help", cwd=tmp_path).out.partition("Commands:")[2]
