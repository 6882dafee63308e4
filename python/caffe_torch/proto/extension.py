"""Fields of the user's own in LayerParameter, as a fork of Caffe would add them to caffe.proto."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from google.protobuf.descriptor import Descriptor
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

from caffe_torch.errors import CaffeError
from caffe_torch.proto import caffe_pb2, clashes

#: The user's fields have numbers from here on, drawn from their names, so that they are the same in every process.
_FIRST, _NUMBERS = 1_000_000, 500_000_000

_SCHEMA = "caffe.proto"


def add_layer_field(field: str, source: Descriptor | type[Any] | str | os.PathLike, message: str = "") -> None:
    """Give LayerParameter a field ``field`` whose message ``source`` defines.

    ``source`` is a message class, its descriptor, or the path of a .proto file (syntax proto2; it may import
    caffe.proto); of several messages in a file ``message`` names the one, by default the field's name in capitals
    (my_param: MyParameter). All top-level messages of the file become names of caffe_pb2. The classes of caffe_pb2 are
    new ones afterwards: do this before nets are read. CaffeError for a field or message that is there already.
    """
    file, name = _file_of(source, field, message)
    schema = FileDescriptorProto()
    caffe_pb2.DESCRIPTOR.CopyToProto(schema)
    layer = next(item for item in schema.message_type if item.name == "LayerParameter")
    there = {item.name: item for item in schema.message_type}
    new = [_renamed(item, file.package) for item in file.message_type]
    added = FieldDescriptorProto(
        name=field, number=_FIRST + zlib.crc32(field.encode()) % _NUMBERS, type_name=f".caffe.{name}",
        label=FieldDescriptorProto.LABEL_OPTIONAL, type=FieldDescriptorProto.TYPE_MESSAGE,
    )  # fmt: skip
    same = next((item for item in layer.field if item.name == field), None)
    if same is not None and same.number == added.number and all(there.get(item.name) == item for item in new):
        return  # a module that is imported again
    if same is not None:
        raise CaffeError(
            f"layer parameter {field!r}: LayerParameter has a field of this name already: leave `param` out"
        )
    if file.enum_type:
        raise CaffeError(f"layer parameter {field!r}: the enum {file.enum_type[0].name} must stand inside a message")
    clash = [item.name for item in new if item.name in there]
    if clash:
        raise CaffeError(
            f"layer parameter {field!r}: caffe.proto has a message {clash[0]} already: choose another name"
        )
    layer.field.append(added)
    schema.message_type.extend(new)
    _install(schema)


def current(message: Any) -> Any:
    """``message``, or the same of today's class where it was made before a field was added."""
    cls = getattr(caffe_pb2, message.DESCRIPTOR.name)
    return message if isinstance(message, cls) else cls.FromString(message.SerializeToString())


def _install(schema: FileDescriptorProto) -> None:
    """Make the classes of caffe_pb2 anew from ``schema``: a descriptor cannot be changed."""
    pool = DescriptorPool()
    pool.AddSerializedFile(schema.SerializeToString())
    caffe_pb2.DESCRIPTOR = pool.FindFileByName(_SCHEMA)
    for name, descriptor in caffe_pb2.DESCRIPTOR.message_types_by_name.items():
        setattr(caffe_pb2, name, GetMessageClass(descriptor))
    clashes.watch(caffe_pb2.NetParameter, caffe_pb2.SolverParameter)


def _file_of(source: Any, field: str, message: str) -> tuple[FileDescriptorProto, str]:
    """The file that defines the message, and the message's name."""
    where = f"layer parameter {field!r}"
    descriptor = source if isinstance(source, Descriptor) else getattr(source, "DESCRIPTOR", None)
    if isinstance(descriptor, Descriptor):
        file = FileDescriptorProto()
        descriptor.file.CopyToProto(file)
        name = descriptor.name
    elif isinstance(source, (str, os.PathLike)):
        file = _compiled(Path(source))
        name = message or "".join(word.capitalize() for word in field.split("_")).replace("Param", "Parameter")
        names = [item.name for item in file.message_type]
        if name not in names and not message and len(names) == 1:
            name = names[0]
        if name not in names:
            raise CaffeError(f"{where}: {source} has no message {name}; it has {', '.join(names) or 'none'}")
    else:
        raise CaffeError(f"{where}: expected a message class, its descriptor or a .proto file, found {source!r}")
    if file.syntax not in ("", "proto2"):
        raise CaffeError(f'{where}: its file must say syntax = "proto2", as caffe.proto does; found {file.syntax}')
    others = [path for path in file.dependency if os.path.basename(path) != _SCHEMA]
    if others:
        raise CaffeError(f"{where}: its file imports {', '.join(others)}: only caffe.proto can be imported")
    return file, name


def _renamed(message: DescriptorProto, package: str) -> DescriptorProto:
    """The message with the types of its fields, which were in ``package``, in caffe's."""
    copy = DescriptorProto()
    copy.CopyFrom(message)
    prefix = f".{package}." if package else "."

    def rename(items: Iterable[DescriptorProto]) -> None:
        for item in items:
            for field in item.field:
                if field.type_name.startswith(prefix) and not field.type_name.startswith(".caffe."):
                    field.type_name = f".caffe.{field.type_name[len(prefix) :]}"
            rename(item.nested_type)

    rename([copy])
    return copy


def _compiled(path: Path) -> FileDescriptorProto:
    """The descriptor of a .proto file, by protoc of grpcio-tools."""
    if not path.is_file():
        raise CaffeError(f"{path}: no such .proto file")
    if find_spec("grpc_tools") is None:
        raise CaffeError(
            f"{path}: to read a .proto file, install grpcio-tools (the extra `proto`), or give the message class that "
            "protoc made of it"
        )
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "set"
        includes = [f"-I{path.resolve().parent}", f"-I{Path(__file__).parent}"]
        done = subprocess.run(
            [sys.executable, "-m", "grpc_tools.protoc", *includes, f"--descriptor_set_out={out}", path.name],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise CaffeError(f"{path}: protoc refuses it: {done.stderr.strip()}")
        return FileDescriptorSet.FromString(out.read_bytes()).file[-1]
