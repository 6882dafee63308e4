"""The command line ``caffe-torch``, in place of Caffe's ``caffe``: train|test|time|device_query, and export.

The original's other programs (``names.TOOLS``) start here too.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Callable, Sequence

from caffe_torch import __version__
from caffe_torch.cli.flags import drop_glog_flags, set_log, with_underscores
from caffe_torch.cli.names import COMMANDS, TOOLS
from caffe_torch.errors import CaffeError
from caffe_torch.runtime import user_modules

_SIGNAL_ACTIONS = ("stop", "snapshot", "none")
#: Flags that the original has not, so that no script gives them to another subcommand on purpose.
_EXPORTS = ("output", "until", "batch", "any_size", "mean", "scale", "channels", "inputs")


def parser() -> argparse.ArgumentParser:
    """The parser of all subcommands: flags in one dash or two, a value after a space or ``=``, in any order.

    As in the original, a flag of another subcommand is taken and does nothing; ``main`` refuses those of export alone.
    """
    p = argparse.ArgumentParser(prog="caffe-torch", description=__doc__, allow_abbrev=False)
    version = f"caffe version {__version__} (caffe-torch: its interfaces on PyTorch)"
    p.add_argument("-version", "--version", action="version", version=version, help="say the version and exit")
    p.add_argument(
        "command", choices=COMMANDS, help="train or finetune a model, score it, time it, show the GPUs, or export it"
    )

    def flag(
        name: str, text: str, kind: type = str, default: object = "", choices: Sequence[str] | None = None
    ) -> None:
        p.add_argument(f"-{name}", f"--{name}", dest=name, type=kind, default=default, choices=choices, help=text)

    flag("solver", "train: the solver .prototxt")
    flag("model", "test, time, export: the net .prototxt")
    flag("weights", "train: .caffemodel to start from; test: to score; export: to export; several separated by commas")
    flag("snapshot", "train: .solverstate to resume from")
    flag("gpu", "number of the GPU, several separated by commas, or all; the batch size is per GPU, as in Caffe")
    flag("iterations", "test, time: how many batches", int, 50)
    flag("phase", "time: TRAIN or TEST", choices=("TRAIN", "TEST"), default="TRAIN")
    flag("level", "the net's level, for its include and exclude rules", int, 0)
    flag("stage", "the net's stages, separated by commas, for its include and exclude rules")
    flag("sigint_effect", "train: what SIGINT (Ctrl-C) does", choices=_SIGNAL_ACTIONS, default="stop")
    flag("sighup_effect", "train: what SIGHUP does", choices=_SIGNAL_ACTIONS, default="snapshot")
    flag("minloglevel", "least level of the log: 0 information, 1 warnings, 2 errors", int, None)
    flag("log_dir", "folder for a copy of the log, caffe.INFO")
    flag("output", "export: the .onnx file to write; .safetensors for the weights as a PyTorch module has them")
    flag(
        "until",
        "export: output blobs, separated by commas (default: the net's own); layers that they do not need are left out",
    )
    flag("batch", "export: a fixed batch size (default: a dynamic axis)", int, None)
    p.add_argument("-any_size", "--any_size", action="store_true", help="export: height and width are dynamic axes too")
    flag(
        "mean",
        "export: the model subtracts it from pixels of 0 to 255: a mean.binaryproto, or numbers for the channels",
    )
    flag("scale", "export: the model multiplies by it, after the mean", float, 1.0)
    flag("channels", "export: the order of images' channels; the net's is bgr", default="bgr", choices=("bgr", "rgb"))
    flag("inputs", "export: an .npz of inputs by blob to check the model with, besides random ones")
    flag("layers", "modules that register layers (caffe.register_layer), separated by commas")
    p.add_argument(
        "-forbid_python",
        "--forbid_python",
        action="store_true",
        help="refuse Python layers: a .prototxt names modules to import, so an untrusted one can run its author's code",
    )
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line ``argv`` (without the program's name) and return the exit status.

    What the original aborts on becomes one line on standard error and status 1; wrong flags end with 2, Ctrl-C with
    130. ``--forbid-python`` and ``--layers`` are put into ``os.environ`` and stay there.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    # Started by a symlink that is called as one of the original's programs, it runs that program.
    if argv is None and os.path.basename(sys.argv[0]) in TOOLS:
        arguments = [os.path.basename(sys.argv[0]), *arguments]
    if arguments and arguments[0] in TOOLS:
        return _exit_status(lambda: _run_tool(arguments[0], arguments[1:]))
    args = _parse(with_underscores(drop_glog_flags(arguments)))
    if args.forbid_python:
        os.environ["CAFFE_TORCH_FORBID_PYTHON"] = "1"
    if args.layers:
        os.environ[user_modules.LAYERS] = args.layers
    return _exit_status(lambda: _run_command(args, arguments))


def _parse(words: Sequence[str]) -> argparse.Namespace:
    """The flags of ``parser``, and as ``export_flags`` the names of those that export alone has and that are given."""
    p = parser()
    args = p.parse_args(words)
    args.export_flags = [name for name in _EXPORTS if getattr(args, name) != p.get_default(name)]
    if args.export_flags and args.command != "export":
        p.error(f"{args.command} has no --{' and no --'.join(args.export_flags)}: a flag of export")
    return args


def _run_command(args: argparse.Namespace, words: Sequence[str]) -> int:
    set_log(args.minloglevel, args.log_dir)
    return int(importlib.import_module(f"caffe_torch.cli.{COMMANDS[args.command]}").run(args, words))


def _run_tool(name: str, words: Sequence[str]) -> int:
    return int(importlib.import_module(f"caffe_torch.cli.{TOOLS[name]}").run_tool(name, drop_glog_flags(words)))


def _exit_status(run: Callable[[], int]) -> int:
    """The exit status of ``run``, 1 where it raised CaffeError, which is said in one line."""
    try:
        return run()
    except CaffeError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
