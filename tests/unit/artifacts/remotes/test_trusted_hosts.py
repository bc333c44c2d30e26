from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from registry_tool.artifacts.remotes.config import DvcSettings, endpoint, select_remote
from registry_tool.artifacts.remotes.trusted_hosts import check_host, confirmed_hosts, trust
from registry_tool.errors import RemoteError
from registry_tool.paths import state_folder

REGISTRY = "https://git.example.org/acme/models"


def settings(config: str, local: Path | None = None) -> DvcSettings:
    return DvcSettings(config.encode(), local, registry=REGISTRY)


def s3(endpoint: str, name: str = "storage") -> str:
    return f"['remote \"{name}\"']\nurl = s3://models/x\nendpointurl = {endpoint}\n"


def use(config: str, name: str = "storage", local: Path | None = None) -> None:
    given = settings(config, local)
    check_host(given, select_remote(given, name))


OLD, NEW = "https://s3.example.org", "https://collector.example.net:9000"


def test_the_first_use_binds_silently_and_another_host_is_withheld() -> None:
    use(s3(OLD))
    use(s3(OLD.upper().replace("HTTPS", "https") + ":443/"))  # the same host, written otherwise
    with pytest.raises(RemoteError) as caught:
        use(s3(NEW))
    assert NEW in caught.value.message
    assert OLD in caught.value.message
    assert f"registry remote trust storage {NEW} --repo {REGISTRY}" in caught.value.remedy
    trust(REGISTRY, "storage", NEW)
    use(s3(NEW))
    use(s3(OLD))


def test_amazon_itself_is_a_host_like_any_other() -> None:
    use("['remote \"storage\"']\nurl = s3://models/x\n")
    with pytest.raises(RemoteError, match=r"https://s3\.amazonaws\.com"):
        use(s3(NEW))


def test_a_new_name_does_not_get_around_it() -> None:
    use(s3(OLD))
    use(s3(OLD) + s3(OLD, "second"), "second")
    with pytest.raises(RemoteError, match="withheld from the remote third"):
        use(s3(OLD) + s3(NEW, "third"), "third")


def test_all_that_is_named_at_the_first_use_is_bound() -> None:
    both = s3(OLD) + s3(NEW, "mirror")
    use(both)
    use(both, "mirror")
    assert confirmed_hosts(settings(both)) == {"storage": [OLD], "mirror": [NEW]}


@pytest.mark.parametrize(
    "url",
    [
        "http://h.example.org/x",
        "ssh://me@h.example.org:2222/x",
        "webdavs://h.example.org/x",
        "gs://bucket/x",
        "azure://container/x",
        "hdfs://h.example.org/x",
        "oss://bucket/x",
    ],
)
def test_each_kind_of_remote_has_a_host(url: str) -> None:
    given = settings(f"['remote \"r\"']\nurl = {url}\naccount_name = acme\n")
    host = select_remote(given, "r").host
    assert "://" in host
    assert "@" not in host
    assert not host.endswith("/x")


def test_a_scheme_without_encryption_is_another_host(tmp_path: Path) -> None:
    own = tmp_path / "config.local"
    own.write_text("['remote \"r\"']\nauth = basic\nuser = me\npassword = secret\n")
    use("['remote \"r\"']\nurl = https://h.example.org/x\n", "r", own)
    with pytest.raises(RemoteError, match="withheld"):
        use("['remote \"r\"']\nurl = http://h.example.org/x\n", "r", own)


def test_where_nothing_is_lent_every_host_may_be_asked() -> None:
    for host in ("a.example.org", "b.example.org"):
        use(f"['remote \"r\"']\nurl = https://{host}/x\n", "r")
        use(s3(f"https://{host}") + "allow_anonymous_login = true\n")
    assert confirmed_hosts(settings("")) == {}


def test_a_persons_own_configuration_is_free(tmp_path: Path) -> None:
    use(s3(OLD))
    own = tmp_path / "config.local"
    own.write_text(f"['remote \"storage\"']\nendpointurl = {NEW}\n")
    use(s3(OLD), local=own)


def test_a_commit_does_not_turn_a_persons_remote_elsewhere(tmp_path: Path) -> None:
    place = Path(os.environ["DVC_GLOBAL_CONFIG_DIR"]) / "config"
    place.parent.mkdir(parents=True)
    place.write_text(s3(OLD) + "secret_access_key = secret\naccess_key_id = me\n")
    with pytest.raises(RemoteError, match="your own DVC configuration names"):
        use(s3(NEW))
    use(s3(OLD))


def test_what_is_kept_is_for_its_owner_and_broken_it_withholds() -> None:
    use(s3(OLD))
    (place,) = (state_folder() / "hosts").iterdir()
    assert place.stat().st_mode & 0o077 == 0
    assert place.parent.stat().st_mode & 0o077 == 0
    for broken in (b"", b"[]", b'{"hosts": {"storage": "x"}}', b"\xff"):
        place.write_bytes(broken)
        with pytest.raises(RemoteError, match="no credentials are sent"):
            use(s3(OLD))
    trust(REGISTRY, "storage", OLD)
    use(s3(OLD))


def test_where_nothing_can_be_kept_every_use_is_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/dev/null/state")
    use(s3(OLD))
    use(s3(NEW))


def test_another_registry_has_hosts_of_its_own() -> None:
    use(s3(OLD))
    other = replace(settings(s3(NEW)), registry="https://git.example.org/other")
    check_host(other, select_remote(other, "storage"))


@pytest.mark.parametrize("after", ["?@s3.example.org", "#@s3.example.org", "/@s3.example.org"])
def test_a_host_ends_where_a_client_ends_it(after: str) -> None:
    options = {"url": "s3://models/x", "endpointurl": f"https://collector.example.net{after}"}
    assert endpoint(options) == "https://collector.example.net"
