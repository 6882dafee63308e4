"""How layer types are written to ONNX, one module a family; importing this package fills the registry."""

import importlib
import pkgutil

for _module in pkgutil.walk_packages(__path__, __name__ + "."):
    importlib.import_module(_module.name)
