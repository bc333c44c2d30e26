"""SPDX licence expressions, https://spdx.github.io/spdx-spec/v3.0.1/annexes/spdx-license-expressions/.

Identifiers and operators may be in any case, as readers before this one took them.
"""

from __future__ import annotations

import difflib
import re
from functools import cache
from typing import Final

from registry_tool.manifests.spdx_list import EXCEPTIONS, LICENCES, LIST_VERSION

__all__ = ["licence_trouble"]

_TOKEN: Final = re.compile(r"[()]|[^\s()]+")
_OWN: Final = re.compile(r"(?i:(?:DocumentRef-[a-z0-9.-]+:)?LicenseRef-[a-z0-9.-]+)")
_OWN_ADDITION: Final = re.compile(r"(?i:(?:DocumentRef-[a-z0-9.-]+:)?AdditionRef-[a-z0-9.-]+)")
_JOINS: Final = frozenset({"and", "or"})


@cache
def _known(listed: str) -> dict[str, str]:
    """The identifiers of a list by their text in small letters."""
    return {name.casefold(): name for name in listed.split()}


def _unknown(token: str, listed: str, what: str) -> str:
    known = _known(listed)
    near = difflib.get_close_matches(token.casefold(), known, n=1, cutoff=0.8)
    hint = f"; did you mean {known[near[0]]}?" if near else ""
    return f"{token} is no {what} of the SPDX list {LIST_VERSION}{hint}"


def _licence(token: str) -> str:
    if _OWN.fullmatch(token) or token.removesuffix("+").casefold() in _known(LICENCES):
        return ""
    if token.casefold() in _known(EXCEPTIONS):
        return f"{token} is an exception, and stands after WITH"
    return _unknown(token, LICENCES, "licence")


def _exception(token: str) -> str:
    if _OWN_ADDITION.fullmatch(token) or token.casefold() in _known(EXCEPTIONS):
        return ""
    return _unknown(token, EXCEPTIONS, "exception")


def licence_trouble(expression: str) -> str:  # noqa: C901, PLR0911, PLR0912 (one branch for each fault)
    """What is wrong with a licence expression; empty when nothing is."""
    depth, before = (
        0,
        "and",
    )  # what stands before the next token, as if the whole were joined to something
    for token in _TOKEN.findall(expression):
        word = token.casefold()
        wants_licence = before in _JOINS or before == "("
        if word in _JOINS or word in {"with", ")"}:
            if wants_licence or before == "with":
                return f"a licence is missing before {token}"
            if word == "with" and before != "licence":
                return "WITH stands after one licence only"
            if word == ")" and depth == 0:
                return "a bracket is closed that was not opened"
            depth -= word == ")"
            before = word
        elif word == "(":
            if not wants_licence:
                return "AND or OR is missing before ("
            depth, before = depth + 1, "("
        elif before == "with":
            if trouble := _exception(token):
                return trouble
            before = "exception"
        elif not wants_licence:
            return f"AND, OR or WITH is missing before {token}"
        elif trouble := _licence(token):
            return trouble
        else:
            before = "licence"
    if before in _JOINS or before in {"(", "with"}:
        return "a licence is missing at the end"
    return "a bracket is not closed" if depth else ""
