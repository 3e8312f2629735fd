"""Adds the golden file of every type and schema that has none yet: `python -m tests.golden.add`."""

from __future__ import annotations

from tests.golden.corpus import Golden, plain, read_corpus, write
from tests.unit.infrastructure.event_store.examples import EXAMPLES
from tests.unit.infrastructure.event_store.test_body import CODEC, body_of
from traderbot.infrastructure.event_store.body import GENESIS, leaf_hash
from traderbot.infrastructure.event_store.event_types import EVENT_TYPES

_ID = "0192f0c1-0000-7000-8000-000000000002"


def main() -> None:
    """Write what is missing; each links to the one before, as if all were one stream."""
    known = read_corpus()
    have = {(it.type, it.schema) for it in known}
    prev = bytes.fromhex(known[-1].leaf_hash) if known else GENESIS
    for name, (_, schema) in EVENT_TYPES.items():
        if (name, schema) not in have:
            body = body_of(EXAMPLES[name], prev=prev, stream=f"{name.partition('.')[0]}-{_ID}")
            prev = leaf_hash(body)
            event = CODEC.event_of(body)  # equal to the example; amounts in the digits as stored
            assert event == EXAMPLES[name]
            golden = Golden(name, schema, body.decode(), prev.hex(), plain(event))
            write(golden)
            print(golden.name)  # noqa: T201 - what it did


if __name__ == "__main__":
    main()
