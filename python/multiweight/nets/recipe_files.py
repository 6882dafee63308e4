"""A recipe as files: train_val, deploy and solver prototxt with their comments, gamma.csv and settings.json."""

from __future__ import annotations

import json
from types import ModuleType

from multiweight.base import done, engine, lock, whole_file
from multiweight.base.paths import Dataset
from multiweight.gamma import schemes, weights
from multiweight.nets import nets, prototxt_text, recipes, solvers
from multiweight.nets.recipes import Recipe
from multiweight.nets.trunks import TRUNKS


def texts(caffe: ModuleType, recipe: Recipe, command: str) -> dict[str, str]:
    """``train_val``, ``deploy`` and ``solver`` as prototxt text; ``command`` is named in their first lines."""
    values, catalog = recipe.gamma.values, recipe.catalog
    trunk = TRUNKS[recipe.net.trunk]
    title = f"{trunk.title}_{recipe.variant}"
    first = catalog.groups[0].slug
    head = "fc8" if recipe.net.head == "multi_label" else _first_task_layer(recipe)
    loss = "loss" if recipe.net.head == "multi_label" or recipe.net.loss == "python" else f"loss_{first}"
    width = max(len(group.name) for group in catalog.groups)
    table = [f"  {'group':{width}}  labels  gamma"]
    table += [f"  {group.name:{width}}  {group.size:6d}  {values[group.name]:.6g}" for group in catalog.groups]
    written = f"{recipe.variant}: {catalog.size} outputs in {len(catalog.groups)} groups. Written by {command}."
    gamma_lines = [recipe.gamma.describe(), f"proportions: {recipe.counted}", f"sum(gamma) = {recipe.gamma.total:.6g}"]
    train = nets.train_val(caffe, recipe.net, catalog, values, recipe.paths, title, recipe.present)
    comments = {
        "data": ["Images and label vectors: two LMDBs with the same keys, read in step."],
        trunk.first: [f"The trunk: {trunk.title}, crop {recipe.net.crop}, width {recipe.net.width:g}."],
        head: [_HEADS[recipe.net.head]],
        loss: [_loss_comment(recipe)],
    }
    if recipe.net.head != "multi_label" and recipe.net.loss == "builtin" and len(catalog.groups) > 1:
        comments["slice_label"] = ["The label vector, cut by group in the order of the catalog."]
    deployed = nets.deploy(caffe, recipe.net, catalog, title)
    output = "prob" if recipe.net.head == "multi_label" else f"prob_{first}"
    deploy_comments = {
        "data": [f"BGR, mean subtracted, {recipe.net.crop} x {recipe.net.crop}."],
        output: ["One probability a label."],
    }
    schema = engine.schema(caffe)
    solver = solvers.solver(schema, recipe.solver, recipe.net_path, recipe.snapshot_prefix, trunk.name)
    return {
        "train_val": prototxt_text.render(train, [written, *gamma_lines, "", *table], comments),
        "deploy": prototxt_text.render(
            deployed, [written, f"Annotation: the prob blobs. Retrieval: the blob {trunk.feature}."], deploy_comments
        ),
        "solver": prototxt_text.render(solver, [written], _solver_comments(recipe)),
    }


_HEADS = {
    "multi_label": "The head: one layer for all labels, every label treated equally.",
    "multi_task": "The heads: each task its own layers, all losses equal.",
    "multi_weight": "The heads: each task its own layers, its loss weighted by gamma_t.",
}


def _first_task_layer(recipe: Recipe) -> str:
    group = recipe.catalog.groups[0]
    if recipe.net.tasks == "group":
        return f"{recipe.net.branch}_{group.slug}"
    types = [g for g in recipe.catalog.groups if g.kind == "type"]
    single = recipe.net.branch == "fc8" and len(types) == 1
    return f"{recipe.net.branch}_{types[0].slug if single else 'types'}"


def _loss_comment(recipe: Recipe) -> str:
    if recipe.net.head == "multi_label":
        return "Summed over labels, averaged over images: Eq. (1) with a single task."
    if recipe.net.loss == "builtin":
        return "Eq. (3): loss_weight is gamma_t; each J_t is summed over labels and averaged over images."
    how = schemes.layer_of(recipe.net.weighting).formula
    objective = recipe.net.objective_values
    settings = ", ".join(f"{key} {value:g}" for key, value in objective.items() if key != "name")
    cost = "" if recipe.net.objective == "sigmoid" else f" of the {objective['name']} loss ({settings or 'defaults'})"
    return f"{how}{cost}; the tops with loss_weight 0 report each J_t and train nothing."


def _solver_comments(recipe: Recipe) -> dict[str, list[str]]:
    s, labels = recipe.solver, recipe.catalog.size
    trunk = TRUNKS[recipe.net.trunk]
    rule = solvers.base_lr(labels, recipe.net.trunk)
    times = "" if trunk.rate == 1 else f"{trunk.rate:g} x "
    origin = (
        f"by the rule {times}{solvers.RULE} for L = {labels} labels"
        if s.base_lr == rule
        else f"chosen; the rule gives {rule:g}"
    )
    return {
        "net": [f"Paths hold from {recipe.paths_from}."],
        "base_lr": [
            f"The loss is a sum over labels, so AlexNet's 0.01 diverges; {origin}."
            if trunk.rate == 1
            else f"BatchNorm after every layer bears high rates; {origin}.",
            "The same for every method, so that only gamma differs.",
        ],
        "max_iter": [_length(recipe)],
        "snapshot_prefix": ["Caffe does not make this folder."],
        "random_seed": ["No solver_mode here: GPU aborts a CPU build of Caffe, so the mode is the run's."],
    }


def _length(recipe: Recipe) -> str:
    if recipe.solver == solvers.for_paper(recipe.variant, recipe.catalog.size):
        return f"The paper's length (IV-C), {recipe.solver.iterations:,} iterations; the step is AlexNet's."
    return f"The length of this run; the rate drops by 10 after {recipe.solver.stepsize:,} iterations."


@lock.scope
def write_run(caffe: ModuleType, recipe: Recipe, dataset: Dataset, command: str, overwrite: bool = False) -> bool:
    """Write the run's settings.json, gamma.csv and prototxt; False when they are there already with the same settings.

    UserError when the folder holds other settings and ``overwrite`` is not given, or holds snapshots of them.
    """
    run = dataset.run(recipe.variant)
    settings = json.loads(json.dumps(recipes.settings_of(recipe, dataset)))
    files, kept = (run.train_val, run.deploy, run.solver, run.gamma), run.snapshots.glob("*.solverstate")
    if (
        done.finished(run.settings, settings, overwrite, made_with=recipes.settings_in, files=files, kept=kept)
        is not None
    ):
        return False
    lock.hold(run.root, "make-prototxt")
    run.root.mkdir(parents=True, exist_ok=True)
    run.snapshots.mkdir(exist_ok=True)
    run.settings.unlink(missing_ok=True)
    for name, text in texts(caffe, recipe, command).items():
        whole_file.write(getattr(run, name), text)
    weights.write_gamma(run.gamma, recipe.gamma)
    # Last, because the next call takes its presence for a finished run folder.
    whole_file.write(run.settings, json.dumps(settings, indent=2, ensure_ascii=False) + "\n")
    return True


def committed(caffe: ModuleType) -> dict[str, str]:
    """Path from the repository's root -> text, for every file under prototxt/ that a command writes."""
    command = "tools/make_prototxt.py --committed"
    return {
        f"prototxt/{recipe.variant}/{name}.prototxt": text
        for recipe in recipes.of_paper()
        for name, text in texts(caffe, recipe, command).items()
    }
