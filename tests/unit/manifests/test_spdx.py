"""SPDX expressions: every identifier there is, whatever is installed."""

from __future__ import annotations

import pytest
from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

from registry_tool.manifests.spdx import EXCEPTIONS, LICENCES, licence_trouble


@pytest.mark.parametrize(
    "expression",
    [
        "MIT", "mit", "Apache-2.0", "OpenMDW-1.0", "GPL-2.0", "GPL-2.0+", "GPL-3.0-or-later", "(MIT)", "MIT OR Apache-2.0",
        "mit and (apache-2.0 or bsd-2-clause)", "GPL-2.0-only WITH Classpath-exception-2.0", "LicenseRef-acme",
        "DocumentRef-spdx-tool-1.2:LicenseRef-MIT-Style-2", "MIT AND DocumentRef-x:LicenseRef-y",
        "GPL-2.0-only WITH AdditionRef-acme", "LGPL-2.1-only OR MIT AND BSD-3-Clause", "((MIT OR ISC) AND 0BSD)",
        "Apache-2.0 WITH LLVM-exception OR MIT", "LicenseRef-acme WITH Classpath-exception-2.0",
    ],
)  # fmt: skip
def test_expressions(expression: str) -> None:
    assert licence_trouble(expression) == ""


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("", "missing at the end"),
        ("Apache 2", "Apache is not a license"),
        ("Apache2.0", "did you mean Apache-2.0?"),
        ("MIT OR", "missing at the end"),
        ("AND MIT", "missing before AND"),
        ("(MIT", "not closed"),
        ("MIT)", "no opening bracket"),
        ("()", "missing before )"),
        ("MIT ISC", "missing before ISC"),
        ("MIT (ISC)", "missing before ("),
        ("MIT WITH", "missing at the end"),
        ("MIT WITH ISC", "ISC is not an exception"),
        ("(MIT OR ISC) WITH LLVM-exception", "follow a single license"),
        ("LLVM-exception", "must follow WITH"),
        ("LicenseRef-a_b", "is not a license"),
        ("LicenseRef-", "is not a license"),
        ("DocumentRef-x:MIT", "is not a license"),
        ("MIT, ISC", "is not a license"),
    ],
)
def test_what_is_none(expression: str, words: str) -> None:
    assert words in licence_trouble(expression)


def test_the_list_holds_all_that_the_installed_packaging_knows() -> None:
    from packaging.licenses import _spdx

    ours = {name.casefold() for name in LICENCES.split()}
    assert len(ours) == len(LICENCES.split()) >= 740
    assert {str(name) for name in _spdx.LICENSES} <= ours
    assert {str(name) for name in _spdx.EXCEPTIONS} <= {n.casefold() for n in EXCEPTIONS.split()}


@pytest.mark.parametrize(
    "first", ["MIT", "mit+", "(MIT", "LicenseRef-x", "x", "WITH", "GPL-2.0-only WITH"]
)
@pytest.mark.parametrize("join", [" ", " AND ", " or ", " WITH ", ") OR (", " ( "])
@pytest.mark.parametrize("second", ["ISC", "LLVM-exception", "ISC)", "LicenseRef-y", "", "("])
def test_what_was_accepted_is_accepted(first: str, join: str, second: str) -> None:
    expression = f"{first}{join}{second}"
    try:
        canonicalize_license_expression(expression)
    except InvalidLicenseExpression:
        return
    if expression == "GPL-2.0-only WITH ( ISC)":
        return  # packaging up to 26.0 accepts it, and the specification does not
    assert licence_trouble(expression) == ""
