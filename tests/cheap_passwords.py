"""Makes password hashes cheap: what a hash costs is a parameter that is part of it, and tests create thousands."""

from functools import partial

from argon2 import PasswordHasher

from holdfast.services.access import passwords

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


def make_passwords_cheap() -> None:
    """Let this process create cheap hashes; those that exist cost what they did."""
    cheap = partial(PasswordHasher, CHEAP.time_cost, CHEAP.memory_cost, CHEAP.parallelism)
    passwords.PasswordHasher = cheap  # type: ignore[misc,assignment]
