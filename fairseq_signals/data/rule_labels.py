"""Labels out of a manifest's columns of numbers, by rules such as `lvsd: ef < 40`; another cut-off, another rule."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from fairseq_signals.data.number_rules import Rule, is_rule, parse_rule
from fairseq_signals.data.rule_tally import Rules


class Table(Protocol):
    """What is needed of a manifest."""

    path: object
    columns: tuple[str, ...]

    def __len__(self) -> int: ...

    def distinct(self, name: str) -> tuple[list[str], np.ndarray]:
        """The different cells of a column, and int32 `[N]`: which each row has."""
        ...


def rule_matrix(manifest: Table, rules: Sequence[Rule]) -> tuple[np.ndarray, np.ndarray]:
    """Which classes apply to each row, and of which that is known: two of bool `[N, C]` for `N` rows and `C` rules.

    A cell that is empty, no number, one that stands for a missing number, or one that no ejection fraction can have (in
    a column that is called one) leaves its classes unknown.

    Raises:
        ValueError: a rule's column is not in the manifest.
    """
    return _read(manifest, Rules(rules))


def rule_findings(manifest: Table, rules: Sequence[Rule]) -> list[str]:
    """What was found, for people, see `rule_tally.Rules.lines`: spans and counts.

    Raises:
        ValueError: a rule's column is not in the manifest, or holds no number that the rule can be meant for.
    """
    found = Rules(rules)
    _read(manifest, found)
    try:
        return found.lines()
    except ValueError as error:
        raise ValueError(f"{error} ({manifest.path})") from None


def rule_doubts(manifest: Table, definitions: Sequence[str]) -> list[str]:
    """What is odd about the numbers that classes are made of, for people, one line each; none where all is sound.

    To be printed or warned of wherever scores or labels are made of a manifest, above all of another hospital's.

    Args:
        manifest: whose columns hold the numbers.
        definitions: of classes, as `data.manifest.label_matrix` takes them; codes say nothing of numbers.

    Raises:
        ValueError: a rule's column is not in the manifest.
    """
    found = Rules([parse_rule(text) for text in definitions if is_rule(text)])
    _read(manifest, found)
    return found.doubts()


def _read(manifest: Table, rules: Rules) -> tuple[np.ndarray, np.ndarray]:
    place = {rule.name: number for number, rule in enumerate(rules.rules)}
    labels, known = (np.zeros((len(manifest), len(place)), bool) for _ in range(2))
    for column in rules.columns:
        if column not in manifest.columns:
            names = ", ".join(rule.name for rule in rules.rules if rule.column == column)
            raise ValueError(
                f"column {column}, of which the class {names} is made, must be in the manifest, got the columns "
                f"{', '.join(manifest.columns)} ({manifest.path})"
            )
        cells, rows = manifest.distinct(column)
        mine = [place[rule.name] for rule in rules.rules if rule.column == column]
        applies, told = (np.zeros((len(cells), len(place)), bool) for _ in range(2))
        for number, times in enumerate(np.bincount(rows, minlength=len(cells)).tolist()):
            applying, unknown = rules.of_column(column, cells[number], times)
            applies[number, [place[name] for name in applying]] = True
            told[number, mine] = not unknown
        labels[:, mine], known[:, mine] = applies[rows][:, mine], told[rows][:, mine]
    return labels, known
