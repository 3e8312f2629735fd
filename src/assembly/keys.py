"""What needs a key: the sealed log, access tokens, stored exchange keys."""

from __future__ import annotations

import hmac
from datetime import timedelta

from sqlalchemy import Engine

from traderbot.application.key_safe import KeySafe
from traderbot.application.ports.clock import Clock
from traderbot.application.ports.token_codec import TokenCodec
from traderbot.infrastructure.audit.witnesses import Trust
from traderbot.infrastructure.bundle.log_bundles import LogBundles
from traderbot.infrastructure.event_store.codec import EventCodec
from traderbot.infrastructure.persistence.vault import SqlSealedKeys
from traderbot.infrastructure.sealing.anchors import AnchorFile
from traderbot.infrastructure.sealing.log_sealing import LogSealing
from traderbot.infrastructure.sealing.loop import Pace
from traderbot.infrastructure.sealing.sealer import Sealer
from traderbot.infrastructure.sealing.signed_note import Signer
from traderbot.infrastructure.security.jwt_tokens import JoseTokenCodec, key_id
from traderbot.infrastructure.security.secret_box import AesGcmSecretBox
from traderbot.infrastructure.settings import ConfigurationError, Settings


def log_sealing(settings: Settings, writing: Engine, reading: Engine, clock: Clock) -> LogSealing:
    """Return what seals the log, at the pace of the settings. Raises ConfigurationError."""
    audit = settings.audit
    origin = settings.log_origin
    sealer = Sealer(
        writing,
        log_signer(settings),
        origin,
        AnchorFile(settings.anchor_path),
        clock,
    )
    pace = Pace(
        seal_seconds=audit.seal_milliseconds / 1000,
        checkpoint_seconds=audit.checkpoint_milliseconds / 1000,
        anchor_seconds=audit.anchor_seconds,
    )
    return LogSealing(sealer, reading, clock, pace)


def log_bundles(settings: Settings, reading: Engine, codec: EventCodec) -> LogBundles:
    """Return what writes the log for strangers. Raises ConfigurationError."""
    anchors = AnchorFile(settings.anchor_path)
    return LogBundles(reading, codec, log_signer(settings).vkey, anchors)


def log_trust(settings: Settings) -> Trust:
    """Return what vouches for the log here. Without a key, `verify` warns and compares roots."""
    try:
        key = log_signer(settings).vkey
    except ConfigurationError:
        key = None
    return Trust(
        origin=settings.log_origin,
        key=key,
        former_keys=settings.audit.former_keys,
        anchors=settings.anchor_path,
    )


def snapshot_key(settings: Settings) -> bytes | None:
    """Return what snapshots are authenticated with, None where there is no key."""
    try:
        return hmac.digest(settings.sealing_seed(), b"traderbot snapshots", "sha256")
    except ConfigurationError:
        return None


def log_signer(settings: Settings) -> Signer:
    """Return what signs checkpoints. Raises ConfigurationError."""
    return Signer(settings.log_origin, settings.sealing_seed())


def token_codec(settings: Settings) -> TokenCodec:
    """Return what issues and checks tokens. Raises ConfigurationError."""
    key = settings.signing_key()
    kid = key_id(key)
    return JoseTokenCodec(
        keys={kid: key},
        signing_kid=kid,
        issuer=settings.auth.issuer,
        audience=settings.auth.audience,
        lifetime=timedelta(seconds=settings.auth.access_token_seconds),
    )


def key_safe(settings: Settings, reading: Engine, writing: Engine) -> KeySafe:
    """Return where exchange keys are kept, sealed. Raises ConfigurationError."""
    return KeySafe(AesGcmSecretBox(settings.encryption_keys()), SqlSealedKeys(reading, writing))
