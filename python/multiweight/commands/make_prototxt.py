"""Write the nets: train_val, deploy and solver prototxt of a run, or the committed ones under prototxt/."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from multiweight.base import engine, flags
from multiweight.base.errors import UserError
from multiweight.base.paths import Dataset
from multiweight.gamma import schemes
from multiweight.layers import objectives
from multiweight.nets import recipe_files, recipes, settings, solvers, trunks
from multiweight.paper import methods
from multiweight.paper.methods import METHODS

DEFAULTS = settings.NetSettings()
TASK_FLAGS = ("branch", "tasks", "task_units", "task_lr", "task_decay", "decay_by_gamma", "gamma_on")


def parser() -> argparse.ArgumentParser:
    p = flags.parser(__name__, __doc__)
    p.add_argument(
        "--committed",
        type=Path,
        metavar="CHECKOUT",
        help="rewrite prototxt/ (the paper's 24 groups) of the project's checkout there, and nothing else",
    )
    p.add_argument("--dataset", help="name of the packed dataset, a folder under --runs")
    flags.runs(p)
    p.add_argument(
        "--variant", type=methods.spelled, help=f"{', '.join(METHODS)}, or a name of yours together with --scheme"
    )
    p.add_argument("--name", action="store_true", help="print the variant's name alone and write nothing")
    p.add_argument("--overwrite", action="store_true", help="replace a run's other settings (never its snapshots)")
    flags.engine(p, "which Caffe's schema")

    g = p.add_argument_group("gamma, the weight of each group's loss")
    g.add_argument(
        "--scheme", help=f"{', '.join(schemes.SCHEMES)}; a CSV group,gamma; or module:function, which runs your code"
    )
    constants = ", ".join(f"{s.constant.name} of {s.name}" for s in schemes.SCHEMES.values() if s.constant)
    g.add_argument("--c", type=float, help=f"the scheme's constant: {constants} (default: the scheme's own)")
    g.add_argument("--window", type=int, help="iterations that dwa averages a loss over (default: 100)")
    g.add_argument("--rescale", action="store_true", help="scale gamma so that it sums to the number of groups")

    o = p.add_argument_group("what a label costs (python/multiweight/layers/objectives.py)")
    o.add_argument("--objective", choices=objectives.NAMES, default="sigmoid", help="the paper's, or another")
    o.add_argument("--focus", type=float, help="power of the focal and asymmetric losses (default: 2 and 4)")
    o.add_argument("--focus-positive", type=float, help="power for labels present, asymmetric (default: 0)")
    o.add_argument("--margin", type=float, help="probability below which absent labels cost nothing, asymmetric (0.05)")

    n = p.add_argument_group("net")
    n.add_argument(
        "--loss", choices=settings.LOSSES, default="python", help="Python layer, or Caffe's own loss a group"
    )
    n.add_argument(
        "--size", type=int, help="side of the packed images, pixels (default: as packed; another is an error)"
    )
    n.add_argument(
        "--crop", type=int, help="side of the crop, pixels (default: 7/8 of the size, the paper's 224 of 256)"
    )
    n.add_argument("--trunk", choices=tuple(trunks.TRUNKS), default="alexnet", help="the layers all tasks share")
    n.add_argument("--width", type=float, default=1.0, help="factor on channels and units of the trunk")
    n.add_argument(
        "--branch", choices=settings.BRANCHES, default="fc8", help="first layer that each task has for itself"
    )
    n.add_argument("--tasks", choices=settings.TASKS, default="group", help="a task a group, or two: types, attributes")
    n.add_argument(
        "--task-units", type=int, help="units of a task's own fc6, fc7 (default: the trunk's, divided by the tasks)"
    )
    n.add_argument("--task-lr", type=float, default=1.0, help="factor on lr_mult of the task layers (eps_t / eps_c)")
    n.add_argument("--task-decay", type=float, default=1.0, help="factor on decay_mult of the task layers")
    n.add_argument("--decay-by-gamma", action="store_true", help="a task layer's weight decay times its gamma")
    n.add_argument("--gamma-on", choices=("all", "shared"), default="all", help="shared: gamma spares the task layers")
    n.add_argument("--dropout", type=float, default=0.5, help="share of fc6 and fc7 dropped in training")
    n.add_argument("--no-mirror", action="store_true", help="no random mirroring in training")
    n.add_argument("--batch-size", type=int, default=256, help="images a training iteration")
    n.add_argument("--test-batch-size", type=int, default=50, help="images a test batch")

    s = p.add_argument_group("solver")
    s.add_argument("--iterations", type=int, help="length of training (default: 450000 for every method)")
    s.add_argument("--base-lr", type=float, help=f"learning rate (default: {solvers.RULE}, L the number of labels)")
    s.add_argument(
        "--stepsize", type=int, help="iterations between drops of the rate by 10 (default: half of --iterations)"
    )
    s.add_argument("--weight-decay", type=float, help="weight decay (default: 0.0005)")
    s.add_argument("--momentum", type=float, help="momentum (default: 0.9)")
    s.add_argument("--test-iter", type=int, help="batches a test (default: the test split, at most 1000 images)")
    s.add_argument("--test-interval", type=int, help="iterations between tests (default: a tenth of --iterations)")
    s.add_argument("--snapshot", type=int, help="iterations between snapshots (default: a quarter of --iterations)")
    s.add_argument("--display", type=int, help="iterations between lines of the log (default: at most 20)")
    s.add_argument("--seed", type=int, help="random seed of weights, crops and dropout (default: 1)")
    return p


def main(argv: Sequence[str] | None = None) -> int:
    args = parser().parse_args(argv)
    if args.name:
        print(recipes.choose(args.variant, args.scheme, args.c, args.rescale, args.objective)[0])
        return 0
    caffe = engine.select(args.engine)
    if args.committed:
        return write_committed(caffe, args.committed)
    if not args.dataset or not (args.variant or args.scheme):
        raise UserError("give --dataset and --variant (or --scheme), or --committed; --help lists all")
    dataset = Dataset(args.dataset, args.runs)
    net = dict(
        loss=args.loss,
        trunk=args.trunk,
        size=args.size,
        crop=args.crop,
        width=args.width,
        branch=args.branch,
        tasks=args.tasks,
        task_units=args.task_units,
        task_lr=args.task_lr,
        task_decay=args.task_decay,
        decay_by_gamma=args.decay_by_gamma,
        gamma_on=args.gamma_on,
        dropout=args.dropout,
        mirror=not args.no_mirror,
        batch_size=args.batch_size,
        test_batch_size=args.test_batch_size,
        **{name: getattr(args, name) for name in ("objective", "focus", "focus_positive", "margin", "window")},
    )
    names = "iterations base_lr stepsize weight_decay momentum test_iter test_interval snapshot display seed".split()
    recipe = recipes.for_dataset(
        dataset,
        args.variant,
        scheme=args.scheme,
        c=args.c,
        rescale=args.rescale,
        net=net,
        solver={name: getattr(args, name) for name in names},
    )
    run = dataset.run(recipe.variant)
    ignored = [name for name in TASK_FLAGS if recipe.net.head == "multi_label" and net[name] != getattr(DEFAULTS, name)]
    if ignored:
        print(f"multi_label has no task layers: {', '.join(ignored)} does not apply to it")
    print(
        f"{recipe.variant}: {recipe.gamma.describe()}; "
        f"base_lr {recipe.solver.base_lr:g}, {recipe.solver.iterations} iterations"
    )
    command = f"tools/make_prototxt.py --dataset {dataset.name} --variant {recipe.variant}; see settings.json"
    if recipe_files.write_run(caffe, recipe, dataset, command, args.overwrite):
        print(f"{recipe.variant}: wrote train_val, deploy and solver prototxt, gamma.csv, settings.json in {run.root}")
    else:
        print(f"{recipe.variant}: skipped, {run.root} holds the same settings already")
    return 0


def write_committed(caffe: ModuleType, checkout: Path) -> int:
    """Write prototxt/ of a checkout; only files whose text changes are touched."""
    for name, text in recipe_files.committed(caffe).items():
        path = checkout / name
        same = path.exists() and path.read_text(encoding="utf-8") == text
        if not same:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        print(f"{'unchanged' if same else 'wrote'} {name}")
    return 0
