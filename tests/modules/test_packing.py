import torch

from fairseq_signals.modules.packing import gathered, packed, scattered

MASK = torch.tensor([[0, 1, 1, 0, 1], [1, 0, 0, 0, 0], [0, 0, 0, 0, 0]]).bool()


def test_frames_that_stay_stand_in_front_in_their_order():
    kept, counts = packed(MASK)
    assert counts.tolist() == [3, 1, 0] and kept.shape == (3, 3)
    for row, number, mask in zip(kept, counts, MASK, strict=True):
        assert row[:number].tolist() == [place for place in range(5) if mask[place]]
        assert len(set(row.tolist())) == 3, "what fills a row up is another frame"


def test_the_order_of_many_frames_stays_too():
    mask = torch.rand(3, 4000) < 0.5
    kept, counts = packed(mask)
    for row, number, chosen in zip(kept, counts, mask, strict=True):
        assert torch.equal(row[:number], chosen.nonzero().squeeze(1))


def test_no_mask_is_made_where_none_is_needed():
    assert packed(None) == (None, None) and packed(torch.ones(2, 4, dtype=torch.bool)) == (None, None)
    kept, counts = packed(torch.tensor([[True, False, True], [False, True, True]]))
    assert kept.tolist() == [[0, 2], [1, 2]] and counts is None


def test_rows_without_any_frame_keep_one_that_does_not_count():
    kept, counts = packed(torch.zeros(2, 4, dtype=torch.bool))
    assert kept.shape == (2, 1) and counts.tolist() == [0, 0]


def test_frames_come_back_to_their_places_and_the_others_are_zero():
    frames = torch.randn(3, 5, 2)
    kept, counts = packed(MASK)
    taken = gathered(frames, kept)
    for b in range(3):
        for n, place in enumerate(kept[b]):
            assert torch.equal(taken[b, n], frames[b, place])
    back = scattered(taken, kept, 5, counts)
    assert torch.equal(back, frames * MASK.unsqueeze(2))
    assert gathered(frames, None) is frames and scattered(frames, None, 5) is frames
