"""The same databases as the contracts have."""

from __future__ import annotations

from tests.contract.conftest import desk, migrated_database, migrated_file, sql_store, store

__all__ = ["desk", "migrated_database", "migrated_file", "sql_store", "store"]
