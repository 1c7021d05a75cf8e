"""What several encoders ask of their settings."""


def positive_integers(name: str, numbers: list) -> list[int]:
    """The numbers as a list.

    Args:
        name: of the setting.
        numbers: what was given for it.

    Raises:
        ValueError: they are no list, none, or not all positive integers.
    """
    if not isinstance(numbers, (list, tuple)) or not numbers or not all(type(n) is int and n > 0 for n in numbers):
        raise ValueError(f"{name} must be made of positive integers, got {numbers!r}")
    return list(numbers)
