"""How tests of docker/ run its scripts, and the programs that these find."""

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


DOCKER = ROOT / "docker"


def call(*words, path=None, user=None, env=None, cwd=None):
    """The finished process; ``path`` is put before PATH, or replaces it where it is a list."""
    full = dict(os.environ)
    full.pop("MULTIWEIGHT_OWN_MOUNTS", None)
    full.update(env or {})
    if path is not None:
        full["PATH"] = f"{path}:{full['PATH']}"
    return subprocess.run(
        [str(w) for w in words],
        capture_output=True,
        text=True,
        env=full,
        user=user,
        cwd=cwd,
        timeout=300,
        stdin=subprocess.DEVNULL,
    )


def refused(done, *words):
    """One line on standard error that starts with error: and has the words; status 2."""
    assert done.returncode == 2, done.stdout + done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("error: "), done.stderr
    for word in words:
        assert word in lines[0]
    return lines[0]


def program(folder, name, text):
    """A program of that name in ``folder``, for a condition that a test cannot make on the machine it runs on."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text("#!/bin/sh\n" + text + "\n")
    path.chmod(0o755)
    return folder
