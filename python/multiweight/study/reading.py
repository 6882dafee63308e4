"""study.yaml, read into a Study: whatever would fail after hours is refused here."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from multiweight.base import yaml_file
from multiweight.base.errors import UserError
from multiweight.datasets.sample_shop import shop as sample_shop
from multiweight.datasets.sample_shop.shop import ShopSettings
from multiweight.gamma import user_function, weights
from multiweight.gamma.schemes import SCHEMES
from multiweight.nets import recipes
from multiweight.nets.settings import NetSettings
from multiweight.nets.solvers import DROP
from multiweight.paper.methods import BASELINE, METHODS, RESERVED
from multiweight.prepare import subsets
from multiweight.study.design import FILE, Experiment, Method, Search, Shop, Study, Subset
from multiweight.study.values import Values

_GAMMA = ("scheme", "c", "rescale")
_EXPERIMENT = ("name", "methods", "subset", "shops", "rate", "lengths", "question", "seeds", "drop", "finalists")
_NET_TYPES = {f.name: str(f.type) for f in fields(NetSettings) if f.name not in ("head", "size", "unknown")}
_NET = tuple(_NET_TYPES)


def load(folder: str | Path) -> Study:
    """The study in ``folder``; UserError names the key, what was found and what is known."""
    folder = Path(folder)
    path = folder / FILE
    return _Reader(path).study(yaml_file.plain(yaml_file.read(path, "the study")))


class _Reader(Values):
    def __init__(self, path: Path):
        super().__init__(path)
        self.size, self.points, self.common = 0, tuple[float, ...](), dict[str, Any]()

    def study(self, content: Any) -> Study:
        known = tuple(f.name for f in fields(Study) if f.name != "folder")
        needed = ("dataset", "size", "iterations", "seeds", "search", "experiments")
        values = self.keys(content, known, needed, "the study")
        for name in ("size", "iterations"):
            self.number(values[name], name)
        drop = self.share(values.get("drop", DROP), "drop")
        # What every method's net and every length is checked with.
        self.size, self.points = values["size"], self.shares(values.get("points", 4))
        self.length(values["iterations"], "points")
        seeds = self.seeds(values["seeds"], "seeds")
        experiments = values["experiments"]
        if not isinstance(experiments, list) or not experiments:
            raise self.fail("experiments", f"{experiments!r}: expected a list")
        self.common = self.net(values.get("net") or {}, "net")
        if self.common.get("objective") not in (None, NetSettings.objective):
            raise self.fail("net: objective", "the references have the paper's: give it to a method with a `scheme`")
        self.trial_net({}, "net", BASELINE)
        read = tuple(made for n, entry in enumerate(experiments, 1) for made in self.experiments(entry, n))
        self.different("experiments", [entry.name for entry in read])
        self.consistent(read)
        return Study(
            folder=self.path.parent,
            dataset=self.name(values["dataset"], "dataset"),
            size=values["size"],
            net=self.common,
            iterations=values["iterations"],
            seeds=seeds,
            search=self.search(values["search"]),
            experiments=read,
            drop=drop,
            points=self.points,
        )

    def seeds(self, seeds: Any, where: str) -> tuple[int, ...]:
        if not isinstance(seeds, list) or not seeds or len(set(map(str, seeds))) < len(seeds):
            raise self.fail(where, f"{seeds!r}: expected a list of different whole numbers")
        return tuple(self.number(seed, where, least=0) for seed in seeds)

    def shares(self, points: Any) -> tuple[float, ...]:
        """Shares of training of a list of them, or of a number of points at equal distances."""
        if not isinstance(points, list):
            self.number(points, "points")
            return tuple((n + 1) / points for n in range(points))
        for share in points:
            self.number(share, "points", whole=False, least=0)
        if not points or points != sorted(set(points)) or points[0] <= 0 or points[-1] != 1:
            raise self.fail("points", f"{points!r}: expected rising shares of training, the last of them 1")
        return tuple(float(share) for share in points)

    def length(self, iterations: int, where: str) -> None:
        """UserError where a training of so many iterations has none at one of the points."""
        for share in self.points:
            if abs(iterations * share - round(iterations * share)) > 1e-6:
                raise self.fail(where, f"{share:g} of {iterations} iterations is no whole number")

    def search(self, content: Any) -> Search:
        values = self.keys(content, tuple(f.name for f in fields(Search)), ("rates", "iterations"), "search")
        rates = values["rates"]
        if not isinstance(rates, list) or not rates:
            raise self.fail("search: rates", f"{rates!r}: expected a list of numbers")
        for rate in rates:
            self.number(rate, "search: rates", whole=False, least=1e-12)
        for name, default in (("iterations", 1), ("extensions", 0), ("seed", 0), ("again", 0)):
            self.number(values.get(name, default), f"search: {name}", least=default)
        return Search(**{**values, "rates": tuple(sorted(float(rate) for rate in rates))})

    def experiments(self, content: Any, number: int) -> Iterator[Experiment]:
        """The experiments of one entry: one, or one for each shop."""
        where = f"experiment {number}"
        if not isinstance(content, dict) or content.get("shops") is None:
            yield self.experiment(content, where)
            return
        base = self.experiment({key: value for key, value in content.items() if key != "shops"}, where)
        where = f"experiment {base.name}"
        if base.subset:
            raise self.fail(where, "has `shops` and a `subset`: expected one of them")
        values = self.keys(content["shops"], tuple(field.name for field in fields(ShopSettings)), (), f"{where}: shops")
        if len(base.methods) < 2:
            raise self.fail(where, "shops, and one method: expected the one to compare with, and others")
        lists = {key: value if isinstance(value, list) else [value] for key, value in values.items()}
        for key, value in lists.items():
            if not value:
                raise self.fail(where, f"shops: {key}: []: expected a number, or some in a list")
            for item in value:
                whole = isinstance(getattr(sample_shop.DEFAULTS, key), int)
                self.number(item, f"{where}: shops: {key}", whole=whole, least=0)
        varied = [key for key, value in values.items() if isinstance(value, list)]
        dials = tuple(key for key in varied if key != "seed")
        if len(dials) > 2:
            raise self.fail(where, f"shops: {', '.join(dials)} are lists: expected two at most, a figure's two axes")
        for combination in itertools.product(*lists.values()):
            settings = ShopSettings(**dict(zip(lists, combination)))
            try:
                sample_shop.check(settings)
            except UserError as error:
                raise self.fail(f"{where}: shops", str(error)) from None
            at = "-".join(f"{key}{getattr(settings, key):g}" for key in varied)
            name = f"{base.name}-{at}" if at else base.name
            first = replace(settings, seed=lists["seed"][0]) if "seed" in varied else None
            yield replace(base, name=name, shop=Shop(settings, dials, first), family=base.name)

    def experiment(self, content: Any, where: str) -> Experiment:
        values = self.keys(content, _EXPERIMENT, ("name", "methods"), where)
        where = f"experiment {self.name(values['name'], where)}"
        methods = values["methods"]
        if not isinstance(methods, list) or not methods:
            raise self.fail(where, f"methods {methods!r}: expected a list")
        read = tuple(self.method(entry, where) for entry in methods)
        self.different(where, [entry.name for entry in read])
        subset = None
        if values.get("subset") is not None:
            of = self.keys(values["subset"], tuple(f.name for f in fields(Subset)), ("large", "small"), where)
            if of.get("kind", "independent") not in subsets.KINDS:
                raise self.fail(where, f"kind {of['kind']!r} is unknown: expected {', '.join(subsets.KINDS)}")
            for name in ("large", "small"):
                self.text(of[name], f"{where}: subset: {name}")
            self.number(of.get("ratio", 1), f"{where}: subset: ratio", whole=False)
            subset = Subset(**of)
        if values.get("rate") is not None:
            self.number(values["rate"], f"{where}: rate", whole=False, least=1e-12)
        lengths = self.keys(values.get("lengths") or {}, tuple(entry.name for entry in read), (), f"{where}: lengths")
        for name, length in lengths.items():
            self.number(length, f"{where}: lengths: {name}")
            self.length(length, f"{where}: lengths: {name}")
        finalists = values.get("finalists")
        if finalists is not None:
            self.number(finalists, f"{where}: finalists")
            if finalists > len(read) - 1:
                raise self.fail(where, f"finalists: {finalists}: it has {len(read) - 1} methods beside the first")
            if values.get("rate") is not None:
                raise self.fail(where, "has a `rate` and `finalists`, which a search chooses: expected one of them")
        return Experiment(
            values["name"], read, subset, values.get("rate"), lengths, str(values.get("question") or "").strip(),
            self.seeds(values["seeds"], f"{where}: seeds") if "seeds" in values else (),
            self.share(values["drop"], f"{where}: drop") if "drop" in values else None, finalists,
        )  # fmt: skip

    def method(self, content: Any, where: str) -> Method:
        if isinstance(content, str):
            if content not in METHODS:
                known = ", ".join(METHODS)
                raise self.fail(where, f"method {content!r} is unknown: expected {known}, or keys with a scheme")
            return self.method({"method": content}, where)
        values = self.keys(content, ("name", "method", *_GAMMA, *_NET), (), where)
        base, net = values.get("method"), self.net({k: v for k, v in values.items() if k in _NET}, where)
        gamma = {key: values[key] for key in _GAMMA if values.get(key) is not None}
        if (base is None) == ("scheme" not in gamma):
            raise self.fail(where, "a method has either a `method` of the paper, or a `scheme`")
        for name in ("method", "scheme"):
            self.text(values.get(name) or "", f"{where}: {name}")
        if "c" in gamma:
            self.number(gamma["c"], f"{where}: c", whole=False, least=0)
        if "rescale" in gamma:
            self.truth(gamma["rescale"], f"{where}: rescale")
        if base is not None and base not in METHODS:
            raise self.fail(where, f"method {base!r} is unknown: expected {', '.join(METHODS)}")
        own = self.name(values["name"], where) if "name" in values else None
        if own in RESERVED and (own != base or net):
            raise self.fail(where, f"name {own!r} is that of a method or reference of the project: choose another")
        try:
            scale, objective = bool(gamma.get("rescale")), {**self.common, **net}.get("objective") or "sigmoid"
            name, head, scheme, _ = recipes.choose(base or own, gamma.get("scheme"), gamma.get("c"), scale)
            recipes.choose(base or own, gamma.get("scheme"), gamma.get("c"), scale, objective)
        except UserError as error:
            raise self.fail(where, str(error)) from None
        self.scheme(scheme, where)
        self.trial_net(net, where, head, SCHEMES[scheme].weighting if scheme in SCHEMES else "fixed")
        if net and "name" not in values:
            raise self.fail(where, f"{name} with other net settings ({', '.join(net)}) needs a `name` of its own")
        return Method(own or self.name(name, where), base, net=net, **gamma)

    def net(self, values: Any, where: str) -> dict[str, Any]:
        settings = self.keys(values, _NET, (), where)
        for name, value in settings.items():
            kind = _NET_TYPES[name]
            if value is None:
                continue
            if kind.startswith("bool"):
                self.truth(value, f"{where}: {name}")
            elif kind.startswith("str"):
                self.text(value, f"{where}: {name}")
            else:
                self.number(value, f"{where}: {name}", whole=kind.startswith("int"), least=0)
        return settings

    def trial_net(
        self, own: Mapping[str, Any], where: str, head: str = "multi_weight", weighting: str = "fixed"
    ) -> None:
        """UserError where the net that a method's trials would have cannot be made."""
        given = {name: value for name, value in {**self.common, **own}.items() if value is not None}
        base = {"size": self.size, "crop": self.size * 7 // 8, "weighting": weighting}
        try:
            NetSettings(**{**base, **given}).for_head(head)
        except UserError as error:
            raise self.fail(where, f"{error} (size {self.size})") from None

    def scheme(self, scheme: str, where: str) -> None:
        """UserError where the CSV or function of a scheme is not there, which its trials would find out much later."""
        try:
            if scheme.endswith(".csv"):
                weights.read_gamma(scheme)
            elif scheme not in SCHEMES and ":" in scheme:
                user_function.function(scheme)
        except UserError as error:
            raise self.fail(f"{where}: scheme", str(error)) from None

    def consistent(self, experiments: tuple[Experiment, ...]) -> None:
        """One name means one method: its results are shared by all experiments on the same data."""
        known: dict[str, Method] = {}
        families: dict[str, Any] = {}
        for experiment in experiments:
            if experiment.shop:
                kind = experiment.shop.dials, [method.name for method in experiment.methods]
                if families.setdefault(experiment.family, kind) != kind:
                    what = "stands twice, with other dials or methods: rename one"
                    raise self.fail(f"experiment {experiment.family}", what)
            for method in experiment.methods:
                if known.setdefault(method.name, method) != method:
                    raise self.fail(f"experiment {experiment.name}", f"{method.name!r} is another method elsewhere")
