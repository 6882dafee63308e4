"""Write the nets: train_val, deploy and solver prototxt of a run, or the committed ones under prototxt/."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from multiweight.base import engine, flags, whole_file
from multiweight.base.done import outcome
from multiweight.base.errors import UserError
from multiweight.base.paths import Dataset
from multiweight.gamma import schemes
from multiweight.nets import recipe_files, recipes
from multiweight.nets.recipes import Recipe
from multiweight.nets.settings import NetSettings
from multiweight.paper import methods
from multiweight.paper.methods import METHODS
from multiweight.settings import run_file

TASK_FLAGS = ("branch", "tasks", "task_units", "task_lr", "task_decay", "decay_by_gamma", "gamma_on")


def parser() -> argparse.ArgumentParser:
    p = flags.parser(__name__, __doc__)
    p.add_argument(
        "--committed",
        type=Path,
        metavar="CHECKOUT",
        help="rewrite prototxt/ (the paper's 24 groups) of the project's checkout there, and nothing else",
    )
    flags.dataset(p, "name of the packed dataset", required=False)
    p.add_argument(
        "--variant", type=methods.spelled, help=f"{', '.join(METHODS)}, or a name of yours together with --scheme"
    )
    p.add_argument("--paper", action="store_true", help=f"the paper's methods in turn: {', '.join(METHODS)}")
    p.add_argument("--name", action="store_true", help="print the variant's name alone and write nothing")
    p.add_argument("--overwrite", action="store_true", help="replace a run's other settings (never its snapshots)")
    flags.engine(p, "which Caffe's schema")

    g = p.add_argument_group("gamma, the weight of each group's loss")
    g.add_argument(
        "--scheme", help=f"{', '.join(schemes.SCHEMES)}; a CSV group,gamma; or module:function, which runs your code"
    )
    constants = ", ".join(f"{s.constant.name} of {s.name}" for s in schemes.SCHEMES.values() if s.constant)
    g.add_argument("--c", type=float, help=f"the scheme's constant: {constants} (default: the scheme's own)")
    g.add_argument("--rescale", action="store_true", help="scale gamma so that it sums to the number of groups")

    run_file.flags(p, "net", "solver")
    return p


def main(argv: Sequence[str] | None = None) -> int:
    args = parser().parse_args(argv)
    net = run_file.chosen(args, "net")
    if args.name:
        objective = net.get("objective", NetSettings.objective)
        print(recipes.choose(args.variant, args.scheme, args.c, args.rescale, objective)[0])
        return 0
    caffe = engine.select(args.engine)
    if args.committed:
        return write_committed(caffe, args.committed)
    if not args.dataset or not (args.variant or args.scheme or args.paper):
        raise UserError("give --dataset and --variant (or --scheme, or --paper), or --committed; --help lists all")
    if args.paper and (args.variant or args.scheme):
        raise UserError("--paper writes the paper's methods: leave out --variant and --scheme")
    dataset = Dataset(args.dataset, args.runs)
    for variant in METHODS if args.paper else [args.variant]:
        solver = run_file.chosen(args, "solver", variant)
        recipe = recipes.for_dataset(
            dataset, variant, scheme=args.scheme, c=args.c, rescale=args.rescale, net=net, solver=solver
        )
        write(caffe, recipe, dataset, args.overwrite, [name for name in TASK_FLAGS if name in net])
    return 0


def write(caffe: ModuleType, recipe: Recipe, dataset: Dataset, overwrite: bool, of_tasks: list[str]) -> None:
    """Write a variant's files and say so; ``of_tasks`` are the settings given that only task layers have."""
    run = dataset.run(recipe.variant)
    ignored = [name for name in of_tasks if recipe.net.head == "multi_label"]
    if ignored:
        print(f"multi_label has no task layers: {', '.join(ignored)} does not apply to it")
    print(
        f"{recipe.variant}: {recipe.gamma.describe()}; "
        f"base_lr {recipe.solver.base_lr:g}, {recipe.solver.iterations} iterations"
    )
    command = f"tools/make_prototxt.py --dataset {dataset.name} --variant {recipe.variant}; see settings.json"
    worked = recipe_files.write_run(caffe, recipe, dataset, command, overwrite)
    what = "train_val, deploy and solver prototxt, gamma.csv, settings.json"
    print(f"{recipe.variant}: {outcome('written', worked)} {what} in {run.root}")


def write_committed(caffe: ModuleType, checkout: Path) -> int:
    """Write prototxt/ of a checkout; only files whose text changes are touched."""
    for name, text in recipe_files.committed(caffe).items():
        path = checkout / name
        same = path.exists() and path.read_text(encoding="utf-8") == text
        if not same:
            path.parent.mkdir(parents=True, exist_ok=True)
            whole_file.write(path, text)
        print(f"{'unchanged' if same else 'wrote'} {name}")
    return 0
