"""export: write a net as an ONNX model, checked against the net in onnxruntime, or its weights as safetensors."""

from __future__ import annotations

import argparse
import tokenize
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from caffe_torch import export
from caffe_torch.cli.flags import comma_separated
from caffe_torch.errors import CaffeError
from caffe_torch.net.net import Net
from caffe_torch.proto.caffe_pb2 import TEST
from caffe_torch.runtime import log

_MISSING = "export: needs {}: pip install 'multiweight[torch,export]'"
#: The packages of the extra ``export``.
_PACKAGES = ("onnx", "onnxruntime", "safetensors")
#: What NumPy and zipfile raise on damaged files, besides OSError.
_DAMAGE = (
    ValueError, LookupError, EOFError, TypeError, AttributeError, RuntimeError, MemoryError, OverflowError, SyntaxError,
    tokenize.TokenError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip
#: Flags that a .safetensors file takes as well; the other flags of export are for ONNX models alone.
_OF_BOTH = ("output", "until")


def run(args: argparse.Namespace, _argv: Sequence[str]) -> int:
    """Write the file of ``--output``; returns 0, or raises CaffeError."""
    if not args.model:
        raise CaffeError("export: needs --model, the net's deploy .prototxt")
    if not args.output:
        raise CaffeError("export: needs --output, the .onnx or .safetensors file to write")
    _check_output(args)
    inputs = _read_npz(args.inputs) if args.inputs else None
    net = Net(args.model, TEST, level=args.level, stages=comma_separated(args.stage), weights=args.weights or None)
    if net.params and not args.weights:
        raise CaffeError("export: needs --weights, the .caffemodel to export")
    outputs = comma_separated(args.until) or None
    try:
        if args.output.endswith(".safetensors"):
            export.safetensors(net, args.output, outputs=outputs)
            log.info(f"Wrote {args.output}")
            return 0
        deviation = export.onnx(
            net,
            args.output,
            outputs=outputs,
            batch=args.batch,
            any_size=args.any_size,
            preprocessing=_preprocessing(args),
            inputs=inputs,
        )
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in _PACKAGES:
            raise
        raise CaffeError(_MISSING.format(package)) from None
    log.info(f"Largest relative difference of onnxruntime from the net: {deviation}")
    log.info(f"Wrote {args.output}")
    return 0


def _check_output(args: argparse.Namespace) -> None:
    """CaffeError where the file cannot be written, or not as the flags say, before minutes of work."""
    output = Path(args.output)
    if output.is_dir():
        raise CaffeError(f"{output}: a folder: expected the .onnx or .safetensors file to write")
    if output.suffix not in (".onnx", ".safetensors"):
        raise CaffeError(f"{output}: export writes .onnx and .safetensors files: end its name so")
    given = [f"--{name}" for name in args.export_flags if name not in _OF_BOTH]
    if given and output.suffix == ".safetensors":
        raise CaffeError(f"{output}: a .safetensors file holds the weights alone: leave out {', '.join(given)}")
    if not output.absolute().parent.is_dir():
        raise CaffeError(f"{output}: cannot be written: there is no folder {output.absolute().parent}")


def _preprocessing(args: argparse.Namespace) -> export.Preprocessing | None:
    if not {"mean", "scale", "channels"} & set(args.export_flags):
        return None
    mean: str | list[float] | None = args.mean or None
    if args.mean and not Path(args.mean).exists():
        try:
            mean = [float(word) for word in args.mean.split(",")]
        except ValueError:
            raise CaffeError(f"export: --mean {args.mean}: neither a file nor numbers separated by commas") from None
    return export.Preprocessing(mean, args.scale, args.channels)


def _read_npz(path: str) -> dict[str, np.ndarray]:
    """The arrays of an .npz file by name; CaffeError where it is another file, or damaged."""
    try:
        with open(path, "rb") as stream:
            if zipfile.is_zipfile(stream):
                stream.seek(0)
                with np.load(stream, allow_pickle=False) as arrays:
                    return {name: np.asarray(arrays[name], np.float32) for name in arrays.files}
    except OSError as error:
        raise CaffeError(f"{path}: cannot be read ({error.strerror or error})") from None
    except _DAMAGE as error:
        raise CaffeError(f"{path}: cannot be read as an .npz of numbers ({error})") from None
    raise CaffeError(f"{path}: no .npz file: write one with np.savez, an array for each input blob")
