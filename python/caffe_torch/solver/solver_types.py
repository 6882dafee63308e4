"""The solver's classes by type, with pycaffe's names, and the choice among them by a prototxt's ``type``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from caffe_torch.solver.solver import Solver, read_parameter


class SGDSolver(Solver):
    rule = "SGD"


class NesterovSolver(SGDSolver):
    rule = "Nesterov"


class AdaGradSolver(SGDSolver):
    rule = "AdaGrad"


class RMSPropSolver(SGDSolver):
    rule = "RMSProp"


class AdaDeltaSolver(SGDSolver):
    rule = "AdaDelta"


class AdamSolver(SGDSolver):
    rule = "Adam"


_CLASSES = (SGDSolver, NesterovSolver, AdaGradSolver, RMSPropSolver, AdaDeltaSolver, AdamSolver)


def get_solver(solver_file: str | bytes | Path | Any) -> Solver:
    """The solver of the type that its prototxt, or a SolverParameter, names, as an object of that type's class."""
    param, source = read_parameter(solver_file)
    cls = next((cls for cls in _CLASSES if cls.rule == param.type), Solver)
    return cls(param, source)
