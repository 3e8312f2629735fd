"""What vouches for the log from outside of it: a key, an anchor file, a checkpoint."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from traderbot.application.ports.audit import VerifyScope
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.infrastructure.sealing.anchors import AnchorFile, AnchorLines
from traderbot.infrastructure.sealing.signed_note import (
    CheckpointBody,
    NotSignedError,
    Verifier,
    is_signed_by,
    parse_checkpoint,
    read_note,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """Where this installation keeps what vouches for its log. Each of them may be unknown."""

    origin: str | None = None  # the name of the log in the checkpoints of its first epoch
    key: str | None = None  # the verifier key: name+id+key
    former_keys: tuple[str, ...] = ()  # those it was signed with before, in the same form
    anchors: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Witnesses:
    """What vouches for the log, read and ready to be asked."""

    origin: str | None = None
    verifier: Verifier | None = None
    former: tuple[Verifier, ...] = ()  # of keys that signed before it
    anchors: AnchorLines | None = None
    since: CheckpointBody | None = None
    warnings: tuple[str, ...] = ()  # about what is missing

    def verify(self, note: str) -> CheckpointBody:
        """Return what a note says, its signature checked if there is a key, or a former one.

        Raises:
            NotSignedError: it is signed by none of the keys.
            NoteError: it is malformed, or a signature does not fit.
        """
        if self.verifier is None:
            return parse_checkpoint(read_note(note)[0])
        try:
            return parse_checkpoint(self.verifier.verify(note))
        except NotSignedError:
            for each in self.former:
                with suppress(NotSignedError):
                    return parse_checkpoint(each.verify(note))
            raise

    def is_current(self, note: str) -> bool:
        """Tell whether a note is well signed by the key in use, and not only by a former one."""
        return self.verifier is not None and is_signed_by(self.verifier, note)


def summon(trust: Trust, scope: VerifyScope) -> Witnesses:
    """Read the key, the anchors and the checkpoint. Before the log: it only grows meanwhile.

    Raises:
        NoteError: the key, or the checkpoint, is malformed or not of this key.
        AnchorFileError: the anchor file cannot be read.
        InvalidValueError: an anchor file is named that is not there, or a checkpoint without a key.
    """
    warnings = []
    key = scope.key or trust.key
    verifier = None if key is None else Verifier(key)
    if verifier is None:
        warnings.append("no key is known: roots are compared, signatures are not checked")
    anchors = _anchors(trust, scope)
    if anchors is None or not (anchors.anchors or anchors.damaged):
        warnings.append(
            "no anchors: an older copy of the database in its place, or a log rewritten by "
            "somebody with the signing key, would not be noticed"
        )
    found = Witnesses(
        origin=trust.origin,
        verifier=verifier,
        former=tuple(map(Verifier, trust.former_keys)),
        anchors=anchors,
        warnings=tuple(warnings),
    )
    if scope.since is None:
        return found
    if verifier is None:
        msg = "a checkpoint is trusted for its signature: name the key it is checked with"
        raise InvalidValueError(msg)
    return replace(found, since=found.verify(scope.since))


def _anchors(trust: Trust, scope: VerifyScope) -> AnchorLines | None:
    path = trust.anchors if scope.anchors is None else Path(scope.anchors)
    if path is None:
        return None
    if scope.anchors is not None and not path.exists():
        msg = f"there is no anchor file {path}"
        raise InvalidValueError(msg)
    return AnchorFile(path).lines()
