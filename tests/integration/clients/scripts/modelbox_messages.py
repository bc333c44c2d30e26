"""The messages, enums and calls of the client's generated code."""

import json

from modelbox import service_pb2

FILE = service_pb2.DESCRIPTOR


def describe(field):
    message, enum, choice = field.message_type, field.enum_type, field.containing_oneof
    return [
        field.number, field.name, field.type, field.is_repeated, message.full_name if message else "",
        enum.name if enum else "", choice.name if choice else "",
    ]  # fmt: skip


print(
    json.dumps(
        {
            "messages": {
                name: [describe(field) for field in message.fields]
                for name, message in FILE.message_types_by_name.items()
            },
            "enums": {
                name: {value.name: value.number for value in enum.values}
                for name, enum in FILE.enum_types_by_name.items()
            },
            "calls": [one.name for one in FILE.services_by_name["ModelStore"].methods],
        }
    )
)
