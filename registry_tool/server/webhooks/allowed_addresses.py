"""Addresses of clients that the server may connect to: ``fetch`` of ``serve.yaml``."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from registry_tool.access.outgoing_requests import IpAddress, OutgoingUrl, is_public
from registry_tool.errors import UsageError
from registry_tool.manifests.data import Data, member, texts

__all__ = ["AllowedAddresses", "read_allowed"]

_SCHEMES: Final = ("https",)


def _is_link_local(address: IpAddress) -> bool:
    """True for addresses where clouds answer with credentials, such as 169.254.169.254."""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_link_local


@dataclass(frozen=True, slots=True)
class AllowedAddresses:
    """What the policy says.

    Attributes:
        schemes: The schemes.
        hosts: The hosts, ``*.`` in front for all below one, with a port where it is not the usual one; empty for every public
            host. A host that is named here may have a private address.
    """

    schemes: tuple[str, ...] = _SCHEMES
    hosts: tuple[str, ...] = ()

    def check(self, url: OutgoingUrl) -> None:
        """Check the scheme and the name, before the name is resolved.

        Raises:
            UsageError: The policy does not allow it.
        """
        if url.scheme not in self.schemes:
            raise UsageError(
                f"the scheme {url.scheme} is not allowed here",
                remedy=f"use {' or '.join(self.schemes)}, or add it to fetch.schemes in serve.yaml",
            )
        if self.hosts and not self._names(url):
            raise UsageError(
                f"the host {url.authority} is not allowed here",
                remedy="add it to fetch.hosts in serve.yaml",
            )

    def _names(self, url: OutgoingUrl) -> bool:
        host = url.authority
        return any(
            host.endswith(one[1:]) if one.startswith("*.") else host == one for one in self.hosts
        )

    def judge(self, url: OutgoingUrl) -> Callable[[IpAddress], bool]:
        """Which addresses the host may have: public ones; of a named host all but link-local ones, unless it is one itself."""
        if not self.hosts:
            return is_public
        if url.authority in self.hosts and url.host.replace(".", "").isdigit():
            return lambda address: str(address) == url.host
        return lambda address: not _is_link_local(address)


def read_allowed(policy: Data) -> AllowedAddresses:
    """What ``serve.yaml`` allows.

    Args:
        policy: The fields of ``serve.yaml``.
    """
    fetch = member(policy, "fetch")
    return AllowedAddresses(
        tuple(texts(fetch, "schemes")) or _SCHEMES, tuple(texts(fetch, "hosts"))
    )
