"""What only S3 has: where credentials come from, buckets, and stores that answer strangely."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from support.http_object_server import serving
from support.remote_servers import Server

from registry_tool.artifacts.cache.cache import Cache
from registry_tool.artifacts.remotes.config import DvcSettings
from registry_tool.artifacts.remotes.open import open_remote, open_source
from registry_tool.artifacts.remotes.s3_reader import S3Source
from registry_tool.artifacts.transfer.ingest import ingest
from registry_tool.artifacts.transfer.upload import upload
from registry_tool.errors import RemoteError

pytestmark = pytest.mark.usefixtures("in_no_cloud")


@pytest.fixture
def bucket(servers: Callable[[str], Server]) -> Server:
    """A bucket of SeaweedFS."""
    return servers("s3")


def settings_of(server: Server, folder: Path, url: str, **options: str) -> DvcSettings:
    lines = "".join(f"{key} = {value}\n" for key, value in {**server.settings, **options}.items())
    local = folder / "config.local"
    local.write_text(f"['remote \"s\"']\nurl = {url}\n{lines}")
    return DvcSettings(b"[core]\nremote = s\n", local)


def test_credentials_come_from_the_environment_and_from_profiles(
    bucket: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x").write_bytes(b"x")
    ingested = ingest(tmp_path / "x", cache=Cache(tmp_path / "cache"))
    url = f"{bucket.url}/credentials"
    upload(ingested, open_remote(settings_of(bucket, tmp_path, url, **bucket.secrets)))
    key, secret = bucket.secrets["access_key_id"], bucket.secrets["secret_access_key"]

    def read(**options: str) -> bytes:
        source = open_source(settings_of(bucket, tmp_path, url, **options))
        assert isinstance(source, S3Source)
        with source.download(ingested.md5) as stream:
            return stream.read(10)

    with pytest.raises(RemoteError, match="no credentials"):
        read()
    with pytest.raises(RemoteError, match=r"the remote s .*secret"):
        read(profile="secret")
    (tmp_path / "credentials").write_text(
        f"[mine]\naws_access_key_id = {key}\naws_secret_access_key = {secret}\n"
    )
    assert read(credentialpath=str(tmp_path / "credentials"), profile="mine") == b"x"
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)
    assert read() == b"x"
    with pytest.raises(RemoteError, match="rejected the credentials"):
        read(allow_anonymous_login="true")


def test_a_bucket_that_is_not_there_is_not_a_missing_object(bucket: Server, tmp_path: Path) -> None:
    source = open_source(settings_of(bucket, tmp_path, "s3://nobodys-bucket/x", **bucket.secrets))
    with (
        pytest.raises(RemoteError, match="the bucket, container or folder does not exist"),
        source.download("0" * 32),
    ):
        pass


def test_where_the_store_answers_strangely_botocore_is_asked(
    bucket: Server, tmp_path: Path
) -> None:
    """A store that moved the bucket: what the quick way does not understand, botocore follows or explains."""
    (tmp_path / "store").mkdir()
    with serving(tmp_path / "store") as elsewhere:
        elsewhere.moved_to = "http://127.0.0.1:1"
        options = {**bucket.secrets, "endpointurl": elsewhere.url.removesuffix("/store")}
        source = open_source(settings_of(bucket, tmp_path, "s3://store/x", **options))
        with pytest.raises(RemoteError, match="the remote s"), source.download("0" * 32):
            pass
        assert elsewhere.asked.total() > 1


def test_many_small_objects_one_after_the_other(bucket: Server, tmp_path: Path) -> None:
    (tmp_path / "many").mkdir()
    for number in range(100):
        (tmp_path / "many" / f"{number:03}").write_bytes(b"%d" % number)
    ingested = ingest(tmp_path / "many", cache=Cache(tmp_path / "cache"))
    settings = settings_of(bucket, tmp_path, f"{bucket.url}/many", **bucket.secrets)
    upload(ingested, open_remote(settings))
    source = open_source(settings)
    assert isinstance(source, S3Source)
    for member in ingested.members:
        with source.download(member.md5) as stream:
            assert hashlib.md5(stream.read(100)).hexdigest() == member.md5
