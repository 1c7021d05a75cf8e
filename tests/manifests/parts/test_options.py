import argparse
import re

import pytest
from joblib.externals.loky.process_executor import TerminatedWorkerError

from fairseq_signals.data.item import Packing
from fairseq_signals.data.leads import STANDARD_LEADS
from manifests.parts.options import choices_of, option_parser, packing_of, run, some_of

NEEDED = ["--source", "in", "--dest", "out"]


def test_options_become_the_packing():
    parse = option_parser("x", "y").parse_args
    assert packing_of(parse(NEEDED)) == Packing(None, STANDARD_LEADS, 20.0, 1.0, 512)
    more = "--rate 250 --leads II,I --bound-mv 5 --shortest 2.5 --per-shard 9".split()
    assert packing_of(parse(NEEDED + more)) == Packing(250.0, ("I", "II"), 5.0, 2.5, 9)


def test_choices_are_plain_for_the_card():
    options = option_parser("x", "y").parse_args([*NEEDED, "--relabel", "aVL=aVF", "--seed", "3"])
    assert choices_of(options, "seed", "relabel") == {"seed": 3, "relabel": [["aVL", "aVF"]]}


def test_some_of_several_names_come_in_their_own_order():
    parse = some_of("parts", ("b", "a", "c"))
    assert parse(" C, a,b ,a") == ("b", "a", "c")
    for text in ("", "a,d"):
        with pytest.raises(argparse.ArgumentTypeError, match=rf"parts must be among b, a, c, got '{text}'"):
            parse(text)


def test_a_default_is_shown_where_there_is_one():
    text = " ".join(option_parser("x", "y", "  prepare.py z --rate 500").format_help().split())
    assert "(default: 12)" in text and "(default: 20.0)" in text and "example: prepare.py z --rate 500 Stop it" in text
    assert not re.search(r"\(default: (None|False|\(\)|\[\])\)", text)


def test_every_option_has_a_help():
    for action in option_parser("x", "folder")._actions:
        assert action.help and len(action.help) > 3, action.dest


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ValueError("rate must be positive, got 0"), "error: rate must be positive, got 0"),
        (FileNotFoundError("source must be a folder"), "error: source must be a folder"),
        (OSError(28, "No space left on device"), r"error: \[Errno 28\] No space left"),
        (TerminatedWorkerError(), "error: a worker process was killed"),
        (KeyboardInterrupt(), "stopped; the same command continues"),
    ],
)
def test_what_a_user_can_cause_ends_in_one_paragraph(error, message):
    def main():
        raise error

    with pytest.raises(SystemExit, match=message):
        run(main)


def test_our_own_mistakes_keep_their_traceback():
    with pytest.raises(KeyError):
        run(lambda: {}["x"])
