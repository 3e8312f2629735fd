"""PostgreSQL refuses to run as root: the account it runs under instead, and its folders."""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

# A socket's path is limited to 103 characters on macOS, 107 on Linux; names below need about 30.
_LONGEST_FOLDER = 60


@dataclass(frozen=True, slots=True)
class Account:
    """A user of the operating system, with the user's own group."""

    uid: int
    gid: int


def unprivileged() -> Account | None:
    """Return the account to step down to when this process is root, else None."""
    if os.geteuid() != 0:
        return None
    nobody = pwd.getpwnam("nobody")
    return Account(nobody.pw_uid, nobody.pw_gid)


def private_folder(prefix: str, account: Account | None = None) -> Path:
    """Make an empty folder that only `account` (or this user) may enter, with a short path."""
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=_parent_for(account)))
    give(folder, account)
    return folder


def give(path: Path, account: Account | None) -> None:
    """Make `account` the owner of a file or folder; None changes nothing."""
    if account is not None:
        os.chown(path, account.uid, account.gid)


def copy_install(install: Path, target: Path) -> Path:
    """Copy a server below `target`, readable by everybody who may enter it; return the copy.

    Wheels keep the shared libraries outside the server's own folder and find them by relative
    path, so the copy keeps the folders' places to each other.
    """
    package = install.parent
    copy = target / package.name / install.name
    shutil.copytree(install, copy, ignore=shutil.ignore_patterns("include", "*.a"))
    for libraries in (package.with_name(f"{package.name}.libs"), package / ".dylibs"):
        if libraries.is_dir():
            shutil.copytree(libraries, target / libraries.relative_to(package.parent))
    for path in (target, *target.rglob("*")):
        if not path.is_symlink():
            # Capital X of chmod: a folder or a program stays one for everybody.
            mode = stat.S_IMODE(path.stat().st_mode)
            path.chmod(mode | 0o444 | (0o111 if mode & stat.S_IXUSR else 0))
    return copy


def _parent_for(account: Account | None) -> Path:
    usual = Path(tempfile.gettempdir()).resolve()
    short = len(str(usual)) <= _LONGEST_FOLDER
    return usual if short and (account is None or _open_to_all(usual)) else Path("/tmp")  # noqa: S108


def _open_to_all(folder: Path) -> bool:
    return all(path.stat().st_mode & stat.S_IXOTH for path in (folder, *folder.parents))
