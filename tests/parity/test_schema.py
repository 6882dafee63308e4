"""caffe.proto: every message, field and enum of the original's descriptor is ours too; the rest is of known forks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from deviations import Table
from google.protobuf.descriptor_pb2 import DescriptorProto, EnumDescriptorProto, FileDescriptorProto
from pair import Pair

from caffe_torch.proto import caffe_pb2
from caffe_torch.proto.fork_fields import fork_fields


def facts(file: FileDescriptorProto) -> dict[str, Any]:
    """What bytes and prototxt depend on, by full name: fields, extension ranges and enum values."""
    result: dict[str, Any] = {"syntax": file.syntax or "proto2", "package": file.package}

    def enum(path: str, item: EnumDescriptorProto) -> None:
        result[f"{path}{item.name}"] = "enum"
        result.update({f"{path}{item.name}.{value.name}": value.number for value in item.value})

    def message(path: str, item: DescriptorProto) -> None:
        name = f"{path}{item.name}"
        result[name] = "message"
        for field in item.field:
            packed = field.options.packed if field.options.HasField("packed") else None
            default: str | float = field.default_value
            if field.type in (field.TYPE_FLOAT, field.TYPE_DOUBLE) and default:
                default = float(default)
                # Compilers of the schema write more or fewer digits of the same float.
                default = float(np.float32(default)) if field.type == field.TYPE_FLOAT else default
            result[f"{name}.{field.name}"] = dict(
                number=field.number, type=field.type, label=field.label, default=default,
                has_default=field.HasField("default_value"), of=field.type_name, packed=packed,
            )  # fmt: skip
        for nested in item.nested_type:
            message(f"{name}.", nested)
        for kind in item.enum_type:
            enum(f"{name}.", kind)

    for item in file.message_type:
        message("", item)
    for kind in file.enum_type:
        enum("", kind)
    return result


@pytest.fixture(scope="module")
def theirs(pair: Pair) -> dict[str, Any]:
    probe = [dict(kind="probe", name="schema", probe="schema")]
    result = pair.run_each({"original": probe})["original"]["schema"].values()["descriptor"]
    return facts(FileDescriptorProto.FromString(result.tobytes()))


def test_equals_the_originals(theirs: dict[str, Any], table: Table) -> None:
    ours = facts(FileDescriptorProto.FromString(caffe_pb2.DESCRIPTOR.serialized_pb))
    assert len(theirs) > 600
    assert {name: (fact, ours.get(name)) for name, fact in theirs.items() if fact != ours.get(name)} == {}
    of_forks = set(fork_fields())
    for name in fork_fields():
        parts = name.split(".")
        of_forks.update(".".join(parts[:n]) for n in range(1, len(parts)))
    assert set(ours) - set(theirs) - {"syntax", "package"} == of_forks - set(theirs)
    for name in theirs:
        table.add("The schema, names, numbers, types, labels, defaults", "caffe.proto", "different", name, 0)


def test_a_changed_default_is_seen() -> None:
    """The comparison can tell: LRN's alpha, a label, a number."""
    file = FileDescriptorProto.FromString(caffe_pb2.DESCRIPTOR.serialized_pb)
    before = facts(file)
    lrn = next(item for item in file.message_type if item.name == "LRNParameter")
    field = next(item for item in lrn.field if item.name == "alpha")
    field.default_value = "2"
    assert facts(file) != before
    field.default_value = "1"
    assert facts(file) == before
    field.number = 99
    assert facts(file) != before
