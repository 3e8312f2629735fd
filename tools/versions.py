"""Runs the unit tests under every Python the project supports, and compares the logs they write.

`make versions` installs the project once for each interpreter it finds, into `.versions/`, and asks
each for the Merkle roots of two histories with fixed time and ids: they must be the same. A
supported version that this machine does not have is a failure, for nothing was shown about it.

Interpreters are looked for as `python3.12` on the path, then among those of pyenv and uv.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENTS = ROOT / ".versions"
_SAY_VERSION = "import sys; print(*sys.version_info[:2], sep='.')"


def main() -> int:
    """Try each; return 0 if all were there, passed, and wrote the same logs."""
    roots: dict[str, dict[str, str]] = {}
    wrong: list[str] = []
    for version in supported():
        interpreter = find(version)
        if interpreter is None:
            wrong.append(f"there is no Python {version} on this machine")
            continue
        python = install(version, interpreter)
        if run([python, "-m", "pytest", "-q", "-m", "unit"]).returncode:
            wrong.append(f"unit tests fail under Python {version}")
        told = run([python, "-m", "tests.integration.audit.roots"], quiet=True)
        if told.returncode:
            wrong.append(f"Python {version} could not write the logs: {told.stderr.strip()}")
        else:
            roots[version] = json.loads(told.stdout)["roots"]
    print()
    for version, found in roots.items():
        for name, root in found.items():
            print(f"Python {version}  {name:<6} {root}")
    if len({json.dumps(found, sort_keys=True) for found in roots.values()}) > 1:
        wrong.append("the roots differ")
    print(*wrong or [f"{len(roots)} versions of Python, the same roots"], sep="\n")
    return 1 if wrong else 0


def supported() -> list[str]:
    """Return the versions that the project says it supports, such as `3.12`."""
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    matches = (re.search(r":: (3\.\d+)$", it) for it in declared["project"]["classifiers"])
    return [match[1] for match in matches if match]


def find(version: str) -> Path | None:
    """Return an interpreter of that version which starts, or None."""
    for candidate in candidates(version):
        # Some that are found do not start: pyenv's shims need a version that is switched on.
        asked = run(
            [candidate, "-c", "import sys; print(*sys.version_info[:2], sep='.')"], quiet=True
        )
        if asked.returncode == 0 and asked.stdout.strip() == version:
            return candidate
    return None


def candidates(version: str) -> Iterator[Path]:
    """Yield what may be an interpreter of that version."""
    found = shutil.which(f"python{version}")
    if found:
        yield Path(found)
    if shutil.which("pyenv"):
        folder = Path(run(["pyenv", "root"], quiet=True).stdout.strip()) / "versions"
        yield from sorted(folder.glob(f"{version}.*/bin/python{version}"))
    if shutil.which("uv"):
        # No download: only what the machine has.
        asked = run(["uv", "python", "find", "--no-python-downloads", version], quiet=True)
        if asked.returncode == 0:
            yield Path(asked.stdout.strip())


def install(version: str, interpreter: Path) -> Path:
    """Install the project and its tests as `make test` would; return the environment's Python."""
    environment = ENVIRONMENTS / version
    print(f"\nPython {version}: {interpreter}", flush=True)
    relative = environment.relative_to(ROOT)
    run(["make", f"PY={interpreter}", f"VENV={relative}", f"{relative}/.dev"], check=True)
    return environment / "bin" / "python"


def run(
    command: list[str | Path], *, quiet: bool = False, check: bool = False
) -> subprocess.CompletedProcess[Any]:
    """Run a program in the project's folder; what a quiet one prints is kept."""
    return subprocess.run(command, cwd=ROOT, capture_output=quiet, text=True, check=check)


if __name__ == "__main__":
    sys.exit(main())
