"""
Protobuf messages that are declared with only the fields that are read. Other fields are skipped.

Envoy's own modules load all the messages that a message could contain.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

Field = tuple[str, int, str]  # name, number, and type: of `_KINDS`, or another message; repeated with a final `*`
_KINDS = {
    "string": FieldDescriptorProto.TYPE_STRING,
    "double": FieldDescriptorProto.TYPE_DOUBLE,
    "uint64": FieldDescriptorProto.TYPE_UINT64,
    "uint32": FieldDescriptorProto.TYPE_UINT32,
    "int32": FieldDescriptorProto.TYPE_INT32,
}


def declare_message(name: str, messages: Mapping[str, Sequence[Field]]) -> type[Any]:
    """Return the class of the message *name*, which is one of *messages*; they contain only each other."""
    file = FileDescriptorProto(name="partial.proto", package="partial", syntax="proto2")
    for message_name, fields in messages.items():
        file.message_type.add(name=message_name).field.extend(_describe(fields))
    pool = DescriptorPool()
    pool.Add(file)
    return GetMessageClass(pool.FindMessageTypeByName(f"partial.{name}"))


def _describe(fields: Iterable[Field]) -> Iterable[FieldDescriptorProto]:
    for name, number, kind in fields:
        is_repeated, kind_name = kind.endswith("*"), kind.rstrip("*")
        field = FieldDescriptorProto(name=name, number=number)
        field.label = FieldDescriptorProto.LABEL_REPEATED if is_repeated else FieldDescriptorProto.LABEL_OPTIONAL
        if kind_name in _KINDS:
            field.type = _KINDS[kind_name]
        else:
            field.type, field.type_name = FieldDescriptorProto.TYPE_MESSAGE, f".partial.{kind_name}"
        yield field
