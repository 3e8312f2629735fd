"""Maps the folder `src` to the package `traderbot`; everything else is in pyproject.toml."""

from setuptools import find_packages, setup

setup(
    package_dir={"traderbot": "src"},
    # Found, not listed: what somebody forgets to list is missing from the wheel without a word.
    packages=["traderbot", *(f"traderbot.{name}" for name in find_packages("src"))],
)
