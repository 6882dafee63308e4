"""A variant's recipe: net, solver and gamma, from a packed dataset and the user's choices, or as the paper has them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Callable

import numpy as np

from multiweight.base import done, make_variables
from multiweight.base.errors import UserError
from multiweight.base.paths import Dataset
from multiweight.gamma import label_weights, schemes, weights
from multiweight.gamma.schemes import SCHEMES, Scheme
from multiweight.gamma.weights import Gamma
from multiweight.nets import run_paths, solvers
from multiweight.nets.settings import DataPaths, NetSettings
from multiweight.nets.solvers import SolverSettings
from multiweight.paper import eclothing
from multiweight.paper.methods import LONGEST, METHODS, RESERVED
from multiweight.records import records
from multiweight.records.catalog import Catalog


@dataclass(frozen=True)
class Recipe:
    """All that decides the three prototxt of a variant; ``counted`` says which images the proportions come from.

    ``present`` has a weight for each label where it is present, none where all cost alike.
    """

    variant: str
    net: NetSettings
    solver: SolverSettings
    gamma: Gamma
    catalog: Catalog
    paths: DataPaths
    net_path: str
    snapshot_prefix: str
    counted: str
    paths_from: str
    present: tuple[float, ...] = ()


def variant_name(scheme: str, c: float | None, rescale: bool = False, objective: str = "sigmoid") -> str:
    """The name of a variant that is none of the paper's: ``smoothed-c2``, ``proportion-rescaled``, a CSV's stem."""
    weights.check_known(scheme)
    base = scheme
    if scheme.endswith(".csv"):
        base = Path(scheme).stem
    elif scheme not in SCHEMES:
        base = scheme.rpartition(":")[2]
    elif c is not None:
        base += f"-c{weights.digits(c)}"
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", base).strip("-.")
    if not name:
        raise UserError(f"scheme {scheme}: {base!r} has no letter or digit to name a run by: rename it, or give a name")
    return name + ("-rescaled" if rescale else "") + ("" if objective == "sigmoid" else f"-{objective}")


def choose(
    variant: str | None, scheme: str | None, c: float | None, rescale: bool = False, objective: str = "sigmoid"
) -> tuple[str, str, str, float | None]:
    """(variant, head, scheme, its constant) as chosen; UserError for a variant of the paper with another gamma."""
    if variant in METHODS:
        head, own_scheme, own_c = METHODS[variant].head, METHODS[variant].scheme, METHODS[variant].c
        if scheme not in (None, own_scheme) or c not in (None, own_c) or rescale or objective != "sigmoid":
            constant = "" if own_c is None else f", c = {own_c:g}"
            raise UserError(
                f"variant {variant} is the paper's, with scheme {own_scheme}{constant}, no rescaling and the sigmoid "
                "cross-entropy: leave --variant out, or give it another name"
            )
        return variant, head, own_scheme, own_c
    if scheme is None:
        known = ", ".join(METHODS)
        raise UserError(
            f"variant {variant!r} needs {make_variables.named('SCHEME')} (the paper's {known} have their own)"
        )
    chosen = weights.constant(scheme, c)
    name = variant or variant_name(scheme, chosen, rescale, objective)
    if name in RESERVED:
        what = "give it another --variant" if variant else "rename it, or give it a --variant of its own"
        raise UserError(f"scheme {scheme}: {name!r} is the name of a method or reference of the project: {what}")
    return name, "multi_weight", scheme, chosen


def _paths(dataset: Dataset, write: Callable[[Path], str]) -> DataPaths:
    return DataPaths(
        train_images=write(dataset.images("train")),
        train_labels=write(dataset.labels("train")),
        test_images=write(dataset.images("test")),
        test_labels=write(dataset.labels("test")),
        mean=write(dataset.mean),
    )


def for_dataset(
    dataset: Dataset,
    variant: str | None = None,
    *,
    scheme: str | None = None,
    c: float | None = None,
    rescale: bool = False,
    net: dict[str, Any] | None = None,
    solver: dict[str, Any] | None = None,
    name: str | None = None,
) -> Recipe:
    """The recipe of a run on packed data: sizes, counts and labels come from ``dataset.json`` and ``catalog.yaml``.

    ``net`` and ``solver`` override fields of NetSettings and SolverSettings (None: the default). The crop's default is
    7/8 of the image's side: 224 of 256. ``name`` is the run's own, where it is not that of the method.
    """
    catalog = Catalog.load(dataset.catalog)
    info = _info(dataset, catalog)
    chosen = {key: value for key, value in (net or {}).items() if value is not None}
    objective = chosen.get("objective", NetSettings.objective)
    method, head, used, chosen_c = choose(variant, scheme, c, rescale, objective)
    name = name or method
    counts = {group: int(info["group_images"][group]) for group in catalog.names}
    gamma = weights.compute(used, weights.proportions(counts), c=chosen_c, rescale=rescale, counts=counts)
    size = int(info["size"])
    packed: dict[str, Any] = {"size": size, "crop": size * 7 // 8, "unknown": info.get("unknown", "no")}
    if used in SCHEMES and SCHEMES[used].layer:
        packed["weighting"] = SCHEMES[used].weighting
        chosen["constants"] = _constants(SCHEMES[used], chosen_c, chosen.get("constants", ""))
    settings = NetSettings(**{**packed, **chosen}).for_head(head)
    if settings.size != size:
        raise UserError(
            f"image size {settings.size}, but {dataset.info} says {size}: pack the images again, or leave it out"
        )
    given = dict(solver or {})
    iterations = given.pop("iterations", None) or LONGEST
    run = dataset.run(name)

    def written(path: Path) -> str:
        return run_paths.written(path, run.root)

    return Recipe(
        name,
        settings,
        solvers.for_run(
            catalog.size, iterations, int(info["counts"]["test"]), settings.test_batch_size, settings.trunk, **given
        ),
        gamma,
        catalog,
        _paths(dataset, written),
        written(run.train_val),
        written(run.snapshot_prefix),
        f"{int(info['counts']['train'])} training images of {dataset.name}; the test split takes no part",
        "this folder",
        _present(dataset, catalog) if settings.label_weights == "sqrt_ratio" else (),
    )


def _constants(scheme: Scheme, c: float | None, further: str) -> str:
    """All constants of a scheme with a layer: ``c`` is the first, ``further`` may give the others."""
    first = scheme.constant
    if first is None:
        return _as_text(schemes.layer_constants(scheme.weighting, further))
    if re.search(rf"(^|,)\s*{first.name}\s*=", further):
        raise UserError(
            f"constants {further!r}: {first.name} is what {make_variables.named('C')} sets: leave it out there"
        )
    return _as_text(schemes.layer_constants(scheme.weighting, f"{first.name}={c!r},{further}"))


def _as_text(constants: Mapping[str, float]) -> str:
    return ",".join(f"{name}={weights.digits(value)}" for name, value in constants.items())


def _present(dataset: Dataset, catalog: Catalog) -> tuple[float, ...]:
    """The weight of each label where it is present, counted over the training images, unknown labels as absent."""
    present = np.zeros(catalog.size)
    packed = records.read_packed(dataset.packed("train"), catalog)
    for _, record in packed:
        present[[catalog.index(group, label) for group, label in record.labels]] += 1
    weights_of_labels = label_weights.sqrt_ratio(present, len(packed) - present)
    return tuple(float(f"{value:.6g}") for value in weights_of_labels)


def _info(dataset: Dataset, catalog: Catalog) -> dict[str, Any]:
    info = done.read(dataset.info)
    for key in ("group_images", "size", "counts", "labels"):
        if key not in info:
            raise UserError(f"{dataset.info}: key {key!r} is missing: pack the data again")
    if info["labels"] != catalog.size or set(info["group_images"]) != set(catalog.names):
        raise UserError(
            f"{dataset.info}: the data was packed with another catalog than {dataset.catalog}: pack it again"
        )
    return info


def settings_of(recipe: Recipe, dataset: Dataset) -> dict[str, Any]:
    """What ``settings.json`` holds: every value that decides the run, for the next tools and for the results."""
    gamma = recipe.gamma
    return {
        "dataset": dataset.name,
        "variant": recipe.variant,
        "scheme": gamma.scheme,
        "c": gamma.c,
        "rescale": gamma.rescale,
        "gamma_source": gamma.source,
        "gamma": gamma.values,
        "proportions": gamma.proportions,
        "proportions_from": recipe.counted,
        "net": recipe.net.as_dict(),
        "solver": recipe.solver.as_dict(),
        "labels": recipe.catalog.size,
        "present": recipe.present,
        "catalog_sha256": done.sha256(dataset.catalog),
        "retrieval_blob": recipe.net.retrieval_blob,
    }


def settings_in(path: Path) -> dict[str, Any]:
    """A run's ``settings.json``; in an older one every constant of every layer was a setting of the net."""
    found = done.read(path)
    net = found.get("net")
    if not isinstance(net, dict) or "constants" in net or net.get("weighting") not in schemes.weightings():
        return found
    known = {field.name for field in fields(NetSettings)}
    constants = {name: net.get(name, usual) for name, usual in schemes.layer_constants(net["weighting"], "").items()}
    kept = {name: value for name, value in net.items() if name in known}
    return {**found, "net": {**kept, "constants": _as_text(constants)}}


def of_paper() -> list[Recipe]:
    """The recipes of the committed nets: 24 published groups, placeholder labels, paths from the repository's root."""
    catalog, published = eclothing.placeholder_catalog(), eclothing.proportions()
    dataset = Dataset("eclothing", "runs")
    paths = _paths(dataset, Path.as_posix)
    return [
        Recipe(
            variant,
            NetSettings().for_head(method.head),
            solvers.for_paper(variant, catalog.size),
            weights.compute(method.scheme, published, c=method.c),
            catalog,
            paths,
            f"prototxt/{variant}/train_val.prototxt",
            dataset.run(variant).snapshot_prefix.as_posix(),
            "as published (Table II); group sizes and labels are placeholders, the paper gives none",
            "the repository's root, unless they are absolute",
        )
        for variant, method in METHODS.items()
    ]
