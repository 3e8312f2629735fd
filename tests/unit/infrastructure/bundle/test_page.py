"""What docs/verify.md prints is what is shipped."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.bundles import SHIPPED, events, write_bundle

PAGE = Path(__file__).parents[4] / "docs" / "verify.md"


@pytest.mark.parametrize("name", ["verify.py", "verify.mjs", "verify_proof.py", "verify_proof.mjs"])
def test_a_script_on_the_page_is_the_one_that_is_shipped(name: str) -> None:
    fence = "py" if name.endswith(".py") else "js"
    printed = re.findall(
        rf"^### {re.escape(name)}\n\n```{fence}\n(.*?)^```$",
        PAGE.read_text(),
        re.DOTALL | re.MULTILINE,
    )
    assert printed == [(SHIPPED / name).read_text()]


def commands(text: str) -> str:
    """Return the lines about OpenSSL, without their margin."""
    lines = [line.strip() for line in text.splitlines()]
    start = next(at for at, line in enumerate(lines) if line.startswith("cut -d+"))
    return "\n".join(lines[start : start + 5])


@pytest.mark.parametrize("source", ["docs/verify.md", "README.txt"])
def test_openssl_checks_the_signature_with_the_commands_that_are_printed(
    tmp_path: Path, source: str
) -> None:
    assert shutil.which("openssl"), "OpenSSL 3 is needed: apt-get install openssl"
    page = PAGE if source.startswith("docs") else SHIPPED / source
    script = commands(page.read_text())
    folder = write_bundle(tmp_path, events(3))

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["/bin/sh", "-e", "-c", script],
            cwd=folder,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    assert run().returncode == 0
    path = folder / "checkpoint"
    size = path.read_text().replace("\n3\n", "\n4\n")
    path.write_text(size)
    assert run().returncode != 0
