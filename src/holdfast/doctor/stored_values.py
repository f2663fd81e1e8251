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
    count, listed_count, texts = 0, 0, list[str]()
    for damage in find_damage(session):
        count += damage.count
        if len(texts) < _MOST:
            listed_count += damage.count
            texts.append(_describe(damage))
    if not count:
        return Check.ok(_NAME, "All stored values can be read.")
    if count > listed_count:
        texts.append(f"and {count - listed_count:,} more")
    text = f"{count:,} object{' has' if count == 1 else 's have'} values that can't be read: {'; '.join(texts)}."
    advice = "Do what the text says for each, or restore a backup. Check the disk and memory of the machine."
    return Check.failed(_NAME, text, advice)


def _describe(damage: Damage) -> str:
    organization = f" of {damage.organization}" if damage.organization else ""
    values = ", ".join(damage.values)
    return f"{damage.subject}{organization} ({values}: {damage.remedy[0].lower()}{damage.remedy[1:]})"
