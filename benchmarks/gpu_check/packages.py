"""Packages from a folder of wheels, for a machine that has PyTorch and no network."""

from __future__ import annotations

import platform
import sys
import zipfile
from pathlib import Path


def unpack(wheels: Path, target: Path) -> list[Path]:
    """Unpack those of the ``wheels`` that fit this Python into ``target``; the folders to put on the path."""
    if not wheels.is_dir():
        sys.exit(f"error: --wheels {wheels}: no such folder")
    fitting = [wheel for wheel in sorted(wheels.glob("*.whl")) if fits(wheel.name)]
    if not fitting:
        here = f"Python 3.{sys.version_info[1]} on {sys.platform} {platform.machine()}"
        sys.exit(f"error: --wheels {wheels}: no wheel there is for {here}")
    for wheel in fitting:
        try:
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(target)
        except (zipfile.BadZipFile, OSError) as error:
            sys.exit(f"error: {wheel}: is no whole wheel ({error}): copy it again")
    return [target]


def fits(name: str) -> bool:
    """Whether a wheel of this file name, NAME-VERSION(-BUILD)-PYTHON-ABI-PLATFORM.whl, is for this Python here."""
    parts = name.removesuffix(".whl").split("-")
    if len(parts) < 5:
        return False
    pythons, abis, platforms = (part.split(".") for part in parts[-3:])
    minor = sys.version_info[1]
    exact = f"cp3{minor}" in pythons and f"cp3{minor}" in abis
    stable = "abi3" in abis and any(int(tag[3:] or 0) <= minor for tag in pythons if tag.startswith("cp3"))
    pure = "none" in abis and "py3" in pythons
    systems = {"linux": ("linux", "manylinux"), "darwin": ("macosx",)}.get(sys.platform, ("win",))
    there = any(tag.startswith(systems) and tag.endswith(platform.machine()) for tag in platforms)
    return (exact or stable or pure) and (there or "any" in platforms)
