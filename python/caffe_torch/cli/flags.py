"""Flags as gflags and glog take them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from caffe_torch.errors import CaffeError
from caffe_torch.runtime import log

#: glog's flags, which mean nothing here as the log always goes to standard error: switches, and flags with a value.
_SWITCHES = (
    "logtostderr", "alsologtostderr", "colorlogtostderr", "logtostdout", "colorlogtostdout", "log_prefix",
    "log_utc_time", "log_year_in_prefix", "stop_logging_if_full_disk", "drop_log_memory", "symbolize_stacktrace",
    "timestamp_in_logfile_name",
)  # fmt: skip
_VALUES = (
    "stderrthreshold", "v", "vmodule", "logbufsecs", "logbuflevel", "max_log_size", "log_link", "log_backtrace_at",
    "alsologtoemail", "logemaillevel", "logmailer", "logfile_mode", "logcleansecs",
)  # fmt: skip
_TRUE, _FALSE = ("true", "t", "yes", "y", "1"), ("false", "f", "no", "n", "0")

Value = bool | int | str


def _split(word: str) -> tuple[str, str | None]:
    """(name, what follows its ``=``) of a flag, its name with _ for each -; no name for any other word."""
    flag = re.fullmatch(r"--?([A-Za-z][\w-]*)(?:=(.*))?", word, re.DOTALL)
    return (flag.group(1).replace("-", "_"), flag.group(2)) if flag else ("", None)


def with_underscores(words: Sequence[str]) -> list[str]:
    """The words with each flag's name written with _, as gflags 2.2 takes ``--log-dir`` for ``--log_dir``."""
    written = []
    for word in words:
        name, value = _split(word)
        written.append(word if not name else f"--{name}" if value is None else f"--{name}={value}")
    return written


def drop_glog_flags(words: Sequence[str]) -> list[str]:
    """The words of a command line that are none of glog's flags, nor their values."""
    left = []
    rest = iter(words)
    for word in rest:
        name, value = _split(word)
        if name in _VALUES:
            if value is None:
                next(rest, None)
        elif name not in _SWITCHES and not (name.startswith("no") and name[2:] in _SWITCHES):
            left.append(word)
    return left


def set_log(least: int | None, folder: str) -> None:
    """What --minloglevel and --log_dir ask for; None and "" change nothing."""
    if least is not None:
        log.init_log(least)
    if folder:
        log.copy_to(folder)


def parse(words: Sequence[str], defaults: Mapping[str, Value]) -> tuple[dict[str, Any], list[str]]:
    """The flags of ``defaults``, anywhere among ``words``, and the other words.

    A flag is of its default's type; its name may have - for _. One of a bool is ``--gray``, ``--nogray`` or
    ``--gray=true``; others take the next word where no ``=`` follows. Words after ``--`` are no flags. --minloglevel
    and --log_dir are always taken, and done. CaffeError for other flags and for values of another type.
    """
    defaults = {**defaults, "minloglevel": -1, "log_dir": ""}
    values: dict[str, Any] = dict(defaults)
    left: list[str] = []
    rest = iter(words)
    for word in rest:
        if word == "--":
            left += rest
            break
        name, given = _split(word)
        if not name:
            left.append(word)
        elif isinstance(defaults.get(name), bool):
            values[name] = _boolean(name, "true" if given is None else given)
        elif name[:2] == "no" and isinstance(defaults.get(name[2:]), bool) and given is None:
            values[name[2:]] = False
        elif name not in defaults:
            raise CaffeError(f"unknown flag --{name}; known are {', '.join('--' + known for known in defaults)}")
        else:
            text = next(rest, None) if given is None else given
            if text is None:
                raise CaffeError(f"--{name} needs a value")
            values[name] = _whole(name, text) if isinstance(defaults[name], int) else text
    least, folder = values.pop("minloglevel"), values.pop("log_dir")
    set_log(None if least < 0 else least, folder)
    return values, left


def _boolean(name: str, text: str) -> bool:
    if text.lower() not in _TRUE + _FALSE:
        raise CaffeError(f"--{name}={text}: expected true or false")
    return text.lower() in _TRUE


def _whole(name: str, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise CaffeError(f"--{name}={text}: expected a whole number") from None


def comma_separated(value: str) -> list[str]:
    """The names in a flag's value, such as those of ``--stage``."""
    return [name for name in value.split(",") if name]
