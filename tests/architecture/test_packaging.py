"""What lies in `src` reaches the user: every package, and every file that is not Python."""

from __future__ import annotations

import re
import runpy
import tomllib
from pathlib import Path
from typing import Any

import pytest

_ROOT = Path(__file__).parents[2]
_SRC = _ROOT / "src"
_PIN = re.compile(r"[a-z0-9._-]+==[0-9][a-z0-9.+!]*( ; .+)?")


def test_every_folder_with_code_is_a_package() -> None:
    with_code = {path.parent for path in _files() if path.suffix == ".py"}
    assert [folder for folder in with_code if not (folder / "__init__.py").exists()] == []


def test_the_wheel_has_every_package(monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Any] = {}
    monkeypatch.setattr("setuptools.setup", given.update)
    monkeypatch.chdir(_ROOT)
    runpy.run_path("setup.py")
    assert given["package_dir"] == {"traderbot": "src"}
    assert set(given["packages"]) == {
        _package(path.parent) for path in _files() if path.name == "__init__.py"
    }


def test_the_wheel_has_every_file_that_is_not_python() -> None:
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text())
    patterns = project["tool"]["setuptools"]["package-data"]
    forgotten = [
        str(path.relative_to(_SRC))
        for path in _files()
        if path.suffix != ".py"
        and not any(path.match(pattern) for pattern in patterns.get(_package(path.parent), ()))
    ]
    assert forgotten == []


def test_type_checkers_of_users_see_the_types() -> None:
    assert (_SRC / "py.typed").exists()


def test_our_type_checker_sees_src_under_its_name() -> None:
    assert (_ROOT / "tools/typing/traderbot").resolve() == _SRC


def test_constraints_are_versions_only() -> None:
    # A lock file names the registry of whoever made it; this one must work for everybody.
    lines = (_ROOT / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if line and not line.lstrip().startswith("#")]
    assert [line for line in lines if "://" in line] == []
    assert [pin for pin in pins if not _PIN.fullmatch(pin)] == []


def _files() -> list[Path]:
    return [path for path in _SRC.rglob("*") if path.is_file() and "__pycache__" not in path.parts]


def _package(folder: Path) -> str:
    return ".".join(["traderbot", *folder.relative_to(_SRC).parts])
