"""SwAV's network: crops, prototypes and queue, and that a small one learns without collapsing."""

import pytest
import torch
import torch.nn.functional as F
from omegaconf import OmegaConf

from fairseq_signals.criterions.spread import spread
from fairseq_signals.criterions.swav import swapped_prediction
from fairseq_signals.encoders import resolve_encoder_for
from fairseq_signals.models.ecg_model import resolve_preprocess
from fairseq_signals.models.ecg_swav import ECGSwAV, ECGSwAVConfig
from fairseq_signals.modules.sinkhorn import sinkhorn

TINY = {"_name": "xresnet1d", "blocks": [1, 1], "width": 4, "stem": [8, 8]}
CROPS = [200, 200, 120]


def model(**settings):
    torch.manual_seed(0)
    encoder, preprocess = resolve_encoder_for(TINY, 100.0, 12), resolve_preprocess("none")
    sizes = {"projection_hidden": 16, "projection_dim": 8, "prototypes": 6, "crop_samples": CROPS, **settings}
    return ECGSwAV(ECGSwAVConfig(encoder=encoder, preprocess=preprocess, **sizes))


def crops(windows=4, seed=0):
    """Three crops of each window, padded to the longest, and their lengths."""
    lengths = torch.tensor(CROPS).repeat_interleave(windows)
    signal = torch.randn(3 * windows, 12, 200, generator=torch.Generator().manual_seed(seed))
    return signal * (torch.arange(200) < lengths[:, None, None]), lengths


def test_scores_are_cosines_of_features_and_prototypes():
    swav = model().eval()
    signal, lengths = crops()
    outputs = swav(signal, lengths)
    embedding = swav.encoder(signal, lengths)  # with padding, which an encoder passes by in evaluation
    torch.testing.assert_close(outputs["embedding"], embedding, rtol=1e-4, atol=1e-5)
    expected = F.cosine_similarity(swav.project(embedding).unsqueeze(1), swav.prototypes, dim=2)
    assert outputs["scores"].shape == (3, 4, 6) and outputs["valid"].all()
    torch.testing.assert_close(outputs["scores"].flatten(0, 1), expected, rtol=1e-4, atol=1e-5)


def test_a_prototypes_length_says_nothing():
    swav = model().eval()
    before = swav(*crops())["scores"]
    with torch.no_grad():
        swav.prototypes *= torch.arange(1, 7).unsqueeze(1)
    torch.testing.assert_close(swav(*crops())["scores"], before)


def test_crops_of_one_length_pass_the_encoder_together_without_padding():
    swav, seen = model(), []
    handle = swav.encoder.register_forward_pre_hook(lambda _, inputs: seen.append((inputs[0].shape, inputs[1])))
    swav(*crops())
    assert [tuple(shape) for shape, _ in seen] == [(8, 12, 200), (4, 12, 120)]
    assert [lengths for _, lengths in seen] == [None, None]
    signal, lengths = crops()
    lengths[1], seen[:] = 60, []
    swav(signal, lengths)
    assert seen[0][1].tolist() == [200, 60] + [200] * 6 and seen[1][1] is None
    handle.remove()


def test_fixed_prototypes_have_no_gradient_and_later_ones_have():
    swav = model(fixed_prototype_updates=3)
    for update, moves in ((0, False), (2, False), (3, True)):
        swav.set_num_updates(update)
        swav.zero_grad()
        swav(*crops())["scores"].square().sum().backward()
        assert bool(swav.prototypes.grad.abs().sum() > 0) == moves
        assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in swav.project.narrow.parameters())


def test_the_queue_holds_the_first_two_crops_of_whole_updates():
    swav = model(queue_size=6, queue_from_update=1)
    expected = []
    for update in range(3):
        swav.set_num_updates(update)
        swav.before_update(update)
        features = []
        for micro_batch in range(2):
            signal, lengths = crops(2, seed=10 * update + micro_batch)
            lengths[4:] = 0  # the third crops, which give no codes
            outputs = swav(signal, lengths)
            features += outputs["features"].detach().unflatten(0, (3, 2))[:2].unbind(dim=1)
        swav.eval()(*crops())
        swav.train()
        assert int(swav.queue.written) == len(expected)
        swav.after_update(update)
        expected += features if update else []
    assert swav.queue.valid.all() and int(swav.queue.written) == 8
    held = {tuple(row.flatten().tolist()) for row in swav.queue.features}
    assert held == {tuple(row.flatten().tolist()) for row in expected[-6:]}
    outputs = swav(*crops())
    prototypes = F.normalize(swav.prototypes, dim=1)
    for crop in range(2):
        torch.testing.assert_close(outputs["queued_scores"][crop], swav.queue.features[:, crop] @ prototypes.T)
    assert outputs["queued"].all() and not outputs["queued_scores"].requires_grad


def test_windows_without_signal_never_enter_the_queue():
    swav = model(queue_size=6)
    signal, lengths = crops()
    lengths[[1, 5, 9]] = 0  # all crops of the second window
    lengths[6] = 0  # the second crop of the third
    outputs = swav(signal, lengths)
    swav.after_update(0)
    assert (~outputs["valid"]).nonzero().flatten().tolist() == [1, 5, 6, 9]
    assert int(swav.queue.written) == 2


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_half_precision_model_scores_in_float32_and_keeps_its_queue(dtype):
    expected, swav = model().eval()(*crops())["scores"].detach(), model(queue_size=6).to(dtype)
    found = swav.eval()(*crops())["scores"].detach()
    assert found.dtype == torch.float32 and float((found - expected).abs().max()) < 0.05
    swav.train()(*crops())["scores"].sum().backward()
    swav.after_update(0)
    assert swav.queue.features.dtype == torch.float32 and int(swav.queue.written) == 4


class Task:
    def __init__(self, views):
        self.cfg, self.spec, self.input_leads = OmegaConf.create({"rate": 100.0, "window_seconds": 2.5}), views, 12

    def views(self):
        return self.spec


def test_crops_are_the_tasks_with_the_longest_first():
    def samples(views):
        cfg = OmegaConf.structured(ECGSwAVConfig(encoder=TINY))
        ECGSwAV.resolve(cfg, Task(views))
        return cfg.crop_samples

    assert samples({"_name": "crops", "seconds": [2.0, 2.0, 1.2]}) == CROPS
    assert samples("augment") == [250, 250] and samples("adjacent") == [125, 125]
    for views in ("single", {"_name": "crops", "seconds": [2.0]}, {"_name": "crops", "seconds": [2.0, 1.0, 2.0]}):
        with pytest.raises(ValueError, match="views of ecg_swav must be two or more crops of a window, the longest"):
            samples(views)


def test_a_small_one_learns_and_does_not_collapse():
    # Sixteen kinds of window, each a mixture of slow waves; crops differ in phase and noise.
    generator = torch.Generator().manual_seed(1)
    time = torch.arange(200) / 100
    hertz, weight = 1 + 5 * torch.rand(16, 3, generator=generator), torch.randn(16, 12, 3, generator=generator)
    swav = model(prototypes=16, queue_size=32, queue_from_update=10, fixed_prototype_updates=5)
    optimiser, losses = torch.optim.Adam(swav.parameters(), lr=3e-3), []
    lengths = torch.tensor(CROPS).repeat_interleave(16)
    for update in range(50):
        phase = 6.3 * torch.rand(48, 1, 1, generator=generator)
        waves = torch.sin(6.28 * hertz.repeat(3, 1).unsqueeze(2) * time + phase)  # [48, 3, T]
        signal = weight.repeat(3, 1, 1) @ waves + 0.1 * torch.randn(48, 12, 200, generator=generator)
        swav.set_num_updates(update)
        swav.before_update(update)
        outputs = swav(signal * (torch.arange(200) < lengths[:, None, None]), lengths)
        scores, queued = outputs["scores"], outputs["queued_scores"]
        filled = torch.cat([outputs["queued"], torch.ones(16, dtype=torch.bool)])
        codes = torch.stack([sinkhorn(torch.cat([queued[n], scores[n]]), counted=filled)[-16:] for n in range(2)])
        total, number = swapped_prediction(scores, codes, torch.ones(3, 16, dtype=torch.bool), 0.1)
        optimiser.zero_grad()
        (total / number).backward()
        optimiser.step()
        swav.after_update(update)
        losses.append(float(total.detach() / number))
    deviation, number = spread(outputs["features"], outputs["valid"])
    assert sum(losses[-5:]) < 0.6 * sum(losses[:5]), losses
    assert float(deviation / number) > 0.4
    nearest = (outputs["scores"][0] @ outputs["scores"][1].T).argmax(dim=1)
    assert (nearest == torch.arange(16)).float().mean() > 0.5
