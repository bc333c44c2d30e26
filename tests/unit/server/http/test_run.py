from __future__ import annotations

import socket
from pathlib import Path

import pytest

from registry_tool.errors import OperationalError, UsageError
from registry_tool.server.http.run import Listener, bind, check_certificate


@pytest.mark.parametrize(
    ("host", "shown"),
    [("127.0.0.1", "http://127.0.0.1"), ("0.0.0.0", "http://127.0.0.1"), ("localhost", "http://")],
)
def test_port_0_is_a_free_one_and_the_address_can_be_used(host: str, shown: str) -> None:
    with bind(host, 0) as bound:
        url = Listener(bound).url
        assert url.startswith(shown)
        assert url.rpartition(":")[2] == str(bound.getsockname()[1]) != "0"
        assert Listener(bound, Path("cert.pem")).url.startswith("https://")


def test_addresses_of_the_new_protocol_are_in_brackets() -> None:
    try:
        bound = bind("::1", 0)
    except OperationalError:
        pytest.skip("this machine has no IPv6")
    with bound:
        assert Listener(bound).url.startswith("http://[::1]:")


def test_a_port_in_use_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OperationalError, match=f"cannot listen on 127.0.0.1:{port}") as found:
            bind("127.0.0.1", port)
    assert "--port" in found.value.remedy


def test_a_host_that_is_none_is_said() -> None:
    with pytest.raises(UsageError, match="is not a host"):
        bind("no host.invalid", 0)
    with pytest.raises(OperationalError, match="cannot listen"):
        bind("192.0.2.1", 0)


def test_a_certificate_that_cannot_be_used_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        check_certificate(tmp_path / "cert.pem", None)
    (tmp_path / "cert.pem").write_text("no certificate")
    with pytest.raises(UsageError, match="cannot use the certificate"):
        check_certificate(tmp_path / "cert.pem", None)
