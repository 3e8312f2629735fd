"""The two verifiers hold against bundles that other libraries made, and against forged ones."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from tests.bundles import (
    NODE,
    NODE_ADVICE,
    SHIPPED,
    VERIFIERS,
    Notary,
    Said,
    body_of,
    canonical,
    events,
    files_of,
    python_says,
    root_of,
    write_bundle,
)
from tests.reference.merkle import leaf

Verifier = Callable[..., Said]
Change = tuple[Path, int, int]  # a file, the place of a byte in it, what stands there now
SIZES = (0, 1, 2, 3, 255, 256, 257, 513)
STRANGER = Notary(seed=bytes(32))

# The scripts leave their files to the end of their process; here that is the end of the tests.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


@pytest.fixture(params=sorted(VERIFIERS))
def verifier(request: pytest.FixtureRequest) -> Verifier:
    return VERIFIERS[request.param]


def index_of(said: Said) -> int:
    """Return the index that a verifier names, of a bundle that is wrong."""
    assert said.code == 1, said
    found = re.match(r"index (\d+)(?: or later)?: .", said.text)
    assert found, said
    return int(found[1])


def test_node_is_here() -> None:
    assert NODE, NODE_ADVICE


# --- what is right ----------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
def test_what_other_libraries_made_is_verified(
    verifier: Verifier, tmp_path: Path, size: int
) -> None:
    bodies = events(size)
    anchors = sorted({0, 1, size // 2, size} & set(range(size + 1)))
    folder = write_bundle(tmp_path, bodies, anchors=anchors)
    streams = min(3, size)
    assert verifier(folder) == Said(
        0,
        f"verified: {size} events, {streams} streams, root {root_of(bodies).hex()}, "
        "signed by example.org/log (98af023b)\n",
    )


def test_the_key_may_come_in_a_file_of_any_system(verifier: Verifier, tmp_path: Path) -> None:
    folder = write_bundle(tmp_path / "bundle", events(3))
    known = tmp_path / "known.vkey"
    for ending in ("", "\n", "\r\n", "\n\n"):
        known.write_bytes(f"{Notary().vkey}{ending}".encode())
        assert verifier(folder, known).code == 0


def test_letters_of_all_the_world_are_bytes_like_others(verifier: Verifier, tmp_path: Path) -> None:
    said = '"\\ \u2028 \x7f Ω 漢字 🙂 ﷽ \ufeff \ufffd \x01 é é '
    assert verifier(write_bundle(tmp_path, events(5, said=said), anchors=[2])).code == 0


def test_a_body_may_be_as_long_as_an_entry_can_be(verifier: Verifier, tmp_path: Path) -> None:
    empty = len(body_of("order-1", 1, "0" * 64, ""))
    longest = body_of("order-1", 1, "0" * 64, "x" * (65_535 - empty))
    assert len(longest) == 65_535
    after = body_of("order-1", 2, leaf(longest).hex(), "and on")
    assert verifier(write_bundle(tmp_path, [longest, after])).code == 0


def test_the_lines_of_an_anchor_file_are_anchors_too(verifier: Verifier, tmp_path: Path) -> None:
    bodies = events(4)
    folder = write_bundle(tmp_path, bodies)
    root = root_of(bodies[:2])
    line = {"at": "2026-01-01T00:00:00.000000Z", "epoch": 1, "note": Notary().note(2, root)}
    line |= {"origin": Notary().name, "root": root.hex(), "size": 2}
    (folder / "anchors/anchors.jsonl").write_bytes(canonical(line) + b"\n")
    assert verifier(folder).code == 0


# --- one bit ----------------------------------------------------------------------------------


def whose(folder: Path, path: Path, place: int) -> range:
    """Return the indexes of which a verifier may name one, if this byte is wrong."""
    name = path.relative_to(folder).as_posix()
    content = path.read_bytes()
    if name == "events.jsonl":
        index = content[:place].count(b"\n")
        return range(index, index + 1)
    kind, number = re.match(r"tile/(\w+)/(\d{3})", name).groups()  # type: ignore[union-attr]
    first = 256 * int(number)
    if kind == "entries":
        start, index = 0, first
        while place >= (end := start + 2 + int.from_bytes(content[start : start + 2], "big")):
            start, index = end, index + 1
        return range(index, index + 1)
    span = 256 ** int(kind)
    node = first + place // 32
    return range(node * span, (node + 1) * span)


def flips(seed: str, of: list[Path], most: int | None = None) -> list[Change]:
    """Return every byte of some files, each with one random bit of it turned over."""
    random = Random(seed)  # noqa: S311 - a sample
    found = [
        (path, place, byte ^ (1 << random.randrange(8)))
        for path in of
        for place, byte in enumerate(path.read_bytes())
    ]
    return found if most is None else random.sample(found, most)


def by_python(folder: Path, changes: list[Change]) -> list[Said]:
    said = []
    for path, place, byte in changes:
        before = path.read_bytes()
        path.write_bytes(before[:place] + bytes([byte]) + before[place + 1 :])
        said.append(python_says("verify.py", folder))
        path.write_bytes(before)
    return said


def by_node(folder: Path, changes: list[Change]) -> list[Said]:
    assert NODE, NODE_ADVICE
    work = {
        "script": str(SHIPPED / "verify.mjs"),
        "arguments": [str(folder)],
        "changes": [(str(path), place, byte) for path, place, byte in changes],
    }
    done = subprocess.run(
        [NODE, Path(__file__).with_name("many.mjs")],
        input=json.dumps(work),
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    return [Said(code, line) for code, line in json.loads(done.stdout)]


def check_flips(folder: Path, changes: list[Change], said: list[Said]) -> None:
    assert len(said) == len(changes)
    for (path, place, _), each in zip(changes, said, strict=True):
        # A key that cannot be read lets nothing be looked at.
        assert each.code in ((1, 2) if path.name == "log.vkey" else (1,)), (path, place, each)
        if path.name == "events.jsonl" or "tile" in path.parts:
            assert index_of(each) in whose(folder, path, place), (path, place, each)


@pytest.mark.parametrize("check", [by_python, by_node])
def test_one_wrong_bit_in_any_byte_is_found_and_named(
    check: Callable[..., list[Said]], tmp_path: Path
) -> None:
    folder = write_bundle(tmp_path, events(7, said="é"), anchors=[2, 5])
    changes = flips(check.__name__, sorted(it for it in folder.rglob("*") if it.is_file()))
    assert len(changes) > 3_000
    check_flips(folder, changes, check(folder, changes))
    assert python_says("verify.py", folder).code == 0  # all is as it was


@pytest.mark.parametrize("check", [by_python, by_node])
def test_one_wrong_bit_in_a_longer_log_is_found_and_named(
    check: Callable[..., list[Said]], tmp_path: Path
) -> None:
    folder = write_bundle(tmp_path, events(513), anchors=[100, 300])
    everything = sorted(it for it in folder.rglob("*") if it.is_file())
    upper = [it for it in everything if "tile/1" in it.as_posix()]
    assert len(upper) == 1
    changes = flips(check.__name__, everything, 60) + flips("1", upper, 20)
    check_flips(folder, changes, check(folder, changes))


def test_every_bit_of_checkpoint_and_key_counts(tmp_path: Path) -> None:
    folder = write_bundle(tmp_path, events(1))
    changes = [
        (path, place, byte ^ (1 << bit))
        for path in (folder / "checkpoint", folder / "log.vkey")
        for place, byte in enumerate(path.read_bytes())
        for bit in range(8)
    ]
    check_flips(folder, changes, by_python(folder, changes))


# --- more than one bit ------------------------------------------------------------------------


def write_files(folder: Path, bodies: list[bytes]) -> None:
    """Replace everything that follows from the bodies, as a careful forger would."""
    for path in sorted(folder.glob("tile/**/*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    for name, content in files_of(bodies).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def edited(bodies: list[bytes], index: int) -> list[bytes]:
    """Return bodies of which one says something else, without new links."""
    return [*bodies[:index], bodies[index].replace(b'"said":"', b'"said":"+'), *bodies[index + 1 :]]


FORGERIES: dict[str, Callable[[list[bytes]], list[bytes]]] = {
    "edit": lambda it: edited(it, 10),
    "edit of the last of a stream": lambda it: edited(it, 38),
    "swap": lambda it: [*it[:10], it[11], it[10], *it[12:]],
    "duplicate": lambda it: [*it[:11], it[10], *it[11:39]],
    "insert": lambda it: [*it[:10], body_of("order-x", 1, "0" * 64, "new"), *it[10:39]],
    "leave out": lambda it: [*it[:10], *it[11:], body_of("order-x", 1, "0" * 64, "new")],
    "turn round": lambda it: it[::-1],
    "write anew": lambda it: events(len(it), said="other"),
}


@pytest.mark.parametrize("forgery", sorted(FORGERIES))
@pytest.mark.parametrize("anchors", [(), (7, 20)], ids=["no anchor", "anchors"])
def test_a_forgery_with_everything_else_made_to_fit_does_not_lead_to_the_root(
    verifier: Verifier, tmp_path: Path, forgery: str, anchors: tuple[int, ...]
) -> None:
    bodies = events(40)
    folder = write_bundle(tmp_path, bodies, anchors=anchors)
    forged = FORGERIES[forgery](bodies)
    assert len(forged) == len(bodies)
    first = next(index for index in range(40) if forged[index] != bodies[index])
    write_files(folder, forged)
    named = index_of(verifier(folder))
    # Of a forgery that keeps its links only the anchors tell where it began.
    known = max([0, *(size for size in anchors if size <= first)])
    assert named == known or named in range(first, first + 4)


@pytest.mark.parametrize("kept", [0, 1, 39])
def test_a_log_cut_short_is_not_the_one_that_was_signed(
    verifier: Verifier, tmp_path: Path, kept: int
) -> None:
    folder = write_bundle(tmp_path, events(40))
    write_files(folder, events(40)[:kept])
    assert index_of(verifier(folder)) == 0  # there is no tile of that width


def test_a_log_that_goes_on_behind_its_checkpoint_is_refused(
    verifier: Verifier, tmp_path: Path
) -> None:
    folder = write_bundle(tmp_path, events(3))
    for name in ("events.jsonl", "tile/entries/000.p/3", "tile/0/000.p/3"):
        longer = folder / name
        before = longer.read_bytes()
        longer.write_bytes(before + b"\n")
        assert verifier(folder).code == 1
        longer.write_bytes(before)
    assert verifier(folder).code == 0


@pytest.mark.parametrize("name", ["checkpoint", "events.jsonl", "anchors/anchors.jsonl"])
def test_a_missing_file_is_no_verified_log(verifier: Verifier, tmp_path: Path, name: str) -> None:
    folder = write_bundle(tmp_path, events(3))
    (folder / name).unlink()
    assert verifier(folder).code == 1


def test_a_missing_tile_is_named(verifier: Verifier, tmp_path: Path) -> None:
    folder = write_bundle(tmp_path, events(513))
    for name, first in (("tile/0/001", 256), ("tile/entries/001", 256), ("tile/1/000.p/2", 255)):
        path = folder / name
        content = path.read_bytes()
        path.unlink()
        assert index_of(verifier(folder)) == first
        path.write_bytes(content)


@pytest.mark.parametrize("part", [0, 1, -1])
def test_cut_entries_are_found_at_the_cut(verifier: Verifier, tmp_path: Path, part: int) -> None:
    folder = write_bundle(tmp_path, events(5))
    path = folder / "tile/entries/000.p/5"
    whole = path.read_bytes()
    start = len(whole) - len(events(5)[4]) - 2
    path.write_bytes(whole[: start + part] if part >= 0 else whole[:-1])
    assert index_of(verifier(folder)) == 4


# --- who signed -------------------------------------------------------------------------------


def test_a_log_signed_with_another_key_is_another_log(verifier: Verifier, tmp_path: Path) -> None:
    forged = write_bundle(tmp_path / "forged", events(9, said="!"), notary=STRANGER)
    known = tmp_path / "known.vkey"
    known.write_text(Notary().vkey)
    assert verifier(forged).code == 0  # by the key that the forger put into it
    refused = verifier(forged, known)
    assert (refused.code, refused.text.startswith("log.vkey: ")) == (1, True)
    (forged / "log.vkey").write_text(f"{Notary().vkey}\n")
    refused = verifier(forged, known)
    assert (refused.code, refused.text.startswith("checkpoint of 9: ")) == (1, True)


def test_the_name_of_a_key_is_a_part_of_it(verifier: Verifier, tmp_path: Path) -> None:
    folder = write_bundle(tmp_path / "bundle", events(2))
    known = tmp_path / "known.vkey"
    for wrong in (
        Notary(name="example.org/lag").vkey,
        Notary().vkey.replace("log", "lag"),
        "",
        "+",
    ):
        known.write_text(wrong)
        assert verifier(folder, known).code in (1, 2)


def test_what_a_thief_of_the_key_rewrites_only_an_anchor_tells(
    verifier: Verifier, tmp_path: Path
) -> None:
    true, forged = events(12), events(12, said="!")
    folder = write_bundle(tmp_path, forged)
    assert verifier(folder).code == 0  # the window of which the page warns
    note = Notary().note(5, root_of(true[:5]))
    (folder / "anchors/anchors.jsonl").write_bytes(canonical({"note": note}) + b"\n")
    assert index_of(verifier(folder)) == 0
    (folder / "anchors/anchors.jsonl").write_bytes(
        b"".join(
            canonical({"note": Notary().note(size, root_of(of[:size]))}) + b"\n"
            for size, of in ((3, forged), (5, true))
        )
    )
    assert index_of(verifier(folder)) == 3


def test_anchors_of_a_longer_log_tell_that_this_one_was_cut(
    verifier: Verifier, tmp_path: Path
) -> None:
    folder = write_bundle(tmp_path, events(5))
    note = Notary().note(8, root_of(events(8)))
    (folder / "anchors/anchors.jsonl").write_bytes(canonical({"note": note}) + b"\n")
    refused = verifier(folder)
    assert refused.code == 1
    assert "the longest log that was signed" in refused.text


def test_two_roots_for_one_size_are_a_contradiction(verifier: Verifier, tmp_path: Path) -> None:
    folder = write_bundle(tmp_path, events(5))
    notes = [Notary().note(3, root_of(events(3, said=it))) for it in ("", "!")]
    lines = [canonical({"note": note}) + b"\n" for note in notes]
    for order in (lines, lines[::-1]):
        (folder / "anchors/anchors.jsonl").write_bytes(b"".join(order))
        assert verifier(folder).text.startswith("checkpoint of 3: its root")


@pytest.mark.parametrize(
    "note",
    [
        Notary().note(2, root_of(events(2)), origin="example.org/other"),
        Notary().note(2, root_of(events(2)), origin="example.org/log/epoch-2"),
        STRANGER.note(2, root_of(events(2))),
        Notary().note(2, root_of(events(2))).replace("—", "-"),
        Notary().note(2, root_of(events(2))) * 2,
        Notary().note(2, root_of(events(2))).removesuffix("\n"),
        "",
        "no note",
    ],
    ids=["other log", "other epoch", "other key", "no dash", "twice", "no end", "empty", "text"],
)
def test_an_anchor_is_a_checkpoint_of_this_log_by_this_key(
    verifier: Verifier, tmp_path: Path, note: str
) -> None:
    folder = write_bundle(tmp_path, events(5))
    (folder / "anchors/anchors.jsonl").write_bytes(canonical({"note": note}) + b"\n")
    assert verifier(folder).code == 1


# --- nonsense, properly signed ----------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"7",
        b"\xff\xfe",
        b"{",
        canonical({"spec": "traderbot.event/2", "stream": "s", "version": 1, "prev": "0" * 64}),
        canonical({"spec": "traderbot.event/1", "stream": "s", "version": 2, "prev": "0" * 64}),
        canonical({"spec": "traderbot.event/1", "stream": "s", "version": 1, "prev": "1" * 64}),
        canonical({"spec": "traderbot.event/1", "stream": "s", "version": "1", "prev": "0" * 64}),
        canonical({"spec": "traderbot.event/1", "version": 1, "prev": "0" * 64}),
    ],
)
def test_a_signature_makes_no_event_of_what_is_none(
    verifier: Verifier, tmp_path: Path, body: bytes
) -> None:
    bodies = [*events(3), body, *events(1, said="after")]
    assert index_of(verifier(write_bundle(tmp_path, bodies))) == 3


def test_a_gap_in_a_stream_is_found_where_it_is(verifier: Verifier, tmp_path: Path) -> None:
    bodies = events(9)
    del bodies[4]  # the second of its stream; the third stands at 6 now
    assert index_of(verifier(write_bundle(tmp_path, bodies))) == 6


# --- not able to look -------------------------------------------------------------------------


def test_without_anything_to_look_at_it_ends_with_two(verifier: Verifier, tmp_path: Path) -> None:
    folder = write_bundle(tmp_path / "bundle", events(1))
    for words in ((), (tmp_path / "nothing",), (folder, tmp_path / "nothing")):
        said = verifier(*words)
        assert (said.code, said.text.startswith("usage: ")) == (2, True)


def test_without_its_one_library_it_ends_with_two(tmp_path: Path) -> None:
    folder = write_bundle(tmp_path / "bundle", events(1))
    (tmp_path / "cryptography.py").write_text("raise ImportError('not installed')")
    done = subprocess.run(
        [sys.executable, SHIPPED / "verify.py", folder],
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (2, "")
    assert "not installed" in done.stdout


# --- the scripts themselves -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "lines"),
    [("verify.py", 80), ("verify_proof.py", 80), ("verify.mjs", 96), ("verify_proof.mjs", 80)],
)
def test_a_script_is_short_enough_to_be_read(name: str, lines: int) -> None:
    content = (SHIPPED / name).read_text()
    assert len(content.splitlines()) <= lines
    assert max(map(len, content.splitlines())) <= 100


@pytest.mark.parametrize("name", ["verify.py", "verify_proof.py"])
def test_python_needs_one_library(name: str) -> None:
    tree = ast.parse((SHIPPED / name).read_text())
    imported = {
        (node.module or "").partition(".")[0]
        if isinstance(node, ast.ImportFrom)
        else node.names[0].name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    assert imported - sys.stdlib_module_names == {"cryptography"}


@pytest.mark.parametrize("name", ["verify.mjs", "verify_proof.mjs"])
def test_node_needs_none(name: str) -> None:
    sources = re.findall(r'from "(.*?)"', (SHIPPED / name).read_text())
    assert sources
    assert all(source.startswith("node:") for source in sources)
