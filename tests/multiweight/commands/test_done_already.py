"""Is a step done already: all steps on one small run, again with the same settings, and with others."""

from __future__ import annotations

import pytest

import tiny_run
from multiweight.base.errors import UserError
from multiweight.commands import (
    build_lmdb,
    clean_dataset,
    evaluate,
    extract_features,
    import_dataset,
    make_prototxt,
    make_sample_shop,
    make_subset,
    split,
    train,
)

CPU = ["--variant", "multi_label", "--gpu", "none"]
SUBSET = ["--name", "two", "--large", "Garment", "--small", "Brooch", "--kind", "dependent"]
REFUSED = r": use --overwrite \(of make: OVERWRITE=1\) to make it again, or another .* by --runs \(of make: RUNS=\)"
#: The step, its arguments on the run, others, and what it says of those: an error where it is refused.
STEPS = {
    "shop": (make_sample_shop, ["{runs}/shop"], ["--products=40", "--size=72"], ["--products=41"], REFUSED),
    "import": (import_dataset, ["{runs}/shop", "{where}"], [], ["--min-products=3"], REFUSED),
    "clean": (clean_dataset, ["{where}"], [], ["--repeats=4"], REFUSED),
    "split": (split, ["{where}"], [], ["--seed=2"], REFUSED),
    "pack": (build_lmdb, ["{where}", "--engine=torch"], ["--size=72"], ["--size=64"], REFUSED),
    "subset": (make_subset, ["{where}", *SUBSET], ["--ratio=1"], ["--ratio=2"], REFUSED),
    "nets": (make_prototxt, ["{where}", "--variant=multi_task"], tiny_run.NET, ["--crop=60"], REFUSED),
    "trained nets": (
        make_prototxt, ["{where}", "--variant=multi_label", "--overwrite"], None, ["--crop=60"],
        r"_iter_\d.solverstate was made from it: move or delete",
    ),
    "train": (train, ["{where}", *CPU], [], None, ""),
    "evaluate": (evaluate, ["{where}", "--variant=multi_label"], [], ["--k=7"], ": made again"),
    # Last: the evaluation is of the features as they were.
    "features": (extract_features, ["{where}", *CPU], [], ["--views=mirror"], ": made again"),
}  # fmt: skip


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    runs = tmp_path_factory.mktemp("runs")
    tiny_run.make(runs)
    first = ("clean", "subset", "nets", "train", "features", "evaluate")
    for name in first:
        step, where, same, _, _ = STEPS[name]
        assert step.main([*tiny_run.arguments(where, runs), *same]) == 0
        if name == "clean":
            assert split.main([*tiny_run.where(runs), "--overwrite"]) == 0
            assert build_lmdb.main([*tiny_run.where(runs), "--size=72", "--engine=torch", "--overwrite"]) == 0
            assert (
                make_prototxt.main([*tiny_run.where(runs), "--variant=multi_label", "--overwrite", *tiny_run.NET]) == 0
            )
    return runs


@pytest.mark.parametrize("name", STEPS)
def test_the_same_step_is_skipped_and_one_with_other_settings_is_not(runs, name, capsys):
    step, arguments, same, other, line_end = STEPS[name]
    if same is not None:
        assert step.main([*tiny_run.arguments(arguments, runs), *same]) == 0
        assert "skipped, already " in capsys.readouterr().out
    if other is None:
        return
    changed = [*tiny_run.arguments(arguments, runs), *(tiny_run.NET if same is None else same), *other]
    if line_end == ": made again":
        assert step.main(changed) == 0
        lines = [line for line in capsys.readouterr().out.splitlines() if line.endswith(line_end)]
        assert len(lines) == 1 and "made with" in lines[0]
        assert step.main(changed) == 0 and "skipped, already " in capsys.readouterr().out
        return
    with pytest.raises(UserError, match=f"made with .*{line_end}"):
        step.main(changed)
