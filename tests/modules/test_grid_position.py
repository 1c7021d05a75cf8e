import math

import pytest
import torch

from fairseq_signals.modules.grid_position import GridPosition, sine_cosine_grid


def test_fixed_codes_equal_the_formula_one_number_at_a_time():
    leads, times, dim = 3, 5, 16
    codes = sine_cosine_grid(leads, times, dim)
    for time in range(times):
        for lead in range(leads):
            expected = []
            for place in (lead, time):
                angles = [place / 10000 ** (i / (dim / 4)) for i in range(dim // 4)]
                expected += [math.sin(a) for a in angles] + [math.cos(a) for a in angles]
            torch.testing.assert_close(codes[time * leads + lead], torch.tensor(expected))


def test_every_place_has_a_code_of_its_own_and_a_shorter_window_the_first_of_them():
    position = GridPosition(12, 192)
    codes = position(torch.zeros(1, 240, 192))
    assert torch.cdist(codes, codes).fill_diagonal_(1).min() > 0.1
    assert torch.equal(position(torch.zeros(1, 60, 192)), codes[:60]) and not list(position.parameters())


def test_learned_codes_are_one_of_the_lead_and_one_of_the_time():
    position = GridPosition(3, 8, "learned", 4)
    codes = position(torch.zeros(1, 9, 8))
    for time in range(3):
        for lead in range(3):
            torch.testing.assert_close(codes[3 * time + lead], position.lead[lead] + position.time[time])
    assert {tuple(p.shape) for p in position.parameters()} == {(3, 8), (4, 8)}


def test_codes_take_the_precision_of_the_tokens():
    assert GridPosition(2, 8)(torch.zeros(1, 4, 8, dtype=torch.bfloat16)).dtype == torch.bfloat16


@pytest.mark.parametrize(
    "settings, tokens, message",
    [
        ((3, 8, "sine"), 3, "position must be 'fixed' or 'learned', got 'sine'"),
        ((3, 6), 3, "dim must be a multiple of 4 .* got 6"),
        ((3, 8, "learned"), 3, "learned positions must be for 1 patch in time or more, got 0"),
        ((3, 8), 4, "tokens must be a multiple of the 3 leads, got 4"),
        ((3, 8, "learned", 2), 9, "at most the 2 patches in time .*position_seconds.*, got 3"),
    ],
)
def test_what_makes_no_sense_is_refused(settings, tokens, message):
    with pytest.raises(ValueError, match=message):
        GridPosition(*settings)(torch.zeros(1, tokens, settings[1]))
