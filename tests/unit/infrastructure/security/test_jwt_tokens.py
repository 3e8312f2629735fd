"""`JoseTokenCodec` accepts its own tokens, and of several thousand others none."""

import base64
import hashlib
import hmac
import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from traderbot.application.ports.token_codec import InvalidTokenError, TokenFault
from traderbot.infrastructure.security.jwt_tokens import JoseTokenCodec, key_id

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
NOW_SECONDS = int(NOW.timestamp())
KEY = bytes(range(32))
OLD_KEY = bytes(range(32, 64))
STRANGE_KEY = bytes(range(64, 96))
KID, OLD_KID = key_id(KEY), key_id(OLD_KEY)
HEADER: Mapping[str, object] = {"alg": "HS256", "kid": KID, "typ": "at+jwt"}
CLAIMS: Mapping[str, object] = {
    "iss": "traderbot",
    "aud": "traderbot-api",
    "sub": "user-1",
    "sid": "session-1",
    "jti": "token-1",
    "role": "trader",
    "iat": NOW_SECONDS,
    "nbf": NOW_SECONDS,
    "exp": NOW_SECONDS + 900,
}
NO_TEXTS: Sequence[object] = (None, 0, 1, 1.5, True, [], {}, [[]])
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def a_codec(signing_key: bytes = KEY, *older_keys: bytes, **changes: object) -> JoseTokenCodec:
    named: dict[str, object] = {
        "keys": {key_id(key): key for key in (signing_key, *older_keys)},
        "signing_kid": key_id(signing_key),
        "issuer": "traderbot",
        "audience": "traderbot-api",
    }
    build: Callable[..., JoseTokenCodec] = JoseTokenCodec
    return build(**(named | changes))


def encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def as_json(value: object) -> str:
    return encoded(json.dumps(value, separators=(",", ":"), sort_keys=True).encode())


def sealed(
    header: str, payload: str, key: bytes = KEY, digest: Callable[..., object] = hashlib.sha256
) -> str:
    """Sign two segments by hand, right or wrong as they may be."""
    signature = hmac.new(key, f"{header}.{payload}".encode(), digest).digest()  # type: ignore[arg-type]
    return f"{header}.{payload}.{encoded(signature)}"


def forged(header: object = HEADER, claims: object = CLAIMS, key: bytes = KEY) -> str:
    return sealed(as_json(header), as_json(claims), key)


def with_header(**changes: object) -> str:
    return forged(header={**HEADER, **changes})


def with_claims(**changes: object) -> str:
    return forged(claims={**CLAIMS, **changes})


GOOD = forged()
GOOD_HEADER, GOOD_PAYLOAD, GOOD_SIGNATURE = GOOD.split(".")


def without(mapping: Mapping[str, object], name: str) -> dict[str, object]:
    return {key: value for key, value in mapping.items() if key != name}


def twins(segment: str) -> Iterator[str]:
    """Yield the other spellings of the same bytes: the last character has unused bits."""
    raw = base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    for last in ALPHABET:
        other = segment[:-1] + last
        same = base64.urlsafe_b64decode(other + "=" * (-len(other) % 4)) == raw
        if other != segment and same:
            yield other


# ---- the corpus -------------------------------------------------------------------------------
# One function for each family; it yields (class of attack, token). Nearly all are signed with the
# right key: what is refused then is refused for its form or its claims, not for the signature.


def signatures() -> Iterator[tuple[str, str]]:
    unsigned = f"{GOOD_HEADER}.{GOOD_PAYLOAD}"
    yield "signature removed", unsigned
    yield "signature empty", f"{unsigned}."
    for length in range(1, len(GOOD_SIGNATURE)):
        yield "signature truncated", f"{unsigned}.{GOOD_SIGNATURE[:length]}"
    for place, character in enumerate(GOOD_SIGNATURE):
        other = ALPHABET[(ALPHABET.index(character) + 4) % 64]
        changed = GOOD_SIGNATURE[:place] + other + GOOD_SIGNATURE[place + 1 :]
        yield "signature with one other character", f"{unsigned}.{changed}"
    yield "signature of zeros", f"{unsigned}.{encoded(bytes(32))}"
    yield "signature too long", f"{unsigned}.{GOOD_SIGNATURE}AAAA"
    other_signature = with_claims(sub="user-2").split(".")[2]
    yield "signature of another token", f"{unsigned}.{other_signature}"
    yield "signature over another header", f"{as_json({**HEADER, 'kid': OLD_KID})}.{GOOD[-44:]}"
    yield "payload exchanged", f"{GOOD_HEADER}.{as_json({**CLAIMS, 'role': 'admin'})}.{GOOD[-43:]}"
    yield (
        "signature in hexadecimal",
        f"{unsigned}.{hmac.new(KEY, unsigned.encode(), 'sha256').hexdigest()}",
    )


def algorithms() -> Iterator[tuple[str, str]]:
    for spelling in ("none", "None", "NONE", "nOnE", "noNe", "none ", " none", "", "no\u200bne"):
        header = as_json({**HEADER, "alg": spelling})
        yield "alg none, unsigned", f"{header}.{GOOD_PAYLOAD}."
        yield "alg none, signed", sealed(header, GOOD_PAYLOAD)
    for name, digest in (("HS384", hashlib.sha384), ("HS512", hashlib.sha512)):
        header = as_json({**HEADER, "alg": name})
        yield "alg of a longer HMAC", sealed(header, GOOD_PAYLOAD, KEY, digest)
        yield "longer HMAC under the right alg", sealed(GOOD_HEADER, GOOD_PAYLOAD, KEY, digest)
    for name in ("RS256", "ES256", "PS256", "EdDSA", "RS512", "dir", "A256KW", "HS1"):
        yield "alg asymmetric, signed with the secret", with_header(alg=name)
    for value in ("hs256", "HS256 ", " HS256", "Hs256"):
        yield "alg of another form", with_header(alg=value)
    for form in (*NO_TEXTS, 256, ["HS256"], {"HS256": 1}):
        yield "alg is no text", with_header(alg=form)
    yield "alg missing", forged(header=without(HEADER, "alg"))


def asymmetric_keys() -> Iterator[tuple[str, str]]:
    rsa_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    ec_key = ec.generate_private_key(ec.SECP256R1())
    ed_key = ed25519.Ed25519PrivateKey.generate()
    encoding, form = serialization.Encoding, serialization.PublicFormat
    forms = (
        (encoding.PEM, form.SubjectPublicKeyInfo),
        (encoding.DER, form.SubjectPublicKeyInfo),
        (encoding.OpenSSH, form.OpenSSH),
    )
    for public in (rsa_key.public_key(), ec_key.public_key(), ed_key.public_key()):
        for encoding_, form_ in forms:
            for alg in ("HS256", "RS256", "ES256"):
                header = as_json({**HEADER, "alg": alg})
                secret = public.public_bytes(encoding_, form_)
                yield "public key as HMAC secret", sealed(header, GOOD_PAYLOAD, secret)
    for alg in ("RS256", "PS256", "ES256", "EdDSA", "HS256"):
        body = f"{as_json({**HEADER, 'alg': alg})}.{GOOD_PAYLOAD}"
        for signature in (
            rsa_key.sign(body.encode(), padding.PKCS1v15(), hashes.SHA256()),
            ec_key.sign(body.encode(), ec.ECDSA(hashes.SHA256())),
            ed_key.sign(body.encode()),
        ):
            yield "real asymmetric signature", f"{body}.{encoded(signature)}"


def offered_keys() -> Iterator[tuple[str, str]]:
    own = {"kty": "oct", "k": encoded(STRANGE_KEY), "alg": "HS256"}
    offers: Mapping[str, Sequence[object]] = {
        "jwk": (own, {}, None),
        "jku": ("https://keys.example.org/", "file:///dev/null", None),
        "x5u": ("https://keys.example.org/", None),
        "x5c": (["MIIB"], []),
        "x5t": ("abc",),
        "x5t#S256": ("abc",),
    }
    for name, values in offers.items():
        for value, key in itertools.product(values, (KEY, STRANGE_KEY)):
            yield f"key offered in {name}", forged({**HEADER, name: value}, key=key)
    kids: Mapping[str, Sequence[object]] = {
        "kid is a path": ("../../../../dev/null", "/etc/passwd", "C:\\key", f"{KID}/../{KID}"),
        "kid is SQL": (f"' UNION SELECT '{KID}", f"{KID}'; --", f"{KID}' OR '1'='1"),
        "kid is a URL": (f"https://keys.example.org/{KID}", "file:///dev/null"),
        "kid is empty": ("",),
        "kid of another tenant": ("tenant-2", KID.upper(), f"{KID} ", f" {KID}", f"{KID}\x00"),
        "kid cut short": (KID[:-1], KID[:8], KID[0]),
        "kid is no text": (*NO_TEXTS, [KID], {KID: 1}),
    }
    for name, values in kids.items():
        for value, key in itertools.product(values, (KEY, STRANGE_KEY, b"")):
            yield name, forged({**HEADER, "kid": value}, key=key)
    yield "kid missing", forged(header=without(HEADER, "kid"))
    yield "kid of the other key", with_header(kid=OLD_KID)
    yield "key rotated out", forged({**HEADER, "kid": key_id(STRANGE_KEY)}, key=STRANGE_KEY)


def structures() -> Iterator[tuple[str, str]]:
    yield "empty text", ""
    for text in (".", "..", "...", "a.b.c", "null", "Bearer", f"Bearer {GOOD}", "\x00", "\ud800"):
        yield "no token at all", text
    yield "one part", GOOD_HEADER
    for text in (f"{GOOD}.", f".{GOOD}", f"{GOOD}.{GOOD_SIGNATURE}", GOOD.replace(".", "..", 1)):
        yield "four parts", text
    yield "five parts, JWE", f"{as_json({'alg': 'dir', 'enc': 'A256GCM'})}..AAAA.AAAA.AAAA"
    yield "five parts, two tokens", f"{GOOD}.{GOOD_PAYLOAD}.{GOOD_SIGNATURE}"
    yield "JSON serialisation", json.dumps({"payload": GOOD_PAYLOAD, "signature": GOOD_SIGNATURE})
    for name, value in (("cty", "JWT"), ("zip", "DEF"), ("enc", "A256GCM"), ("b64", False)):
        yield f"header {name}", with_header(**{name: value})
    yield "a token in a token", sealed(as_json({**HEADER, "cty": "JWT"}), encoded(GOOD.encode()))
    yield "a token in a token, unmarked", sealed(GOOD_HEADER, encoded(GOOD.encode()))
    for pad in ("=", "==", "==="):
        yield "padding in the header", sealed(GOOD_HEADER + pad, GOOD_PAYLOAD)
        yield "padding in the payload", sealed(GOOD_HEADER, GOOD_PAYLOAD + pad)
        yield "padding in the signature", GOOD + pad
    for space in (" ", "\n", "\r\n", "\t", "\x0b", "\u00a0", "\u200b", "\ufeff", "\x00"):
        yield "white space around", space + GOOD
        yield "white space around", GOOD + space
        yield "white space inside", sealed(GOOD_HEADER, GOOD_PAYLOAD + space)
        yield "white space inside", GOOD.replace(".", f"{space}.", 1)
    for twin in twins(GOOD_SIGNATURE):
        yield "twin of the signature", f"{GOOD_HEADER}.{GOOD_PAYLOAD}.{twin}"
    for subject in ("u", "uu", "uuu"):  # two of the three leave bits over
        for twin in twins(as_json({**CLAIMS, "sub": subject})):
            yield "twin of the payload", sealed(GOOD_HEADER, twin)
    for spaces in ("", " ", "  "):  # two of the three leave bits over
        for twin in twins(encoded(json.dumps(HEADER).encode() + spaces.encode())):
            yield "twin of the header", sealed(twin, GOOD_PAYLOAD)
    for sign in "+/!%*~\u00e9\u0660":
        yield "other alphabet", sealed(GOOD_HEADER, GOOD_PAYLOAD[:-1] + sign)
        yield "other alphabet", GOOD[:-1] + sign
    yield "impossible length", sealed(GOOD_HEADER, GOOD_PAYLOAD + "A" * (5 - len(GOOD_PAYLOAD) % 4))
    yield "a megabyte", sealed(GOOD_HEADER, as_json({**CLAIMS, "sub": "a" * 2**20}))
    yield "a megabyte of dots", "." * 2**20
    yield "just too long", GOOD + "A" * (4097 - len(GOOD))


def json_texts() -> Iterator[tuple[str, str]]:
    header, claims = json.dumps(HEADER), json.dumps(CLAIMS)
    for name in CLAIMS:
        again = claims[:-1] + f", {json.dumps(name)}: {json.dumps(CLAIMS[name])}}}"
        yield "a claim twice", sealed(GOOD_HEADER, encoded(again.encode()))
    escaped = claims[:-1] + ', "\\u0073ub": "user-2"}'
    yield "a claim twice, once escaped", sealed(GOOD_HEADER, encoded(escaped.encode()))
    for name in HEADER:
        again = header[:-1] + f", {json.dumps(name)}: {json.dumps(HEADER[name])}}}"
        yield "a header twice", sealed(encoded(again.encode()), GOOD_PAYLOAD)
    for value in (*NO_TEXTS, "text", [HEADER], [CLAIMS]):
        yield "header is no such object", forged(header=value)
        yield "payload is no such object", forged(claims=value)
    for text in ("", "{", claims + "x", claims + claims, "'", claims.replace('"', "'"), "// a\n{}"):
        yield "payload is no JSON", sealed(GOOD_HEADER, encoded(text.encode()) or "A")
        yield "header is no JSON", sealed(encoded(text.encode()) or "A", GOOD_PAYLOAD)
    for encoding in ("utf-16", "utf-16-le", "utf-32", "utf-8-sig"):
        yield "payload in another encoding", sealed(GOOD_HEADER, encoded(claims.encode(encoding)))
        yield "header in another encoding", sealed(encoded(header.encode(encoding)), GOOD_PAYLOAD)
    yield "payload is no UTF-8", sealed(GOOD_HEADER, encoded(b"\xff" + claims.encode()))
    for opening in ("[", '{"a":'):
        deep = encoded((opening * (2000 // len(opening))).encode())
        yield "deep JSON", sealed(deep, GOOD_PAYLOAD)
        yield "deep JSON", sealed(GOOD_HEADER, deep)
    closed = "[" * 1000 + "]" * 1000
    deep = encoded((claims[:-1] + f', "x": {closed}}}').encode())
    yield "deep JSON", sealed(GOOD_HEADER, deep)


def purposes() -> Iterator[tuple[str, str]]:
    yield "typ missing", forged(header=without(HEADER, "typ"))
    for value in ("rt+jwt", "refresh", "reset+jwt", "stream+jwt", "dpop+jwt", "logout+jwt"):
        yield "another purpose", with_header(typ=value)
    for value in ("JWT", "AT+JWT", "at+jwt ", " at+jwt", "application/at+jwt", ""):
        yield "typ of another form", with_header(typ=value)
    for form in (*NO_TEXTS, ["at+jwt"]):
        yield "typ is no text", with_header(typ=form)
    for crit in (*NO_TEXTS, ["exp"], ["b64"], ["unknown"], "exp"):
        yield "header crit", with_header(crit=crit)


def times() -> Iterator[tuple[str, str]]:
    def at(**seconds: int) -> str:
        return with_claims(**{name: NOW_SECONDS + offset for name, offset in seconds.items()})

    for late in (5, 6, 31, 900, 86_400, 10**8):
        yield "expired", at(iat=-late - 900, nbf=-late - 900, exp=-late)
    for early in (6, 31, 3600, 10**9):
        yield "issued in the future", at(iat=early, nbf=0, exp=early + 60)
        yield "not before the future", at(nbf=early)
    yield "all in the future", at(iat=60, nbf=60, exp=960)
    for extra in (1, 60, 86_400, 10**9):
        yield "longer than the lifetime", at(exp=900 + extra)
        yield "backdated to live longer", at(iat=-extra, nbf=-extra, exp=900)
    for end in (0, -1, -899):
        yield "no lifetime", at(exp=end, iat=0)
    for start in (-1, -(10**12), -(10**400)):
        yield "before the epoch", with_claims(iat=start, exp=start + 900)
    for name in ("iat", "nbf", "exp"):
        for value in (10**12, 10**30, 10**400, -1, -NOW_SECONDS, -(10**400)):
            yield f"{name} out of the world", with_claims(**{name: value})
        number = CLAIMS[name]
        assert isinstance(number, int)
        no_integers: Sequence[object] = (str(number), float(number), 1e300, [number], {}, True)
        for form in (*no_integers, None, "", number + 0.5):
            yield f"{name} of another type", with_claims(**{name: form})
        for literal in ("NaN", "Infinity", "-Infinity", "1e3", "0x10", "-0.0", "01"):
            raw = json.dumps(CLAIMS).replace(f'"{name}": {number}', f'"{name}": {literal}')
            yield f"{name} of another notation", sealed(GOOD_HEADER, encoded(raw.encode()))


def claims() -> Iterator[tuple[str, str]]:
    for name in CLAIMS:
        yield f"{name} missing", forged(claims=without(CLAIMS, name))
        upper = {**without(CLAIMS, name), name.upper(): CLAIMS[name]}
        yield f"{name} in capitals", forged(claims=upper)
    for name in ("sub", "sid", "jti", "role", "iss", "aud"):
        good = str(CLAIMS[name])
        for form in (*NO_TEXTS, [good], {good: good}):
            yield f"{name} is no text", with_claims(**{name: form})
        for value in ("", "a" * 256, "a\x00b", "a\nb", "\u00e9", "\ud800", "\u202e", "a\x1b[31m"):
            yield f"{name} of odd characters", with_claims(**{name: value})
    for name in ("iss", "aud"):
        good = str(CLAIMS[name])
        others = ("other", good.upper(), f"{good} ", f" {good}", f"{good}/", good[:-1], "*")
        for value in others:
            yield f"{name} of somebody else", with_claims(**{name: value})
    yield "aud is a list without us", with_claims(aud=["other"])
    yield "aud is a list with us", with_claims(aud=["other", "traderbot-api"])
    for name in ("scope", "admin", "cnf", "act", "azp", "__proto__", ""):
        yield "unknown claim", with_claims(**{name: "x"})


def weak_keys() -> Iterator[tuple[str, str]]:
    words = ("secret", "password", "changeme", "admin", "jwt", "key", "token", "traderbot", "dev")
    endings = ["", *(str(number) for number in range(110)), "!"]
    for word, ending in itertools.product(words, endings):
        yield (
            "role raised with a guessed key",
            forged(claims={**CLAIMS, "role": "admin"}, key=f"{word}{ending}".encode()),
        )
    documented = "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7"
    for key in (b"", bytes(32), documented.encode(), bytes.fromhex(documented), b"new", b"\x00"):
        yield "role raised with a known key", forged(claims={**CLAIMS, "role": "admin"}, key=key)


def flips() -> Iterator[tuple[str, str]]:
    for place, bit in itertools.product(range(len(GOOD)), range(8)):
        flipped = chr(ord(GOOD[place]) ^ (1 << bit))
        yield "one bit of the text flipped", GOOD[:place] + flipped + GOOD[place + 1 :]
    parts = [base64.urlsafe_b64decode(part + "==") for part in GOOD.split(".")]
    for part, raw in enumerate(parts):
        for place, bit in itertools.product(range(len(raw)), range(8)):
            changed = raw[:place] + bytes([raw[place] ^ (1 << bit)]) + raw[place + 1 :]
            whole = [*parts[:part], changed, *parts[part + 1 :]]
            yield "one bit of the bytes flipped", ".".join(encoded(piece) for piece in whole)


def corpus() -> dict[str, list[str]]:
    families = (
        *(signatures, algorithms, asymmetric_keys, offered_keys, structures, json_texts),
        *(purposes, times, claims, weak_keys, flips),
    )
    found: dict[str, list[str]] = {}
    for family in families:
        for name, token in family():
            found.setdefault(name, []).append(token)
    return found


CORPUS = corpus()


# ---- refused ----------------------------------------------------------------------------------


@pytest.mark.parametrize("attack", CORPUS, ids=lambda name: name.replace(" ", "-"))
def test_no_token_of_the_corpus_is_accepted(attack: str) -> None:
    codec = a_codec(KEY, OLD_KEY)
    for token in CORPUS[attack]:
        with pytest.raises(InvalidTokenError):
            codec.verify(token, at=NOW)


def test_the_corpus_is_as_wide_as_it_claims_to_be() -> None:
    variants = [token for tokens in CORPUS.values() for token in tokens]
    assert len(CORPUS) >= 60
    assert len(set(variants)) >= 1000
    assert GOOD not in variants


def test_a_refusal_tells_the_log_why_and_the_caller_nothing() -> None:
    codec = a_codec()
    messages = set()
    for token, fault in (
        (with_claims(exp=NOW_SECONDS - 5, iat=NOW_SECONDS - 60), TokenFault.EXPIRED),
        (forged(key=STRANGE_KEY), TokenFault.BAD_SIGNATURE),
        (with_claims(iss="other"), TokenFault.OTHER_PARTY),
        ("a" * 4097, TokenFault.TOO_LONG),
    ):
        with pytest.raises(InvalidTokenError) as caught:
            codec.verify(token, at=NOW)
        assert caught.value.reason is fault
        messages.add(str(caught.value))
    assert messages == {"the token is not valid"}


# ---- accepted ---------------------------------------------------------------------------------


def test_an_issued_token_is_accepted_and_says_what_was_issued() -> None:
    codec = a_codec()
    issued = codec.issue("user-1", role="trader", session="session-1", at=NOW)
    claims = codec.verify(issued.text, at=NOW)
    assert claims == issued.claims
    assert (claims.subject, claims.role, claims.session) == ("user-1", "trader", "session-1")
    assert claims.issued_at == NOW
    assert claims.expires_at == NOW + timedelta(minutes=15)


def test_a_token_made_by_hand_like_ours_is_accepted() -> None:
    # Otherwise the corpus could be refused for a slip in how it is made.
    codec = a_codec(KEY, OLD_KEY, new_token_id=lambda: "token-1")
    assert codec.verify(GOOD, at=NOW).subject == "user-1"
    assert codec.verify(forged({**HEADER, "kid": OLD_KID}, key=OLD_KEY), at=NOW).role == "trader"
    issued = codec.issue("user-1", role="trader", session="session-1", at=NOW)
    assert issued.text.split(".")[0] == GOOD_HEADER
    assert codec.verify(issued.text, at=NOW) == codec.verify(GOOD, at=NOW)


def test_every_token_has_its_own_id() -> None:
    codec = a_codec()
    tokens = [codec.issue("u", role="r", session="s", at=NOW) for _ in range(100)]
    assert len({token.claims.token_id for token in tokens}) == 100


def test_a_fraction_of_a_second_is_cut_so_the_token_is_valid_at_once() -> None:
    codec = a_codec(leeway=timedelta(0))
    at = NOW + timedelta(microseconds=999_999)
    issued = codec.issue("u", role="r", session="s", at=at)
    assert issued.claims.issued_at == NOW
    assert codec.verify(issued.text, at=at) == issued.claims


def test_an_instant_may_come_from_any_time_zone() -> None:
    codec = a_codec()
    elsewhere = NOW.astimezone(timezone(timedelta(hours=-9)))
    issued = codec.issue("u", role="r", session="s", at=elsewhere)
    assert issued.claims.issued_at == NOW
    assert codec.verify(issued.text, at=elsewhere) == issued.claims


def test_a_naive_instant_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        a_codec().verify(GOOD, at=NOW.replace(tzinfo=None))


@pytest.mark.parametrize(
    ("offset", "accepted"),
    [(-6, False), (-5, True), (0, True), (899, True), (904.999999, True), (905, False)],
)
def test_the_lifetime_ends_and_begins_with_the_leeway(offset: float, accepted: bool) -> None:
    codec = a_codec()
    at = NOW + timedelta(seconds=offset)
    if accepted:
        assert codec.verify(GOOD, at=at).token_id == "token-1"
    else:
        with pytest.raises(InvalidTokenError):
            codec.verify(GOOD, at=at)


def test_the_clock_of_the_machine_is_not_asked() -> None:
    codec = a_codec()
    for at in (datetime(1999, 12, 31, tzinfo=UTC), datetime(2199, 1, 1, tzinfo=UTC)):
        issued = codec.issue("u", role="r", session="s", at=at)
        assert codec.verify(issued.text, at=at).issued_at == at


# ---- keys -------------------------------------------------------------------------------------


def test_a_token_of_the_old_key_is_accepted_until_the_key_is_removed() -> None:
    before, during, after = a_codec(OLD_KEY), a_codec(KEY, OLD_KEY), a_codec(KEY)
    token = before.issue("u", role="r", session="s", at=NOW).text
    assert during.verify(token, at=NOW).subject == "u"
    with pytest.raises(InvalidTokenError):
        after.verify(token, at=NOW)
    fresh = during.issue("u", role="r", session="s", at=NOW).text
    assert after.verify(fresh, at=NOW).subject == "u"
    with pytest.raises(InvalidTokenError):
        before.verify(fresh, at=NOW)


@pytest.mark.parametrize("key", [b"", b"short", bytes(31), b"-----BEGIN PUBLIC KEY-----" + KEY])
def test_a_weak_key_is_refused_at_once(key: bytes) -> None:
    with pytest.raises(ValueError, match="token key"):
        a_codec(key)
    with pytest.raises(ValueError, match="token key"):
        a_codec(KEY, key)


def test_a_key_that_reads_like_a_key_set_is_a_key_all_the_same() -> None:
    # python-jose parses key bytes as JSON; an empty set would then accept, or refuse, everything.
    key = b'{"keys": [], "padding": "padding"}'
    codec = a_codec(key)
    issued = codec.issue("u", role="r", session="s", at=NOW)
    assert codec.verify(issued.text, at=NOW) == issued.claims
    by_hand = forged({**HEADER, "kid": key_id(key)}, key=key)
    assert codec.verify(by_hand, at=NOW).subject == "user-1"


@pytest.mark.parametrize(
    "changes",
    [
        {"signing_kid": "absent"},
        {"keys": {"": KEY}, "signing_kid": ""},
        {"issuer": ""},
        {"audience": "caf\u00e9"},
        {"lifetime": timedelta(0)},
        {"leeway": timedelta(seconds=-1)},
    ],
)
def test_settings_that_make_no_sense_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"must|needs"):
        a_codec(KEY, **changes)


@pytest.mark.parametrize("subject", ["", "a" * 256, "caf\u00e9", "a\nb", "\ud800"])
def test_a_subject_that_would_not_be_accepted_is_not_issued(subject: str) -> None:
    with pytest.raises(ValueError, match="printable ASCII"):
        a_codec().issue(subject, role="trader", session="s", at=NOW)


def test_the_longest_token_we_issue_is_short_enough_to_be_accepted() -> None:
    codec = a_codec(issuer="i" * 255, audience="a" * 255, new_token_id=lambda: '"' * 255)
    issued = codec.issue('"' * 255, role='"' * 255, session='"' * 255, at=NOW)
    assert codec.verify(issued.text, at=NOW) == issued.claims


def test_a_key_names_itself_the_same_way_every_time() -> None:
    assert key_id(KEY) == key_id(bytes(KEY))
    assert key_id(KEY) != key_id(OLD_KEY)
    assert len(key_id(KEY)) == 16


def test_a_token_is_not_shown_when_it_is_printed() -> None:
    issued = a_codec().issue("u", role="r", session="s", at=NOW)
    assert issued.text not in repr(issued)
