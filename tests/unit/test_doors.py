"""Where the demonstration keeps what it makes."""

from __future__ import annotations

from pathlib import Path

import pytest

from traderbot.doors import _bundle_beside, _fresh


@pytest.mark.parametrize("left", ["demo.db", "demo.db.anchors.jsonl", "demo-bundle"])
def test_a_demo_begins_where_nothing_is_left_of_another(tmp_path: Path, left: str) -> None:
    assert _fresh(tmp_path / "nowhere").name == "demo.db"
    assert _fresh(tmp_path).name == "demo.db"
    (tmp_path / left).mkdir()
    assert _fresh(tmp_path).name == "demo-2.db"
    (tmp_path / left.replace("demo", "demo-2", 1)).mkdir()
    assert _fresh(tmp_path).name == "demo-3.db"


def test_a_bundle_gets_a_new_folder_beside_its_database(tmp_path: Path) -> None:
    database = tmp_path / "mine.db"
    for name in ("mine-bundle", "mine-bundle-2", "mine-bundle-3"):
        assert _bundle_beside(database) == tmp_path / name
        (tmp_path / name).mkdir()
