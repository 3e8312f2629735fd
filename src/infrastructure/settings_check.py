"""Questions about names and values of settings; pure text in, answers out.

pydantic-settings ignores a misspelt variable without a word, even when extras are forbidden. For
a risk limit that is not acceptable, so every name with our prefix must be one we know.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final
from urllib.parse import unquote

PREFIX: Final = "TRADERBOT_"
TEST_PREFIX: Final = "TRADERBOT_TEST_"  # servers for the test run; not the program's business

_LIKENESS: Final = 0.6  # how alike two names must be for "did you mean"; difflib's own default

_MASK: Final = "***"
_URL_PASSWORD: Final = re.compile(r"^([^:]+://[^:/@?]*):.*@")
_SECRET_QUERY: Final = re.compile(
    r"([?&][^=&]*(?:pass|secret|token|key)[^=&]*=)[^&]*", re.IGNORECASE
)

_MIN_DIFFERENT_CHARACTERS: Final = 8  # 32 random hexadecimal digits have fewer once in 10**7
# Seven letters or more, so that a random key does not hold one by chance.
_EXAMPLE_WORDS: Final = (
    *("changeme", "changethis", "replaceme", "replacethis", "donotuse", "insecure", "placeholder"),
    *("example", "default", "password", "passphrase", "secretkey", "supersecret", "topsecret"),
    *("yoursecret", "jwtsecret", "mysecret", "notsecret", "testsecret", "devsecret"),
    *("development", "traderbot", "12345678", "abcdefgh", "qwertyuiop", "letmein"),
    *("256bit", "atleast32", "32bytes", "32characters"),
    # The key of FastAPI's tutorial, copied into many services.
    "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing to put right before the program can start; never quotes a secret's value."""

    name: str  # the variable or the file
    message: str
    remedy: str

    def __str__(self) -> str:
        """Return it as one line for an operator."""
        return f"{self.name}: {self.message}; {self.remedy}"


def name_problems(names: Iterable[str], known: Collection[str], *, where: str) -> list[Problem]:
    """Return what is wrong with the variable names found in one place, in alphabetical order.

    Names are compared without case, as they are read. Those without our prefix are not ours.
    """
    ours = [name for name in names if name.upper().startswith(PREFIX)]
    ours = sorted(name for name in ours if not name.upper().startswith(TEST_PREFIX))
    found = [
        Problem(
            name=name,
            message=f"is set in {where}, but no setting has this name",
            remedy=_likely_fix(name.upper(), known),
        )
        for name in ours
        if name.upper() not in known
    ]
    times = Counter(name.upper() for name in ours)
    return found + [
        Problem(
            name=name,
            message=f"is set {count} times in {where}",
            remedy="keep one of them; upper and lower case are the same here",
        )
        for name, count in times.items()
        if count > 1
    ]


def _likely_fix(name: str, known: Collection[str]) -> str:
    # Most slips are a single underscore for a double one; that must not count as a difference.
    spoken = {candidate.replace("__", "_"): candidate for candidate in known}
    close = get_close_matches(re.sub("__+", "_", name), spoken, n=1, cutoff=_LIKENESS)
    if close:
        return f"did you mean {spoken[close[0]]}? Rename it, or remove it"
    return "remove it, or see docs/configuration.md for the names there are"


def looks_like_an_example(secret: str) -> bool:
    """Tell whether a secret was copied or typed rather than drawn at random."""
    letters = "".join(character for character in secret.lower() if character.isalnum())
    return (
        any(word in letters for word in _EXAMPLE_WORDS)
        or len(set(secret)) < _MIN_DIFFERENT_CHARACTERS
        or secret in (secret + secret)[1:-1]  # a shorter text, repeated
    )


def is_sqlite_in_memory(url: str) -> bool:
    """Tell whether everything written to this database is gone when the process ends."""
    scheme, _, rest = url.partition("://")
    if scheme.partition("+")[0] != "sqlite":
        return False
    path, _, query = (unquote(part).lower() for part in rest.partition("?"))
    return (
        path.strip("/") in {"", "file:"}
        or ":memory:" in path
        or "mode=memory" in query
        or "vfs=memdb" in query
    )


def masked_url(url: str) -> str:
    """Return a URL without the passwords in it; rather too much is hidden than too little."""
    return _URL_PASSWORD.sub(rf"\1:{_MASK}@", _SECRET_QUERY.sub(rf"\1{_MASK}", url))
