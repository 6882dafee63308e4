"""The YAML file of a run's settings: a section for each step, whose keys are the fields of the step's dataclass.

A value that the file does not give has the field's default; a flag that is given wins over both. The section
``methods`` has a section for each of the paper's methods that it names, with keys of ``solver`` that this method has
otherwise: its own learning rate, for one.
"""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NoReturn

from multiweight.base import flags as field_flags
from multiweight.base import yaml_file
from multiweight.base.errors import UserError
from multiweight.base.flags import TYPES
from multiweight.base.yaml_file import Node
from multiweight.datasets import importing
from multiweight.datasets.sample_shop.shop import ShopSettings
from multiweight.evaluate import settings as evaluate
from multiweight.features import settings as features
from multiweight.nets.settings import NetSettings
from multiweight.nets.solvers import SolverSettings
from multiweight.pack import chunks
from multiweight.paper.methods import METHODS
from multiweight.prepare import cleaning, split, subsets
from multiweight.report import settings as report

#: The sections, in the order of the steps.
SECTIONS: dict[str, type] = {
    "shop": ShopSettings,
    "import": importing.Settings,
    "clean": cleaning.Settings,
    "subset": subsets.Settings,
    "split": split.Settings,
    "pack": chunks.Settings,
    "net": NetSettings,
    "solver": SolverSettings,
    "features": features.Settings,
    "evaluate": evaluate.Settings,
    "report": report.Settings,
}
#: The section whose sections are methods, and the section whose keys those have.
OF_METHODS, THEIR_KEYS = "methods", "solver"
HERE = Path(__file__).parent
#: The files that the package has, by name.
SHIPPED = {path.stem: path for path in sorted(HERE.glob("*.yaml"))}


def flags(p: argparse.ArgumentParser, *sections: str) -> None:
    """``--settings``, and a flag for each field of the sections."""
    p.add_argument("--settings", metavar="FILE", help=f"a run's settings: {', '.join(SHIPPED)}, or a file like theirs")
    for section in sections:
        field_flags.from_fields(p, SECTIONS[section])


def chosen(args: argparse.Namespace, section: str, method: str | None = None) -> dict[str, Any]:
    """The values of a section that the file or a flag gives; those of ``method``, where the file has some for it."""
    file = load(args.settings) if args.settings else {}
    own = file.get(OF_METHODS, {}).get(method or "", {}) if section == THEIR_KEYS else {}
    return {**file.get(section, {}), **own, **field_flags.given(args, SECTIONS[section])}


def settings(args: argparse.Namespace, section: str) -> Any:
    """A section's dataclass with the values of the file and of the flags."""
    return SECTIONS[section](**chosen(args, section))


def load(name: str | Path) -> dict[str, dict[str, Any]]:
    """The values that a file gives, by section; ``name`` is a path, or the name of a file that the package has.

    UserError, with the line, for a section or key that is unknown, and a value of another type than its field's.
    """
    path = SHIPPED.get(str(name), Path(name))
    if path.suffix not in (".yaml", ".yml"):
        raise UserError(f"settings {name}: expected {', '.join(SHIPPED)}, or a file that ends in .yaml")
    root = yaml_file.read(path, "the settings")
    values_of: dict[str, dict[str, Any]] = {section: {} for section in SECTIONS}
    for section, (line, node) in _mapping(root, path, "the file").items():
        if section == OF_METHODS:
            values_of[section] = {}
            for method, (line, own) in _mapping(node, path, section).items():
                if method not in METHODS:
                    _unknown(path, line, f"{section}: method {method!r}", method, METHODS)
                values_of[section][method] = _section(own, path, f"{section}: {method}", SECTIONS[THEIR_KEYS])
        elif section in SECTIONS:
            values_of[section] = _section(node, path, section, SECTIONS[section])
        else:
            _unknown(path, line, f"section {section!r}", section, [*SECTIONS, OF_METHODS])
    return values_of


def _section(node: Node, path: Path, name: str, kind: type) -> dict[str, Any]:
    """The values of one section, whose keys are fields of the dataclass ``kind``."""
    known = {field.name: field for field in field_flags.fields(kind)}
    values = {}
    for key, (line, value) in _mapping(node, path, name).items():
        if key not in known:
            _unknown(path, line, f"{name}: key {key!r}", key, known)
        values[key] = _value(value, known[key], f"{path}:{line}: {name}: {key}")
    return values


def _mapping(node: Node | None, path: Path, what: str) -> dict[str, tuple[int, Node]]:
    if node is None or node.is_null:
        return {}
    if node.kind != "mapping":
        raise UserError(f"{path}:{node.line}: {what}: {node}: expected a mapping, `key: value` in each line")
    return node.fields


def _value(node: Node, field: Any, where: str) -> Any:
    kind, optional = field_flags.type_of(field)
    value = yaml_file.plain(node)
    if value is None and optional:
        return None
    if kind == "float" and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if type(value).__name__ != kind:
        raise UserError(f"{where}: {node}: expected {TYPES[kind][1]}")
    words = field.metadata["choices"]
    if words and value not in words:
        raise UserError(f"{where}: {value!r}: expected one of {', '.join(words)}")
    return value


def _unknown(path: Path, line: int, what: str, name: str, known: Iterable[str]) -> NoReturn:
    near = difflib.get_close_matches(name, list(known), 1)
    hint = f"did you mean {near[0]}?" if near else f"expected one of {', '.join(known)}"
    raise UserError(f"{path}:{line}: {what} is unknown: {hint}")
