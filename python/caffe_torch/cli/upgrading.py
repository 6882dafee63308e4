"""upgrade_net_proto_text, upgrade_net_proto_binary, upgrade_solver_proto_text: old formats become today's."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

from google.protobuf.message import DecodeError

from caffe_torch.errors import CaffeError
from caffe_torch.files import binary_file, prototxt, whole_file
from caffe_torch.files.upgrade import upgrade_net, upgrade_solver_type
from caffe_torch.proto import caffe_pb2
from caffe_torch.runtime import log

#: The status where the file cannot be parsed, as the original's.
_UNREADABLE = 2


def run_tool(name: str, words: Sequence[str]) -> int:
    if len(words) != 2:
        print(f"usage: {name} OLD_FILE NEW_FILE", file=sys.stderr)
        return 1
    old, new = words
    binary = name.endswith("binary")
    message = caffe_pb2.SolverParameter() if "solver" in name else caffe_pb2.NetParameter()
    try:
        _read(old, message, binary)
    except CaffeError as error:
        print(f"error: {error}", file=sys.stderr)
        return _UNREADABLE
    before = message.SerializeToString(deterministic=True)
    upgrade: Callable[[Any, str], Any] = upgrade_solver_type if "solver" in name else upgrade_net
    upgraded = upgrade(message, old) or message
    if upgraded.SerializeToString(deterministic=True) == before:
        log.error(f"File already in latest proto format: {old}")
    data = upgraded.SerializeToString() if binary else prototxt.original_text(upgraded).encode()
    whole_file.write_bytes(new, data)
    kind = f"{type(upgraded).__name__} {'binary' if binary else 'text'} proto"
    log.info(f"Wrote upgraded {kind} to {new}")
    return 0


def _read(path: str, message: Any, binary: bool) -> None:
    if not binary:
        prototxt.read_message(path, message)
        return
    try:
        message.ParseFromString(binary_file.read_bytes(path))
    except DecodeError:
        raise CaffeError(f"{path}: is no binary {type(message).__name__}, or is cut short or damaged") from None
