"""A file in parts, with the functions that the ML client uses for files of 100 MiB and more."""

import hashlib
import json
import pathlib
import sys
import tempfile
import uuid
from concurrent.futures import ThreadPoolExecutor

import truefoundry_sdk as sdk
from truefoundry import client
from truefoundry.common.storage_provider_utils import (
    MultiPartUpload,
    decide_file_parts,
    s3_compatible_multipart_upload,
)
from truefoundry.ml.artifact.truefoundry_artifact_repo import (
    ArtifactIdentifier,
    MlFoundryArtifactsRepository,
)

json.load(sys.stdin)
folder = pathlib.Path(tempfile.mkdtemp())
file = folder / "model.bin"
file.write_bytes(b"".join(number.to_bytes(4, "big") for number in range(5_500_000)))
manifest = {
    "type": "model-version", "name": "big", "ml_repo": "speech", "metadata": {}, "source": {"type": "truefoundry"},
}  # fmt: skip
staged = client.artifact_versions.stage(manifest=sdk.ModelManifest.parse_obj(manifest))
parts = decide_file_parts(str(file), min_file_size_bytes_for_multipart=1)
made = client.artifact_versions.create_multi_part_upload(
    id=staged.id, path="model.bin", num_parts=parts.num_parts
)
with ThreadPoolExecutor(2) as executor:
    s3_compatible_multipart_upload(
        multipart_upload=MultiPartUpload.parse_obj(made.data.dict()),
        local_file=str(file),
        multipart_info=parts,
        executor=executor,
    )
source = {"type": "truefoundry", "uri": staged.storage_root}
version = client.models.create_or_update(
    manifest=sdk.ModelManifest.parse_obj({**manifest, "source": source})
).data
target = tempfile.mkdtemp()
repo = MlFoundryArtifactsRepository(ArtifactIdentifier(artifact_version_id=uuid.UUID(version.id)), api_client=object())  # fmt: skip
repo.download_artifacts(artifact_path="", dst_path=target, progress=False)
read = (pathlib.Path(target) / "model.bin").read_bytes()
print(
    json.dumps({
        "parts": parts.num_parts,
        "equal": hashlib.sha256(read).digest() == hashlib.sha256(file.read_bytes()).digest(),
    })
)  # fmt: skip
