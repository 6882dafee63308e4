"""How this toolkit runs on a machine with a GPU, measured in under 8 minutes: a table on the screen, and one JSON file.

    python benchmarks/gpu_check [--parts "machine layers nets"] [--wheels FOLDER] [--out FILE]

Each part runs in a process of its own and fails by itself, with one line; the rest goes on. Any Python from 3.10 with
PyTorch from 2.6 does: the other packages may come from a folder of wheels. Nothing is downloaded; photos and features
are drawn. Without a GPU the same runs at toy size on the emulated accelerator of tests/, which proves that it runs and
measures nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import packages  # noqa: E402
import parts  # noqa: E402


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", default="", help=f"some of: {' '.join(parts.NAMES)} (all)")
    parser.add_argument("--wheels", type=Path, help="a folder of wheels, for packages that this Python lacks")
    parser.add_argument("--out", type=Path, default=Path("build/gpu_check.json"))
    parser.add_argument("--one", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        return parts.run(args.one, args.out)
    chosen = args.parts.replace(",", " ").split() or list(parts.NAMES)
    if unknown := [name for name in chosen if name not in parts.NAMES]:
        print(f"error: PARTS={' '.join(unknown)}: expected some of {' '.join(parts.NAMES)}", file=sys.stderr)
        return 2
    try:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.touch()
    except OSError as error:
        print(f"error: --out {args.out}: cannot be written ({error.strerror})", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="gpu-check-") as folder:
        added = packages.unpack(args.wheels, Path(folder) / "packages") if args.wheels else []
        results = {name: _one(name, Path(folder), added) for name in chosen}
    args.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(f"\nwritten to {args.out}")
    return int(any("error" in result for result in results.values()))


def _one(name: str, folder: Path, added: list[Path]) -> dict:
    """The part's result with its seconds, printed; ``{"error": one line}`` where it failed."""
    out, begun = folder / f"{name}.json", time.monotonic()
    paths = [str(path) for path in (*added, parts.REPOSITORY / "python")]
    if os.environ.get("PYTHONPATH"):
        paths.append(os.environ["PYTHONPATH"])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "GLOG_minloglevel": "2"}
    command = [sys.executable, str(HERE), "--one", name, "--out", str(out)]
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, timeout=parts.NAMES[name]
        )
        lines = [line for line in done.stderr.splitlines() if line.strip()] or [f"ended with status {done.returncode}"]
        result = json.loads(out.read_text()) if out.exists() else {"error": lines[-1][:300]}
    except subprocess.TimeoutExpired:
        result = {"error": f"not done in {parts.NAMES[name]} s"}
    result["seconds"] = round(time.monotonic() - begun, 1)
    print(f"\n{name} ({result['seconds']} s)")
    for key, value in result.items():
        if key != "seconds":
            print(f"  {key:<34} {value if not isinstance(value, list) else ', '.join(map(str, value))}")
    sys.stdout.flush()
    return result


if __name__ == "__main__":
    sys.exit(main())
