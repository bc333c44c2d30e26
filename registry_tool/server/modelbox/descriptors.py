"""The messages of ``modelbox.ModelStore``, made from a table when they are needed, in a pool of their own.

No generated code: its form changes with each release of protobuf. A pool of our own, because the client's generated code
registers a file ``service.proto`` in the default one, and both may run in one process.
"""

from __future__ import annotations

from functools import cache
from typing import Final

from google.protobuf import descriptor_pb2, struct_pb2, timestamp_pb2
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

__all__ = [
    "CALLS",
    "FILE_TYPES",
    "FRAMEWORKS",
    "SERVICE",
    "TIMESTAMP",
    "VALUE",
    "message_class",
    "message_pool",
]

SERVICE: Final = "modelbox.ModelStore"
TIMESTAMP: Final = "google.protobuf.Timestamp"
VALUE: Final = "google.protobuf.Value"
_PACKAGE: Final = "modelbox"
_TIMES: Final = "; 20 created_at Timestamp; 21 updated_at Timestamp"
_PARENT: Final = "1 parent_id string"

# Each field is ``number name type``; ``*`` repeats it, ``a>b`` is a map, and ``/name`` puts it into a choice.
_MESSAGES: Final[dict[str, str]] = {
    "Metadata": "1 metadata string>Value",
    "FileMetadata": "1 id string; 2 parent_id string; 3 file_type FileType; 4 checksum string; 5 path string"
    + _TIMES,
    "CreateModelRequest": "2 name string; 3 owner string; 4 namespace string; 5 task string; 6 description string;"
    " 7 metadata Metadata; 8 files FileMetadata*",
    "CreateModelResponse": "1 id string" + _TIMES,
    "Model": "1 id string; 2 name string; 3 owner string; 4 namespace string; 5 description string; 6 task string;"
    " 9 files FileMetadata*" + _TIMES,
    "ListModelsRequest": "1 namespace string",
    "ListModelsResponse": "1 models Model*",
    "CreateModelVersionRequest": "1 model string; 2 name string; 3 version string; 4 description string;"
    " 5 files FileMetadata*; 6 metadata Metadata; 7 framework MLFramework; 8 unique_tags string*",
    "CreateModelVersionResponse": "1 model_version string" + _TIMES,
    "ModelVersion": "1 id string; 2 model_id string; 3 name string; 4 version string; 5 description string;"
    " 6 files FileMetadata*; 7 metadata Metadata; 8 framework MLFramework; 9 unique_tags string*"
    + _TIMES,
    "ListModelVersionsRequest": "1 model string",
    # The client declares it singular; a list is the same on the wire, and other clients can read it.
    "ListModelVersionsResponse": "1 models ModelVersion*",
    "CreateExperimentRequest": "1 name string; 2 owner string; 3 namespace string; 4 framework MLFramework;"
    " 5 task string; 6 metadata Metadata; 7 external_id string",
    "CreateExperimentResponse": "1 experiment_id string; 2 experiment_exists bool" + _TIMES,
    "Experiment": "1 id string; 2 name string; 3 namespace string; 4 owner string; 5 framework MLFramework;"
    " 7 external_id string" + _TIMES,
    "GetExperimentRequest": "1 id string",
    "GetExperimentResponse": "1 experiment Experiment",
    "ListExperimentsRequest": "1 namespace string",
    "ListExperimentsResponse": "1 experiments Experiment*",
    "CreateCheckpointRequest": "1 experiment_id string; 2 epoch uint64; 3 files FileMetadata*; 4 metrics string>float;"
    " 5 metadata Metadata",
    "CreateCheckpointResponse": "1 checkpoint_id string" + _TIMES,
    "Checkpoint": "1 id string; 2 epoch uint64; 3 experiment_id string; 4 files FileMetadata*; 5 metrics string>float"
    + _TIMES,
    "GetCheckpointRequest": "1 experiment_id string; 2 epoch uint64",
    "GetCheckpointResponse": "1 checkpoint Checkpoint",
    "ListCheckpointsRequest": "1 experiment_id string",
    "ListCheckpointsResponse": "1 checkpoints Checkpoint*",
    "UploadFileRequest": "1 metadata FileMetadata/stream_frame; 2 chunks bytes/stream_frame",
    "UploadFileResponse": "1 file_id string",
    "DownloadFileRequest": "1 file_id string",
    "DownloadFileResponse": "1 metadata FileMetadata/stream_frame; 2 chunks bytes/stream_frame",
    "TrackArtifactsRequest": "1 files FileMetadata*",
    "TrackArtifactsResponse": "1 num_files_tracked int32; 10 created_at Timestamp",
    "ListArtifactsRequest": _PARENT,
    "ListArtifactsResponse": "1 files FileMetadata*",
    "UpdateMetadataRequest": _PARENT + "; 2 metadata Metadata",
    "UpdateMetadataResponse": "1 num_keys_written int32; 5 updated_at Timestamp",
    "ListMetadataRequest": _PARENT,
    "ListMetadataResponse": "1 metadata string>Value",
    "MetricsValue": "1 step uint64; 2 wallclock_time uint64; 5 f_val float/value; 6 s_tensor string/value;"
    " 7 b_tensor bytes/value",
    "Metrics": "1 key string; 2 values MetricsValue*",
    "LogMetricsRequest": _PARENT + "; 2 key string; 3 value MetricsValue",
    "LogMetricsResponse": "",
    "GetMetricsRequest": _PARENT,
    "GetMetricsResponse": "1 metrics Metrics*",
    "EventSource": "1 name string",
    "Event": "2 name string; 3 source EventSource; 4 wallclock_time Timestamp; 5 metadata Metadata",
    "LogEventRequest": _PARENT + "; 2 event Event",
    "LogEventResponse": "1 created_at Timestamp",
    "ListEventsRequest": _PARENT + "; 2 since Timestamp",
    "ListEventsResponse": "1 events Event*",
    "WatchNamespaceRequest": "1 namespace string; 2 since uint64",
    "WatchNamespaceResponse": "1 event ServerEvent; 2 payload Value",
    "GetClusterMembersRequest": "",
    "GetClusterMembersResponse": "1 members ClusterMember*",
    "ClusterMember": "1 id string; 2 host_name string; 3 rpc_addr string; 4 http_addr string",
}
FILE_TYPES: Final = ("UNDEFINED", "MODEL", "CHECKPOINT", "TEXT", "IMAGE", "AUDIO", "VIDEO")
"""By number."""
FRAMEWORKS: Final = ("UNKNOWN", "PYTORCH", "KERAS")
"""By number."""
_ENUMS: Final = {
    "FileType": FILE_TYPES,
    "MLFramework": FRAMEWORKS,
    "ServerEvent": ("SERVER_EVENT_UNDEFINED", "OBJECT_CREATED", "OBJECT_UPDATED"),
}
CALLS: Final = (
    "CreateModel", "ListModels", "CreateModelVersion", "ListModelVersions", "CreateExperiment", "ListExperiments",
    "GetExperiment", "CreateCheckpoint", "ListCheckpoints", "GetCheckpoint", "UploadFile", "DownloadFile", "UpdateMetadata",
    "ListMetadata", "TrackArtifacts", "ListArtifacts", "LogMetrics", "GetMetrics", "LogEvent", "ListEvents",
    "WatchNamespace", "GetClusterMembers",
)  # fmt: skip
"""The calls of the service: ``X`` takes an ``XRequest`` and answers an ``XResponse``."""
_CLIENT_STREAMS: Final = frozenset({"UploadFile"})
_SERVER_STREAMS: Final = frozenset({"DownloadFile", "WatchNamespace"})

_Field = descriptor_pb2.FieldDescriptorProto
_SCALARS: Final = {
    "string": _Field.TYPE_STRING,
    "bytes": _Field.TYPE_BYTES,
    "bool": _Field.TYPE_BOOL,
    "float": _Field.TYPE_FLOAT,
    "int32": _Field.TYPE_INT32,
    "uint64": _Field.TYPE_UINT64,
}
_KNOWN: Final = {"Timestamp": TIMESTAMP, "Value": VALUE}


def _set_type(field: descriptor_pb2.FieldDescriptorProto, kind: str) -> None:
    if kind in _SCALARS:
        field.type = _SCALARS[kind]
    elif kind in _ENUMS:
        field.type, field.type_name = _Field.TYPE_ENUM, f".{_PACKAGE}.{kind}"
    else:
        name = _KNOWN.get(kind, f"{_PACKAGE}.{kind}")
        field.type, field.type_name = _Field.TYPE_MESSAGE, f".{name}"


def _add_map(message: descriptor_pb2.DescriptorProto, name: str, kind: str) -> str:
    """The message of a map's entries, inside a message; its full name."""
    key, _, value = kind.partition(">")
    entry = message.nested_type.add(name=f"{name.capitalize()}Entry")
    entry.options.map_entry = True
    for number, (part, of) in enumerate((("key", key), ("value", value)), 1):
        _set_type(entry.field.add(name=part, number=number, label=_Field.LABEL_OPTIONAL), of)
    return f".{_PACKAGE}.{message.name}.{entry.name}"


def _add_field(message: descriptor_pb2.DescriptorProto, written: str) -> None:
    number, name, kind = written.split()
    kind, _, choice = kind.partition("/")
    repeats = kind.endswith("*") or ">" in kind
    field = message.field.add(
        name=name,
        number=int(number),
        label=_Field.LABEL_REPEATED if repeats else _Field.LABEL_OPTIONAL,
    )
    if ">" in kind:
        field.type, field.type_name = _Field.TYPE_MESSAGE, _add_map(message, name, kind)
    else:
        _set_type(field, kind.removesuffix("*"))
    if choice:
        if not message.oneof_decl:
            message.oneof_decl.add(name=choice)
        field.oneof_index = 0


def _describe_file() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(
        name="service.proto",
        package=_PACKAGE,
        syntax="proto3",
        dependency=[timestamp_pb2.DESCRIPTOR.name, struct_pb2.DESCRIPTOR.name],
    )
    for name, values in _ENUMS.items():
        enum = file.enum_type.add(name=name)
        for number, value in enumerate(values):
            enum.value.add(name=value, number=number)
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field in filter(None, fields.split("; ")):
            _add_field(message, field)
    service = file.service.add(name=SERVICE.rpartition(".")[2])
    for name in CALLS:
        service.method.add(
            name=name,
            input_type=f".{_PACKAGE}.{name}Request",
            output_type=f".{_PACKAGE}.{name}Response",
            client_streaming=name in _CLIENT_STREAMS,
            server_streaming=name in _SERVER_STREAMS,
        )
    return file


@cache
def message_pool() -> DescriptorPool:
    """The pool with the service and its messages."""
    pool = DescriptorPool()
    for known in (timestamp_pb2, struct_pb2):
        pool.AddSerializedFile(known.DESCRIPTOR.serialized_pb)
    pool.AddSerializedFile(_describe_file().SerializeToString())
    return pool


@cache
def message_class(name: str) -> type[Message]:
    """The class of a message: ``Model``, or a full name such as ``google.protobuf.Value``."""
    full = name if "." in name else f"{_PACKAGE}.{name}"
    return GetMessageClass(message_pool().FindMessageTypeByName(full))
