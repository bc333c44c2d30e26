from __future__ import annotations

import ipaddress

import pytest

from registry_tool.access.outgoing_requests import parse_url
from registry_tool.errors import UsageError
from registry_tool.manifests.problems import JSON
from registry_tool.server.webhooks.allowed_addresses import AllowedAddresses, read_allowed

NAMED = AllowedAddresses(
    ("http", "https"), ("hooks.example.org", "*.internal", "10.0.0.1:8080", "169.254.7.7")
)


def _allows(policy: AllowedAddresses, url: str, address: str) -> bool:
    parts = parse_url(url)
    try:
        policy.check(parts)
    except UsageError:
        return False
    return policy.judge(parts)(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    ("url", "address", "allowed"),
    [
        ("https://example.org/", "93.184.215.14", True),
        ("http://example.org/", "93.184.215.14", False),
        ("https://example.org/", "10.0.0.1", False),
        ("https://10.0.0.1/", "10.0.0.1", False),
        ("https://example.org/", "169.254.169.254", False),
        ("https://localhost/", "127.0.0.1", False),
    ],
)
def test_without_a_policy_every_public_host_is_allowed_by_https(
    url: str,
    address: str,
    allowed: bool,  # noqa: FBT001
) -> None:
    assert _allows(read_allowed({}), url, address) is allowed


@pytest.mark.parametrize(
    ("url", "address", "allowed"),
    [
        ("https://hooks.example.org/", "93.184.215.14", True),
        ("https://HOOKS.example.org/", "10.1.2.3", True),
        ("http://hooks.example.org/", "10.1.2.3", True),
        ("https://hooks.example.org:8443/", "10.1.2.3", False),
        ("https://example.org/", "93.184.215.14", False),
        ("https://a.internal/", "10.0.0.7", True),
        ("https://internal/", "10.0.0.7", False),
        ("https://evilinternal/", "10.0.0.7", False),
        ("https://a.internal/", "169.254.169.254", False),
        ("https://a.internal/", "::ffff:169.254.169.254", False),
        ("https://a.internal/", "fe80::1", False),
        ("http://10.0.0.1:8080/", "10.0.0.1", True),
        ("http://10.0.0.1/", "10.0.0.1", False),
        ("http://169.254.7.7/", "169.254.7.7", True),
        ("http://169.254.7.7/", "169.254.7.8", False),
        ("ftp://hooks.example.org/", "10.0.0.1", False),
    ],
)
def test_a_policy_names_all_hosts_and_these_may_be_private(
    url: str,
    address: str,
    allowed: bool,  # noqa: FBT001
) -> None:
    if url.startswith("ftp"):
        with pytest.raises(UsageError):
            parse_url(url)
    else:
        assert _allows(NAMED, url, address) is allowed


def test_the_policy_is_that_of_serve_yaml() -> None:
    policy: dict[str, JSON] = {"fetch": {"schemes": ["http"], "hosts": ["a.example"]}}
    assert read_allowed(policy) == AllowedAddresses(("http",), ("a.example",))
    assert read_allowed({"fetch": {"hosts": ["a.example"]}}).schemes == ("https",)
