"""The ``caffe`` command on this engine: caffe-torch train|test|time|device_query with its flags, and export."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Callable, Sequence

from caffe_torch import __version__
from caffe_torch.cli.flags import set_log, with_underscores, without_glogs
from caffe_torch.cli.names import COMMANDS, TOOLS
from caffe_torch.errors import CaffeError
from caffe_torch.runtime import user_modules

_EFFECTS = ("stop", "snapshot", "none")
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
    flag("weights", "train, test, export: .caffemodel to start from or to score; several are separated by commas")
    flag("snapshot", "train: .solverstate to resume from")
    flag("gpu", "number of the GPU, several separated by commas, or all; each trains with the whole batch size")
    flag("iterations", "test, time: how many batches", int, 50)
    flag("phase", "time: TRAIN or TEST", choices=("TRAIN", "TEST"), default="TRAIN")
    flag("level", "the net's level, for its include and exclude rules", int, 0)
    flag("stage", "the net's stages, separated by commas, for its include and exclude rules")
    flag("sigint_effect", "train: what SIGINT (Ctrl-C) does", choices=_EFFECTS, default="stop")
    flag("sighup_effect", "train: what SIGHUP does", choices=_EFFECTS, default="snapshot")
    flag("minloglevel", "least level of the log: 0 information, 1 warnings, 2 errors", int, None)
    flag("log_dir", "folder for a copy of the log, caffe.INFO")
    flag("output", "export: the .onnx file to write; .safetensors for the weights as a PyTorch module has them")
    flag("until", "export: blobs to give, separated by commas, without what they do not need (default: the net's own)")
    flag("batch", "export: the batch size (default: open)", int, None)
    p.add_argument("-any_size", "--any_size", action="store_true", help="export: leave height and width open too")
    flag("mean", "export: subtract in the model: a mean.binaryproto, or numbers separated by commas, one per channel")
    flag("scale", "export: multiply by it in the model, after the mean", float, 1.0)
    flag("channels", "export: the order of images' channels; the net's is bgr", default="bgr", choices=("bgr", "rgb"))
    flag("inputs", "export: an .npz of inputs by blob to check the model with, besides random ones")
    flag("layers", "modules that register layers (caffe.register_layer), separated by commas")
    p.add_argument(
        "-forbid_python",
        "--forbid_python",
        action="store_true",
        help="refuse Python layers: a .prototxt names modules to import, so a stranger's is a stranger's code",
    )
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line ``argv`` (without the program's name) and return the exit status.

    What the original aborts on becomes one line on standard error and status 1.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    # Called by a link of the name of one of the original's programs, it is that program.
    if argv is None and os.path.basename(sys.argv[0]) in TOOLS:
        words = [os.path.basename(sys.argv[0]), *words]
    if words and words[0] in TOOLS:
        return _ended(lambda: _run_tool(words[0], words[1:]))
    args = _parse(with_underscores(without_glogs(words)))
    if args.forbid_python:
        os.environ["CAFFE_TORCH_FORBID_PYTHON"] = "1"
    if args.layers:
        os.environ[user_modules.LAYERS] = args.layers
    return _ended(lambda: _run_command(args, words))


def _parse(words: Sequence[str]) -> argparse.Namespace:
    p = parser()
    args = p.parse_args(words)
    strangers = [f"--{name}" for name in _EXPORTS if getattr(args, name) != p.get_default(name)]
    if strangers and args.command != "export":
        p.error(f"{args.command} has no {' and no '.join(strangers)}: a flag of export")
    return args


def _run_command(args: argparse.Namespace, words: Sequence[str]) -> int:
    set_log(args.minloglevel, args.log_dir)
    return int(importlib.import_module(f"caffe_torch.cli.{COMMANDS[args.command]}").run(args, words))


def _run_tool(name: str, words: Sequence[str]) -> int:
    return int(importlib.import_module(f"caffe_torch.cli.{TOOLS[name]}").run_tool(name, without_glogs(words)))


def _ended(run: Callable[[], int]) -> int:
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
