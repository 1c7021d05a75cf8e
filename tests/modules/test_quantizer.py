import math

import pytest
import torch

from fairseq_signals.modules.quantizer import GumbelQuantizer, annealed_temperature, perplexity

FairseqQuantizer = pytest.importorskip("fairseq.modules").GumbelVectorQuantizer

B, F, D, G, V, DIM = 3, 7, 5, 2, 11, 8


@pytest.fixture
def pair():
    """Our quantizer and fairseq's with the same weights."""
    torch.manual_seed(0)
    ours = GumbelQuantizer(D, G, V, DIM)
    theirs = FairseqQuantizer(D, V, (2.0, 0.5, 0.9), G, False, DIM, True)
    with torch.no_grad():
        ours.logits.bias.uniform_()
        theirs.weight_proj.load_state_dict(ours.logits.state_dict())
        theirs.vars.copy_(ours.codebook.reshape(1, G * V, -1))
    return ours, theirs


def _seeded():
    torch.manual_seed(5)
    return torch.Generator().manual_seed(5)


@pytest.mark.parametrize("training", [True, False])
def test_values_codes_and_perplexities_equal_fairseq_on_the_same_draws(pair, training):
    ours, theirs = pair
    ours.train(training), theirs.train(training)
    frames = torch.randn(B, F, D)
    generator = _seeded()
    expected = theirs(frames, produce_targets=True)
    received = ours(frames, torch.ones(B, F, dtype=torch.bool), generator)
    torch.testing.assert_close(received.values, expected["x"], rtol=0, atol=1e-6)
    assert torch.equal(received.codes, expected["targets"])
    assert perplexity(received.probability_sum / received.count).item() == pytest.approx(
        expected["prob_perplexity"].item()
    )
    assert perplexity(received.code_counts / received.count).item() == pytest.approx(expected["code_perplexity"].item())
    assert ours.temperature == expected["temp"]


@pytest.mark.parametrize("training", [True, False])
def test_gradients_equal_fairseq_on_the_same_draws(pair, training):
    ours, theirs = pair
    ours.train(training), theirs.train(training)
    weight = torch.randn(B, F, DIM)
    mine, other = (torch.randn(B, F, D, generator=torch.Generator().manual_seed(1)).requires_grad_() for _ in "ab")
    generator = _seeded()
    expected = theirs(other)
    ((expected["x"] * weight).sum() + expected["prob_perplexity"]).backward()
    received = ours(mine, torch.ones(B, F, dtype=torch.bool), generator)
    ((received.values * weight).sum() + perplexity(received.probability_sum / received.count)).backward()
    for a, b in (
        (mine.grad, other.grad),
        (ours.logits.weight.grad, theirs.weight_proj.weight.grad),
        (ours.logits.bias.grad, theirs.weight_proj.bias.grad),
        (ours.codebook.grad.reshape(1, G * V, -1), theirs.vars.grad),
    ):
        assert float(b.abs().max()) > 1e-3
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("training", [True, False])
def test_without_noise_the_most_probable_codes_are_looked_up(pair, training):
    ours = pair[0].train(training)
    frames = torch.randn(B, F, D)
    received = ours(frames, torch.ones(B, F, dtype=torch.bool), None if training else torch.Generator())
    for b in range(B):
        for f in range(F):
            logits = ours.logits.weight @ frames[b, f] + ours.logits.bias
            codes = [int(logits[g * V : (g + 1) * V].argmax()) for g in range(G)]
            assert received.codes[b, f].tolist() == codes
            expected = torch.cat([ours.codebook[g, code] for g, code in enumerate(codes)])
            torch.testing.assert_close(received.values[b, f], expected, rtol=0, atol=0)


def test_hotter_draws_leave_the_codes_and_soften_the_gradient(pair):
    ours, frames = pair[0], torch.randn(B, F, D)
    counted, results, gradients = torch.ones(B, F, dtype=torch.bool), [], []
    for temperature in (0.5, 50.0):
        ours.temperature = temperature
        ours.zero_grad()
        results.append(ours(frames, counted, torch.Generator().manual_seed(3)))
        results[-1].values.square().sum().backward()
        gradients.append(float(ours.logits.weight.grad.abs().mean()))
    assert torch.equal(results[0].codes, results[1].codes)
    assert gradients[1] < 0.1 * gradients[0]


def test_sums_over_parts_of_a_batch_add_up_and_only_counted_frames_enter(pair):
    ours, frames = pair[0].eval(), torch.randn(B, F, D)
    counted = torch.rand(B, F) < 0.6
    whole = ours(frames, counted)
    halves = [ours(frames[rows], counted[rows]) for rows in (slice(0, 1), slice(1, B))]
    alone = ours(frames[counted].unsqueeze(0), torch.ones(1, int(counted.sum()), dtype=torch.bool))
    for name in ("probability_sum", "code_counts", "count"):
        total = getattr(whole, name)
        torch.testing.assert_close(sum(getattr(half, name) for half in halves), total)
        torch.testing.assert_close(getattr(alone, name), total)
    assert whole.count == counted.sum()
    torch.testing.assert_close(whole.code_counts.sum(1), whole.count.expand(G))


def test_gumbel_draws_choose_codes_as_often_as_their_softmax_says():
    torch.manual_seed(0)
    quantizer = GumbelQuantizer(1, 1, 4, 2)
    with torch.no_grad():
        quantizer.logits.weight.zero_()
        quantizer.logits.bias.copy_(torch.tensor([0.1, 0.2, 0.3, 0.4]).log())
    n = 40_000
    codes = quantizer(torch.zeros(1, n, 1), torch.ones(1, n, dtype=torch.bool), torch.Generator().manual_seed(0)).codes
    for code, p in enumerate((0.1, 0.2, 0.3, 0.4)):
        assert abs(float((codes == code).float().mean()) - p) < 4.5 * math.sqrt(p * (1 - p) / n)


def test_codebook_gradient_of_many_frames_in_bfloat16_is_not_lost():
    torch.manual_seed(0)
    quantizer = GumbelQuantizer(2, 1, 2, 2).to(torch.bfloat16).eval()
    n = 5000
    received = quantizer(torch.ones(1, n, 2, dtype=torch.bfloat16), torch.ones(1, n, dtype=torch.bool))
    assert received.probability_sum.dtype == received.code_counts.dtype == torch.float32
    received.values.sum().backward()
    # Every frame takes the same code; a sum in bfloat16 stops at 256.
    assert float(quantizer.codebook.grad.float().max()) == pytest.approx(n, rel=2**-8)


def test_perplexity_of_equal_use_is_the_number_of_codes_and_of_one_code_is_one():
    assert float(perplexity(torch.full((2, 320), 1 / 320))) == pytest.approx(640, rel=1e-4)
    assert float(perplexity(torch.eye(320)[:2])) == pytest.approx(2, rel=1e-4)


def test_temperature_falls_by_a_factor_per_update_down_to_its_end():
    temperature = 2.0
    for update in range(200):
        assert annealed_temperature(update, 2.0, 0.5, 0.98) == pytest.approx(max(temperature, 0.5))
        temperature *= 0.98
    assert annealed_temperature(10**7, 2.0, 0.5, 0.999995) == 0.5


def test_a_width_that_groups_cannot_share_is_refused():
    with pytest.raises(ValueError, match="must be a multiple of its groups, got 9 and 2"):
        GumbelQuantizer(4, 2, 3, 9)
