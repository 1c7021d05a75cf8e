"""MoCo's networks: what a key depends on, what follows what, what enters the queue, and that a small one learns."""

import pytest
import torch
import torch.nn.functional as F

from fairseq_signals.criterions.moco import queue_contrast
from fairseq_signals.encoders import resolve_encoder_for
from fairseq_signals.models.ecg_moco import ECGMoCo, ECGMoCoConfig
from fairseq_signals.models.ecg_model import resolve_preprocess

TINY = {"_name": "xresnet1d", "blocks": [1, 1], "width": 4, "stem": [8, 8]}
METHOD = ["--task", "ecg_pretraining", "--arch", "ecg_moco", "--criterion", "moco", "--encoder", "wav2vec2_tiny"]
METHOD += ["--batch-size", "4", "--optimizer", "adam"]


def model(**settings):
    torch.manual_seed(0)
    encoder, preprocess = resolve_encoder_for(TINY, 100.0, 12), resolve_preprocess("none")
    sizes = {"projection_hidden": 16, "projection_dim": 8, "queued_keys": 10, **settings}
    return ECGMoCo(ECGMoCoConfig(encoder=encoder, preprocess=preprocess, **sizes))


def views(windows=4, seed=0, samples=200):
    """First views of windows, then their second ones."""
    return torch.randn(2 * windows, 12, samples, generator=torch.Generator().manual_seed(seed))


def loss_of(outputs, temperature=0.1):
    names = ("query", "key", "queued", "filled", "valid")
    return queue_contrast(*(outputs[name] for name in names), temperature)


@pytest.mark.parametrize(("head", "width"), [("none", 32), ("linear", 8), ("mlp", 8)])
def test_queries_are_of_first_views_and_keys_of_second(head, width):
    moco = model(contrast_head=head).eval()
    signal = views()
    outputs = moco(signal)
    expected = F.normalize(moco.project(moco.encoder(signal)), dim=1)  # before any update the copy is the network
    assert outputs["query"].shape == outputs["key"].shape == (4, width) == (4, moco.queue.features.shape[1])
    torch.testing.assert_close(outputs["query"], expected[:4], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(outputs["key"], expected[4:], rtol=1e-4, atol=1e-5)
    assert outputs["query"].requires_grad and not outputs["key"].requires_grad
    layers = sum(1 for part in moco.project.modules() if isinstance(part, torch.nn.Linear))
    assert layers == {"none": 0, "linear": 1, "mlp": 2}[head]


def test_a_key_cannot_tell_which_windows_are_in_its_batch():
    # If batch statistics entered keys, the same window would have another key beside other windows, and a query that
    # was normalised by the same windows could recognise the batch instead of the window.
    moco, signal = model().train(), views()
    for parameter in moco.parameters():
        parameter.data += 0.01
    key = moco(signal)["key"]
    other = signal.clone()
    other[:4] = 3 * views(seed=1)[:4]  # the queries of all, and the keys of all but one
    other[5:] = 3 * views(seed=2)[5:]
    torch.testing.assert_close(moco(other)["key"][0], key[0])
    assert not torch.allclose(moco(other)["key"][1], key[1])
    alone = moco(torch.cat([signal[:1], signal[4:5]]))["key"]
    torch.testing.assert_close(alone[0], key[0], rtol=1e-4, atol=1e-5)
    query = moco(signal)["query"][0]
    signal[1:4] *= 3
    assert not torch.allclose(moco(signal)["query"][0], query)  # which batch norm does to queries, as it should


def test_gradients_reach_encoder_and_head_and_no_copy():
    moco = model(contrast_head="mlp")
    moco.queue.stage(F.normalize(torch.randn(5, 8), dim=1), torch.ones(5, dtype=torch.bool))
    moco.queue.commit()
    loss_of(moco(views()))[0].backward()
    for name, parameter in moco.named_parameters():
        assert (parameter.grad is None) == name.startswith("key_"), name


def test_the_copy_follows_in_weights_and_statistics():
    moco = model(copy_momentum=0.9)
    before = {name: value.clone() for name, value in moco.key_encoder.module.named_parameters()}
    moco(views())
    with torch.no_grad():
        for parameter in moco.encoder.parameters():
            parameter += 1
    moco.after_update(1000)
    for name, value in moco.key_encoder.module.named_parameters():
        torch.testing.assert_close(value, before[name] + 0.1, rtol=1e-4, atol=1e-5)
    online, copy = dict(moco.encoder.named_buffers()), dict(moco.key_encoder.module.named_buffers())
    moved = [name for name in online if name.endswith("running_mean")]
    assert moved and all(online[name].abs().sum() > 0 for name in moved)
    for name in moved:  # they began at zero
        torch.testing.assert_close(copy[name], 0.1 * online[name])


def test_the_queue_holds_keys_of_earlier_updates_whatever_its_size():
    moco, expected = model(queued_keys=10), []
    for update in range(4):
        moco.before_update(update)
        keys = []
        for micro_batch in range(2):
            lengths = torch.tensor([200, 200, 200, 0, 200, 200])  # the first view of none, the second of one is padding
            outputs = moco(views(3, seed=10 * update + micro_batch), lengths)
            assert int(outputs["filled"].sum()) == min(10, len(expected))
            assert outputs["valid"].tolist() == [False, True, True]
            held = {tuple(row.tolist()) for row in outputs["queued"][outputs["filled"]]}
            assert held == {tuple(row.tolist()) for row in expected[-10:]}
            keys += outputs["key"][1:].unbind(0)
        moco.eval()(views(3))
        moco.train().after_update(update)
        expected += keys
    assert int(moco.queue.written) == 16


def test_an_update_that_was_skipped_leaves_no_keys():
    moco = model()
    moco.before_update(0)
    moco(views(seed=1))
    moco.before_update(0)  # an overflow: fairseq begins again without a word
    key = moco(views(seed=2))["key"]
    moco.after_update(0)
    assert int(moco.queue.written) == 4
    torch.testing.assert_close(moco.queue.features[:4], key)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_copy_and_queue_stay_in_float32(dtype):
    moco = model().to(dtype)
    outputs = moco(views())
    assert outputs["query"].dtype == outputs["key"].dtype == torch.float32
    assert {p.dtype for p in moco.key_encoder.parameters()} == {moco.queue.features.dtype} == {torch.float32}
    before = next(moco.key_encoder.parameters()).clone()
    with torch.no_grad():
        for parameter in moco.encoder.parameters():
            parameter += 1
    moco.after_update(0)
    moved = next(moco.key_encoder.parameters()) - before
    torch.testing.assert_close(moved, torch.full_like(moved, 0.001), rtol=0.3, atol=0)  # the network's own was rounded


def test_what_cannot_be_is_refused(fairseq_parts, ecg_data, arguments):
    for settings, message in (
        ({"copy_momentum": 1.5}, "copy_momentum must lie in 0 to 1, got 1.5"),
        ({"projection_dim": 0}, "contrast_head linear must have hidden units and outputs, got 16 and 0"),
        ({"contrast_head": "mlp", "projection_hidden": 0}, "contrast_head mlp must have hidden units and outputs"),
        ({"queued_keys": 0}, "size of a feature queue must be positive, got 0"),
    ):
        with pytest.raises(ValueError, match=message):
            model(**settings)
    with pytest.raises(ValueError, match=r"views of ecg_moco must be two of each window .*, got 'single'"):
        fairseq_parts(ecg_data, *arguments["place"], *METHOD, "--views", "single")


def test_a_small_one_learns_to_find_its_windows():
    # Sixteen kinds of window, each a mixture of slow waves; a view is one of them, shifted and with noise.
    generator = torch.Generator().manual_seed(1)
    time = torch.arange(120) / 100
    hertz, weight = 1 + 5 * torch.rand(16, 3, generator=generator), torch.randn(16, 12, 3, generator=generator)
    moco = model(copy_momentum=0.9, queued_keys=60, contrast_head="linear")
    optimiser, found = torch.optim.Adam([p for p in moco.parameters() if p.requires_grad], lr=3e-3), []
    for update in range(50):
        kinds = torch.randperm(16, generator=generator)[:8].repeat(2)
        phase = 6.3 * torch.rand(16, 1, generator=generator)
        waves = torch.sin(6.28 * hertz[kinds].unsqueeze(2) * time + phase.unsqueeze(2))  # [16, 3, T]
        signal = weight[kinds] @ waves + 0.1 * torch.randn(16, 12, 120, generator=generator)
        moco.before_update(update)
        outputs = moco(signal)
        total, number, _ = loss_of(outputs, 0.2)
        optimiser.zero_grad()
        total.backward()
        optimiser.step()
        moco.after_update(update)
        if number:
            found.append(float(total.detach() / number))
    # Eleven or twelve of sixty keys are of the query's own kind, which it cannot be told from.
    assert sum(found[-5:]) < 0.8 * sum(found[5:10]), found
    nearest = (outputs["query"].detach() @ outputs["key"].T).argmax(dim=1)
    assert (nearest == torch.arange(8)).float().mean() > 0.5  # by chance one of eight
