"""Flags as gflags takes them: anywhere, with one dash or two, bools by their name alone or after no."""

import pytest

from caffe_torch import CaffeError
from caffe_torch.cli.flags import drop_glog_flags, parse, with_underscores

DEFAULTS = {"gray": False, "backend": "lmdb", "height": 0, "max_side": 0}


@pytest.mark.parametrize(
    "words, values, other_words",
    [
        ("a b c", {}, "a b c"),
        ("--gray a --height=3 b -backend leveldb", {"gray": True, "height": 3, "backend": "leveldb"}, "a b"),
        ("-gray=true a", {"gray": True}, "a"),
        ("--gray --gray=0 a", {"gray": False}, "a"),
        ("--gray --nogray a", {"gray": False}, "a"),
        ("--backend= a", {"backend": ""}, "a"),
        ("--height -2 a", {"height": -2}, "a"),
        ("--max-side=4 -max-side 5 a", {"max_side": 5}, "a"),
        ("--backend --a-b a", {"backend": "--a-b"}, "a"),
        ("-- --gray -", {}, "--gray -"),
        ("a -5 -", {}, "a -5 -"),
    ],
)
def test_flags_and_other_words(words, values, other_words):
    assert parse(words.split(), DEFAULTS) == ({**DEFAULTS, **values}, other_words.split())


@pytest.mark.parametrize(
    "words, message",
    [
        ("--grey a", "unknown flag --grey; known are --gray, --backend, --height, --max_side, --minloglevel"),
        ("--height=tall", "--height=tall: expected a whole number"),
        ("--gray=maybe", "--gray=maybe: expected true or false"),
        ("a --height", "--height needs a value"),
        ("--no-gray", "unknown flag --no_gray"),
        ("--nobackend", "unknown flag --nobackend"),
    ],
)
def test_mistakes(words, message):
    with pytest.raises(CaffeError, match=message):
        parse(words.split(), DEFAULTS)


def test_glogs_flags_are_passed_over():
    words = "-logtostderr --v 2 --nolog_prefix --stderrthreshold=0 --gray a --colorlogtostderr=false".split()
    assert drop_glog_flags(words) == ["--gray", "a"]


def test_a_flags_name_may_have_hyphens():
    """gflags 2.2's: caffe device_query -log-dir=a-b sets log_dir."""
    words = "train -log-dir=a-b --sigint-effect none -5 - a-b --x".split()
    assert with_underscores(words) == "train --log_dir=a-b --sigint_effect none -5 - a-b --x".split()
    assert drop_glog_flags(["--log-prefix", "--nolog-prefix", "--log-link", "x", "a"]) == ["a"]
