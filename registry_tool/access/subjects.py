"""Subjects and their scopes.

A grant is written ``SCOPE`` or ``SCOPE:NAMESPACE``. A namespace may end in ``*``; without one the grant is for all. Each
scope includes ``read`` in its namespaces, because a subject cannot use what it does not see.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal, get_args

from registry_tool.errors import UsageError

__all__ = ["ALL_SCOPES", "Grant", "Scope", "Subject", "SubjectKind", "parse_grants"]

Scope = Literal["read", "write", "promote", "review", "delete"]
"""``read``; ``write``: register and edit; ``promote``: set aliases of stages; ``review``: make changes that need a review;
``delete``: delete versions and models."""
SubjectKind = Literal["user", "team", "service"]

ALL_SCOPES: Final[tuple[Scope, ...]] = get_args(Scope)
_PATTERN: Final = re.compile(r"\*|[a-z0-9][a-z0-9_-]{0,63}\*?")


@dataclass(frozen=True, slots=True)
class Grant:
    """One scope in some namespaces.

    Attributes:
        scope: The scope.
        namespace: A namespace, a prefix that ends in ``*``, or ``*``.
    """

    scope: Scope
    namespace: str = "*"

    def __str__(self) -> str:
        return self.scope if self.namespace == "*" else f"{self.scope}:{self.namespace}"

    def covers(self, namespace: str) -> bool:
        """True when it is for a namespace."""
        if self.namespace.endswith("*"):
            return namespace.startswith(self.namespace[:-1])
        return namespace == self.namespace


def _parse_grant(written: str) -> Grant:
    scope, colon, namespace = written.strip().partition(":")
    if scope not in ALL_SCOPES:
        raise UsageError(
            f"{scope!a} is not a scope",
            remedy=f"use one of {', '.join(ALL_SCOPES)}, such as write:nlp",
        )
    if colon and not _PATTERN.fullmatch(namespace):
        raise UsageError(
            f"{namespace!a} is not a namespace",
            remedy="name one such as nlp, or a prefix such as team-*",
        )
    found: Scope = next(one for one in ALL_SCOPES if one == scope)
    return Grant(found, namespace or "*")


def parse_grants(written: Iterable[str]) -> tuple[Grant, ...]:
    """Grants as people write them: ``read``, ``write:nlp``, ``read,write:team-*``.

    Raises:
        UsageError: A scope or a namespace is not one.
    """
    return tuple(_parse_grant(one) for text in written for one in text.split(","))


@dataclass(frozen=True, slots=True)
class Subject:
    """Who makes a request.

    Attributes:
        name: The name, as Git records it; also the name of its branch ``serve/NAME``.
        email: The address, as Git records it.
        kind: A person, a team or a service.
        grants: What it may do.
    """

    name: str
    email: str
    kind: SubjectKind = "user"
    grants: tuple[Grant, ...] = ()

    def may(self, scope: Scope, namespace: str) -> bool:
        """True when it has a scope in a namespace."""
        return any(
            grant.covers(namespace) and scope in {grant.scope, "read"} for grant in self.grants
        )

    def may_everywhere(self, scope: Scope) -> bool:
        """True when it has a scope in every namespace, also in those to come."""
        return any(g.namespace == "*" and scope in {g.scope, "read"} for g in self.grants)

    def sees(self, namespace: str) -> bool:
        """True when it may read a namespace; to others the namespace does not exist."""
        return self.may("read", namespace)

    @property
    def sees_all(self) -> bool:
        """True when it may read every namespace."""
        return self.may_everywhere("read")
