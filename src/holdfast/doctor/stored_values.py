"""
The check for stored values that can't be read.
"""

from sqlalchemy.orm import Session

from holdfast.doctor.check import Check
from holdfast.store.damage import Damage, find_damage

_NAME = "stored values"
_MOST = 20  # objects that are named


def check_stored_values(session: Session) -> Check:
    """Check that all stored values can be read, and name the objects with those that can't."""
    count, named_damages = 0, []
    for damage in find_damage(session):
        count += 1
        if count <= _MOST:
            named_damages.append(damage)
    if not count:
        return Check.ok(_NAME, "All stored values can be read.")
    sentences = [f"{count:,} object{' has' if count == 1 else 's have'} values that can't be read:"]
    sentences += [f"{_describe(damage)}." for damage in named_damages]
    if count > _MOST:
        sentences.append(f"{count - _MOST:,} more aren't listed.")
    advice = "Do what the text says for each, or restore a backup. Check the disk and memory of the machine."
    return Check.failed(_NAME, " ".join(sentences), advice)


def _describe(damage: Damage) -> str:
    organization = f" of {damage.organization}" if damage.organization else ""
    return f"{damage.subject}{organization} ({', '.join(damage.values)}): {damage.remedy[0].lower()}{damage.remedy[1:]}"
