"""export: write a net as an ONNX model, checked against the net in onnxruntime, or its weights as safetensors."""

from __future__ import annotations

import argparse
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from caffe_torch import export
from caffe_torch.cli.scoring import stages
from caffe_torch.errors import CaffeError
from caffe_torch.net.net import Net
from caffe_torch.proto.caffe_pb2 import TEST
from caffe_torch.runtime import log

_MISSING = "export: needs {}: pip install 'multiweight[torch,export]'"


def run(args: argparse.Namespace, argv: Sequence[str]) -> int:
    if not args.model:
        raise CaffeError("export: needs --model, the net's deploy .prototxt")
    if not args.output:
        raise CaffeError("export: needs --output, the .onnx file to write")
    _check_place(Path(args.output))
    net = Net(args.model, TEST, level=args.level, stages=stages(args.stage), weights=args.weights or None)
    if net.params and not args.weights:
        raise CaffeError("export: needs --weights, the .caffemodel whose parameters to write")
    outputs = [name for name in args.until.split(",") if name] or None
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
            inputs=_arrays(args.inputs) if args.inputs else None,
        )
    except ModuleNotFoundError as error:
        raise CaffeError(_MISSING.format(error.name)) from None
    log.info(f"Worst deviation from the net: {deviation}")
    log.info(f"Wrote {args.output}")
    return 0


def _check_place(output: Path) -> None:
    """CaffeError where the file cannot be written, before minutes of work."""
    if output.is_dir():
        raise CaffeError(f"{output}: a folder: expected the .onnx file to write")
    if not output.absolute().parent.is_dir():
        raise CaffeError(f"{output}: cannot be written: there is no folder {output.absolute().parent}")


def _preprocessing(args: argparse.Namespace) -> export.Preprocessing | None:
    if not args.mean and args.scale == 1 and args.channels == "bgr":
        return None
    mean: str | list[float] | None = args.mean or None
    if args.mean and not Path(args.mean).exists():
        try:
            mean = [float(word) for word in args.mean.split(",")]
        except ValueError:
            raise CaffeError(f"export: --mean {args.mean}: neither a file nor numbers separated by commas") from None
    return export.Preprocessing(mean, args.scale, args.channels)


def _arrays(path: str) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as file:
            if not isinstance(file, np.lib.npyio.NpzFile):
                raise CaffeError(f"{path}: one array: expected an .npz with an array for each input blob")
            return {name: file[name] for name in file.files}
    except OSError as error:
        raise CaffeError(f"{path}: cannot be read ({error.strerror or error})") from None
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise CaffeError(f"{path}: no .npz of arrays ({error})") from None
