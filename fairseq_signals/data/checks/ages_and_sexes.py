"""Ages and sexes that nobody has, in the source's columns or the files' headers."""

from collections.abc import Sequence

from fairseq_signals.data.checks.verdict import Verdict, of_counts
from fairseq_signals.data.item import Packed

OLDEST = 120  # years
_SEXES = ("male", "female", "")


def judge_ages_and_sexes(packed: Sequence[Packed]) -> Verdict:
    """A warning for each age that is no number from 0 to 120, and each sex that is neither male nor female.

    Empty is fine: not known.
    """
    warnings: dict[str, list[str]] = {}
    ages, sexes = 0, 0
    for one in packed:
        age, sex = _told(one, "age"), _told(one, "sex")
        if age and not _is_age(age):
            ages += 1
            warnings.setdefault(one.item.id, []).append(f"age must be 0 to {OLDEST} years, got {age}")
        if sex not in _SEXES:
            sexes += 1
            warnings.setdefault(one.item.id, []).append(f"sex must be male, female or empty, got {sex}")
    return of_counts(warnings, {"with an age that nobody has": ages, "with a sex other than male or female": sexes})


def _told(one: Packed, name: str) -> str:
    value = one.item.extra.get(name, one.meta.get(name))
    return "" if value is None else str(value).strip()


def _is_age(text: str) -> bool:
    try:
        return 0 <= float(text) <= OLDEST
    except ValueError:
        return False
