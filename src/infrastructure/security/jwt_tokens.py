"""`TokenCodec` with python-jose, kept on a very short leash.

The library only checks the signature. Everything it would let pass by default (no expiry, no
audience, an algorithm of the sender's choice, two spellings of one token) is refused here first.
"""

import base64
import binascii
import hashlib
import json
import re
import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from jose import jwk, jws  # type: ignore[import-untyped]
from jose.exceptions import JOSEError  # type: ignore[import-untyped]

from traderbot.application.ports.token_codec import (
    Claims,
    InvalidTokenError,
    IssuedToken,
    RefreshClaims,
    TokenCodec,
    TokenFault,
)

ALGORITHM: Final = "HS256"
TOKEN_TYPE: Final = "at+jwt"  # noqa: S105 -- RFC 9068's name for an access token, no secret
REFRESH_TYPE: Final = "rt+jwt"
LONGEST_REFRESH: Final = timedelta(days=30)
MIN_KEY_BYTES: Final = 32
MAX_TOKEN_CHARACTERS: Final = 4096
MAX_TEXT_CHARACTERS: Final = 255
ACCESS_LIFETIME: Final = timedelta(minutes=15)
LEEWAY: Final = timedelta(seconds=5)

_HEADER_NAMES: Final = frozenset({"alg", "typ", "kid"})
# Exactly these: a claim we do not know may be one that narrows the token. A new claim is
# therefore accepted one release before it is issued.
_CLAIM_NAMES: Final = frozenset({"iss", "aud", "sub", "sid", "jti", "role", "iat", "nbf", "exp"})
_REFRESH_NAMES: Final = frozenset({"iss", "aud", "sub", "sid", "gen", "iat", "nbf", "exp"})
_SEGMENT: Final = re.compile(r"[A-Za-z0-9_-]+")
_SEGMENTS: Final = 3
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def key_id(key: bytes) -> str:
    """Return a name for a key that follows from the key, so rotation needs no bookkeeping.

    It is a hash, cut short: it tells nothing about a random key of 32 bytes or more.
    """
    return hashlib.sha256(b"traderbot token key id\x00" + key).hexdigest()[:16]


class JoseTokenCodec(TokenCodec):
    """Access tokens: HS256, one purpose, one issuer, one audience, a short life.

    To rotate, add the new key and sign with it; remove the old one a lifetime later.
    """

    def __init__(
        self,
        *,
        keys: Mapping[str, bytes],
        signing_kid: str,
        issuer: str,
        audience: str,
        lifetime: timedelta = ACCESS_LIFETIME,
        leeway: timedelta = LEEWAY,
        new_token_id: Callable[[], str] = lambda: secrets.token_urlsafe(16),
    ) -> None:
        """Take the keys, each under the `kid` that tokens name it by; `key_id` makes a good one.

        Raises ValueError if a key is shorter than 32 bytes or looks like a public key, if the
        signing key is not among them, or if a name or a duration makes no sense.
        """
        if signing_kid not in keys:
            msg = "the signing key must be among the keys"
            raise ValueError(msg)
        for text in (*keys, issuer, audience):
            _require_text(text)
        if lifetime < timedelta(seconds=1) or leeway < timedelta(0):
            msg = "the lifetime must be a second or more, and the leeway not negative"
            raise ValueError(msg)
        self._keys = {kid: _prepared(key) for kid, key in keys.items()}
        self._signing_kid = signing_kid
        self._issuer = issuer
        self._audience = audience
        self._lifetime_seconds = lifetime // timedelta(seconds=1)
        self._leeway = leeway
        self._new_token_id = new_token_id

    def issue(self, subject: str, *, role: str, session: str, at: datetime) -> IssuedToken:
        """Return a token signed with the signing key; its instants are cut to whole seconds."""
        token_id = self._new_token_id()
        for text in (subject, role, session, token_id):
            _require_text(text)
        issued = (_in_utc(at) - _EPOCH) // timedelta(seconds=1)
        payload = {
            "iss": self._issuer,
            "aud": self._audience,
            "sub": subject,
            "sid": session,
            "jti": token_id,
            "role": role,
            "iat": issued,
            "nbf": issued,
            "exp": issued + self._lifetime_seconds,
        }
        return IssuedToken(text=self._signed(payload, TOKEN_TYPE), claims=_claims(payload))

    def issue_refresh(
        self, subject: str, *, session: str, generation: int, at: datetime, until: datetime
    ) -> str:
        """Return a refresh token; its issuer is its audience, for nobody else may look at it."""
        for text in (subject, session):
            _require_text(text)
        issued, end = ((_in_utc(each) - _EPOCH) // timedelta(seconds=1) for each in (at, until))
        if not issued < end or generation < 1:
            msg = "a refresh token has a generation, and ends after it begins"
            raise ValueError(msg)
        payload = {
            "iss": self._issuer,
            "aud": self._issuer,
            "sub": subject,
            "sid": session,
            "gen": generation,
            "iat": issued,
            "nbf": issued,
            "exp": end,
        }
        return self._signed(payload, REFRESH_TYPE)

    def verify(self, token: str, *, at: datetime) -> Claims:
        """Return the claims, after the shape, the signature, the purpose and the time."""
        now = _in_utc(at)
        claims = self._read(token, TOKEN_TYPE, _CLAIM_NAMES)
        if (claims["iss"], claims["aud"]) != (self._issuer, self._audience):
            raise InvalidTokenError(TokenFault.OTHER_PARTY)
        self._check_time(claims, now, self._lifetime_seconds)
        return _claims(claims)

    def verify_refresh(self, token: str, *, at: datetime) -> RefreshClaims:
        """Return the claims of a refresh token, checked as strictly as those of any other."""
        now = _in_utc(at)
        claims = self._read(token, REFRESH_TYPE, _REFRESH_NAMES)
        if (claims["iss"], claims["aud"]) != (self._issuer, self._issuer):
            raise InvalidTokenError(TokenFault.OTHER_PARTY)
        self._check_time(claims, now, LONGEST_REFRESH // timedelta(seconds=1))
        return RefreshClaims(
            subject=_text(claims, "sub"),
            session=_text(claims, "sid"),
            generation=_seconds(claims, "gen"),
            issued_at=_EPOCH + timedelta(seconds=_seconds(claims, "iat")),
            expires_at=_EPOCH + timedelta(seconds=_seconds(claims, "exp")),
        )

    def _signed(self, payload: Mapping[str, object], kind: str) -> str:
        text: str = jws.sign(
            payload,
            self._keys[self._signing_kid],
            headers={"typ": kind, "kid": self._signing_kid},
            algorithm=ALGORITHM,
        )
        return text

    def _read(self, token: str, kind: str, names: frozenset[str]) -> dict[str, object]:
        """Return the claims of a token of one kind, after its shape, purpose and signature."""
        header, payload = _split(token)
        key = self._key_named_by(_json_object(header), kind)
        try:
            # jws and not jwt: jwt.decode would look at the system's clock, and we are given ours.
            # The algorithm is spelled out again, because the library trusts the header without.
            jws.verify(token, key, algorithms=[ALGORITHM])
        except JOSEError as error:  # not JWTError: JWKError is none
            raise InvalidTokenError(TokenFault.BAD_SIGNATURE) from error
        claims = _json_object(payload)
        if claims.keys() != names:
            raise InvalidTokenError(TokenFault.WRONG_CLAIMS)
        return claims

    def _key_named_by(self, header: Mapping[str, object], kind: str) -> object:
        if not header.keys() <= _HEADER_NAMES:  # crit, jku, jwk, x5c, zip and their like
            raise InvalidTokenError(TokenFault.UNKNOWN_HEADER)
        if header.get("alg") != ALGORITHM or header.get("typ") != kind:
            raise InvalidTokenError(TokenFault.OTHER_PURPOSE)
        kid = header.get("kid")
        key = self._keys.get(kid) if isinstance(kid, str) else None
        if key is None:
            raise InvalidTokenError(TokenFault.UNKNOWN_KEY)
        return key

    def _check_time(self, claims: Mapping[str, object], now: datetime, longest: int) -> None:
        issued, start, end = (_seconds(claims, name) for name in ("iat", "nbf", "exp"))
        # Whole seconds are compared as integers first: 10**12 is no date Python knows.
        latest = (now + self._leeway - _EPOCH) // timedelta(seconds=1)
        if not 0 <= issued <= latest or not 0 <= start <= latest:
            raise InvalidTokenError(TokenFault.NOT_YET_VALID)
        if not 0 < end - issued <= longest:
            raise InvalidTokenError(TokenFault.IMPOSSIBLE_LIFETIME)
        if now - self._leeway >= _EPOCH + timedelta(seconds=end):
            raise InvalidTokenError(TokenFault.EXPIRED)


def _prepared(key: bytes) -> object:
    if len(key) < MIN_KEY_BYTES:
        msg = f"a token key needs {MIN_KEY_BYTES} bytes or more"
        raise ValueError(msg)
    try:
        # Ready-made, because the library would read raw bytes as JSON, and as a key set, if it can.
        return jwk.construct(key, ALGORITHM)
    except JOSEError as error:
        msg = "a token key must be random bytes, not a public key or a certificate"
        raise ValueError(msg) from error


def _split(token: str) -> tuple[str, str]:
    """Return header and payload of a token of ours, which has one spelling only."""
    if len(token) > MAX_TOKEN_CHARACTERS:
        raise InvalidTokenError(TokenFault.TOO_LONG)
    segments = token.split(".")
    if len(segments) != _SEGMENTS or not all(map(_is_canonical, segments)):
        raise InvalidTokenError(TokenFault.MALFORMED)
    return segments[0], segments[1]


def _is_canonical(segment: str) -> bool:
    # The last character has bits that decoding ignores; without the comparison a revoked token
    # has twins. The pattern refuses padding, white space and the other base64 alphabet.
    if _SEGMENT.fullmatch(segment) is None:
        return False
    try:
        decoded = _decoded(segment)
    except binascii.Error:
        return False
    return base64.urlsafe_b64encode(decoded).rstrip(b"=").decode("ascii") == segment


def _decoded(segment: str) -> bytes:
    return base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))


def _json_object(segment: str) -> dict[str, object]:
    """Return a JSON object in which no name stands twice."""
    try:
        value = json.loads(_decoded(segment).decode("utf-8"), object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:  # RecursionError: "[[[[…", 4 KiB are enough
        raise InvalidTokenError(TokenFault.MALFORMED) from error
    if not isinstance(value, dict):
        raise InvalidTokenError(TokenFault.MALFORMED)
    return value


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        msg = "a name stands twice"
        raise ValueError(msg)
    return found


def _claims(payload: Mapping[str, object]) -> Claims:
    return Claims(
        subject=_text(payload, "sub"),
        role=_text(payload, "role"),
        token_id=_text(payload, "jti"),
        session=_text(payload, "sid"),
        issued_at=_EPOCH + timedelta(seconds=_seconds(payload, "iat")),
        expires_at=_EPOCH + timedelta(seconds=_seconds(payload, "exp")),
    )


def _text(payload: Mapping[str, object], name: str) -> str:
    value = payload[name]
    if not isinstance(value, str) or not _is_text(value):
        raise InvalidTokenError(TokenFault.WRONG_CLAIMS)
    return value


def _seconds(payload: Mapping[str, object], name: str) -> int:
    value = payload[name]
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidTokenError(TokenFault.WRONG_CLAIMS)
    return value


def _is_text(value: str) -> bool:
    return 0 < len(value) <= MAX_TEXT_CHARACTERS and value.isascii() and value.isprintable()


def _require_text(value: str) -> None:
    if not _is_text(value):
        msg = f"needs 1 to {MAX_TEXT_CHARACTERS} printable ASCII characters"
        raise ValueError(msg)


def _in_utc(at: datetime) -> datetime:
    if at.utcoffset() is None:
        msg = "an instant needs a time zone"
        raise ValueError(msg)
    return at.astimezone(UTC)
