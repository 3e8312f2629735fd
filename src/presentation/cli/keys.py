"""`traderbot keys …`: the keys that seal stored exchange keys."""
# ruff: noqa: PLC0415 - `--help` must not pay for what the verbs import

from __future__ import annotations

from typing import Annotated

from traderbot.presentation.cli.errors import ExitCode, UsageError
from traderbot.presentation.cli.parameters import Argument
from traderbot.presentation.cli.session import Session
from traderbot.presentation.cli.verb import Database, Verbs

verbs = Verbs()


@verbs.verb("generate", example="traderbot keys generate")
def generate(session: Session) -> None:
    """Draw a new sealing key and print it. It is kept nowhere: put it where your secrets are."""
    made = session.doors.new_encryption_key()
    session.answer({"key": made.text, "key_id": made.key_id}, made.text)
    session.say(
        f"the id of this key is {made.key_id}; set it as TRADERBOT_ENCRYPTION__KEY, and the key "
        "used so far, if there is one, as TRADERBOT_ENCRYPTION__FORMER_KEYS; then restart, and "
        "run: traderbot keys rotate"
    )


@verbs.verb("rotate", example="traderbot keys rotate")
def rotate(session: Session, *, database: Database = None) -> int:
    """Seal every stored exchange key again with the newest sealing key, while others work.

    Stopped at any point, it goes on where it ended when it is run again. The exit code is 1 if
    some are left: a server that was not restarted still seals with another key.
    """
    from traderbot.application.resealing import reseal_all

    with session.doors.application(database) as application:
        safe = application.key_safe()
        safe.ensure_readable()
        with session.progress("sealing again") as on_progress:
            done = reseal_all(safe.keys, safe.box, on_progress)
    text = f"{done.resealed} exchange keys are sealed again, with the key {done.key}"
    after = (
        "every exchange key is sealed with it; TRADERBOT_ENCRYPTION__FORMER_KEYS can go"
        if not done.left
        else f"{done.left} were sealed with another key meanwhile; restart every server with the "
        "new key, and run it again"
    )
    session.answer({**_document(done.key, done.left), "resealed": done.resealed}, text, after)
    return ExitCode.NO if done.left else ExitCode.DONE


@verbs.verb("forget", example="traderbot keys forget 0f1e2d3c4b5a6978")
def forget(
    session: Session,
    key_id: Annotated[str, Argument("KEY_ID", "The id of a sealing key that is lost for good.")],
    *,
    database: Database = None,
) -> None:
    """Remove the exchange keys that only a lost sealing key could open; their owners add new ones.

    A sealing key that the settings have is not lost, and is refused.
    """
    from traderbot.application.forgetting import forget_sealed_with
    from traderbot.presentation.cli.acting import origin

    with session.doors.application(database) as application:
        safe = application.key_safe()
        if safe.box.knows(key_id):
            raise UsageError(f"the settings have the key {key_id}; run: traderbot keys rotate")
        count = forget_sealed_with(safe.keys, key_id, application.executor, origin())
    session.answer(
        {"key_id": key_id, "removed": count},
        f"{count} exchange keys that needed {key_id} are removed",
    )


def _document(key_id: str, left: int) -> dict[str, object]:
    return {"key_id": key_id, "left": left, "ok": not left}
