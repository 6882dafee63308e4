"""The installed package, away from its checkout: the whole way on a tiny shop, and what is missing without PyTorch."""

import json
import zipfile

from checkout import REPOSITORY

import multiweight

ASIDE = (".pyc", ".egg-info")
NO_TORCH = "caffe_torch computes with PyTorch, which is not installed: pip install multiweight[torch]"


def test_the_wheel_holds_every_file_of_the_packages(wheel):
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    ours = {
        path.relative_to(REPOSITORY / "python").as_posix()
        for path in (REPOSITORY / "python").rglob("*")
        if path.is_file() and not any(part.endswith(ASIDE) or part == "__pycache__" for part in path.parts)
    }
    assert held == ours


def test_the_whole_way_from_another_folder(installed, tmp_path):
    def step(name, *arguments):
        return installed.run("multiweight", name, *arguments, folder=tmp_path)

    where = ("--dataset", "tiny")
    step("make-sample-shop", "shop", "--products", 40, "--size", 72)
    step("import-dataset", "shop", *where)
    step("clean-dataset", *where)
    step("split", *where, "--dedupe")
    step("describe-dataset", *where)
    step("build-lmdb", *where, "--size", 72)
    assert "sound: " in step("verify-lmdb", *where)
    step("show-lmdb", *where, "--count", 3)
    net = ("--crop", 67, "--width", "0.0625", "--batch-size", 8, "--iterations", 6)
    for variant in ("multi_label", "multi_weight_third"):
        step("make-prototxt", *where, "--variant", variant, *net)
    step("train", *where, "--variant", "multi_label", "--variant", "multi_weight_third", "--gpu", "none")
    step("extract-features", *where, "--all", "--untrained", "--gpu", "none")
    step("evaluate", *where, "--all", "--random")
    step("report", *where)
    run = tmp_path / "runs/tiny/multi_weight_third"
    assert 0 < json.loads((run / "evaluation.json").read_text())["mean_map"] < 1
    assert "Paths hold from this folder" in (run / "solver.prototxt").read_text()
    assert "| Color |" in (tmp_path / "runs/tiny/report/report.md").read_text()
    assert (tmp_path / "runs/tiny/report/report.html").exists()
    photo = next((tmp_path / "shop").rglob("*.jpg"))
    assert "Garment" in step("annotate", *where, "--gpu", "none", "--top", 1, photo)
    step("search", *where, "--gpu", "none", "--k", 2, "--html", "found.html", photo)
    assert (tmp_path / "found.html").stat().st_size > 5000
    (tmp_path / "texts.csv").write_text("text\n" + "red cotton shirt with long sleeves\n" * 30)
    step("build-catalog", "texts.csv")
    assert "group: Sleeve" in (tmp_path / "keywords.yaml").read_text()


def test_both_packages_are_the_wheels_and_say_their_versions(installed, tmp_path):
    script = "import multiweight as m, caffe_torch as c; print(m.__file__, c.__file__, c.__version__)"
    first, second, version = installed.run("python", "-c", script, folder=tmp_path).split()
    assert first.startswith(str(installed.bin.parent)) and second.startswith(str(installed.bin.parent))
    assert version == "1.0.0"
    assert installed.run("multiweight", "--version", folder=tmp_path) == f"multiweight {multiweight.__version__}\n"
    assert installed.run("python", "-m", "multiweight", "--version", folder=tmp_path).startswith("multiweight ")
    assert "device_query" in installed.run("caffe-torch", "--help", folder=tmp_path)


def test_without_torch_the_way_to_it_is_told_in_a_line(without_torch, tmp_path):
    output = without_torch.run("python", "-c", "import caffe_torch", folder=tmp_path, status=1)
    assert output.splitlines()[-1] == f"ImportError: {NO_TORCH}"
    for command in (("caffe-torch", "--help"), ("python", "-m", "caffe_torch", "train")):
        output = without_torch.run(*command, folder=tmp_path, status=1)
        assert output == f"error: {NO_TORCH}\n"
    arguments = ("--dataset", "tiny", "--variant", "multi_label")
    output = without_torch.run("multiweight", "train", *arguments, folder=tmp_path, status=2)
    assert output.count("\n") == 1 and output.startswith("error: ") and "pip install multiweight[torch]" in output


def test_without_torch_data_is_packed(without_torch, tmp_path):
    for command in (
        ("make-sample-shop", "shop", "--products", 12, "--size", 32),
        ("import-dataset", "shop", "--dataset", "tiny"),
        ("split", "--dataset", "tiny"),
        ("build-lmdb", "--dataset", "tiny", "--size", 32),
        ("verify-lmdb", "--dataset", "tiny"),
    ):
        output = without_torch.run("multiweight", *command, folder=tmp_path)
    assert "sound: " in output
