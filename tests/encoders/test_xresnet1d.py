import pytest
import torch
import torch.nn.functional as F
from torch import nn

from fairseq_signals.encoders import build_encoder, xresnet1d
from fairseq_signals.encoders.xresnet1d import Block, mean_of_neighbours

# Two stages of few channels: a frame steps by 8 samples.
SMALL = {"input_rate": 100, "input_leads": 3, "blocks": [2, 2], "width": 4, "stem": [4, 4, 6]}
FORMS = [{}, {"expansion": 1}, {"kernel": 3}, {"blocks": [1, 2, 1]}, {"pool": "mean"}]


def _unsettle(module):
    """Norms that are not trivial, the last one of each block included."""
    generator = torch.Generator().manual_seed(1)
    for norm in module.modules():
        if isinstance(norm, nn.BatchNorm1d):
            for tensor in (norm.weight.data, norm.bias.data, norm.running_mean):
                tensor.copy_(torch.randn(tensor.shape, generator=generator))
            norm.running_var.uniform_(0.5, 2.0, generator=generator)
    return module


def _encoder(**settings):
    torch.manual_seed(0)
    return _unsettle(build_encoder("xresnet1d", **SMALL | settings))


@pytest.mark.parametrize("name, outputs", [("18", 128), ("34", 128), ("50", 512), ("101", 512)])
def test_presets_give_frames_of_32_samples_and_embeddings_of_their_mean_and_maximum(name, outputs):
    encoder = build_encoder(f"xresnet1d{name}", input_leads=12).eval()
    signal = torch.randn(2, 12, 250)
    with torch.no_grad():
        frames, embedding = encoder.local(signal), encoder(signal)
    assert frames.shape == (2, 8, outputs // 2) and (encoder.local_dim, encoder.dim) == (outputs // 2,) * 2
    assert embedding.shape == (2, outputs) and encoder.embedding_dim == outputs
    assert encoder.context(encoder.tokens(frames)) is frames
    torch.testing.assert_close(embedding[:, : outputs // 2], frames.sum(dim=1) / 8)
    assert torch.equal(embedding[:, outputs // 2 :], frames.sort(dim=1).values[:, -1])


@pytest.mark.parametrize("leads", [12, 1])
@pytest.mark.parametrize(
    "name, blocks, wider, documented",
    [
        ("18", 8, 1, 347_264),
        ("34", 16, 1, 676_992),
        ("50", 16, 4, 886_400),
        ("101", 33, 4, 1_804_672),
    ],
)
def test_parameters_by_closed_form(name, blocks, wider, documented, leads):
    def layer(inputs, outputs, kernel):
        return inputs * outputs * kernel + 2 * outputs  # batch norm: a factor and an offset

    stem = layer(leads, 32, 5) + layer(32, 32, 5) + layer(32, 64, 5)
    if wider == 1:
        expected = stem + blocks * 2 * layer(64, 64, 5)
    else:
        middle = layer(64, 64, 5) + layer(64, 256, 1)
        first = layer(64, 64, 1) + middle + layer(64, 256, 1)  # with its shortcut
        expected = stem + first + (blocks - 1) * (layer(256, 64, 1) + middle)
    with torch.device("meta"):
        encoder = build_encoder(f"xresnet1d{name}", input_leads=leads)
    assert sum(p.numel() for p in encoder.parameters()) == expected
    if leads == 12:
        assert expected == documented
        assert f"xresnet1d{name} {documented:,}" in " ".join(xresnet1d.__doc__.split())


def _convolve(signal, conv, stride):
    """`[C, T]` by `[C', C, K]` with zeros around, one product at a time."""
    outputs, inputs, kernel = conv.shape
    reach, size = kernel // 2, signal.shape[1]
    rows = []
    for c in range(outputs):
        row = []
        for centre in range(0, size, stride):
            near = [(k, centre + k - reach) for k in range(kernel) if 0 <= centre + k - reach < size]
            row.append(sum(conv[c, i, k] * signal[i, t] for i in range(inputs) for k, t in near))
        rows.append(torch.stack(row))
    return torch.stack(rows)


def _layer_by_loops(layer, signal, stride=1):
    norm = layer.norm
    output = _convolve(signal, layer.conv.weight, stride)
    factor = norm.weight / (norm.running_var + norm.eps).sqrt()
    return (output - norm.running_mean[:, None]) * factor[:, None] + norm.bias[:, None]


@pytest.mark.parametrize(
    "inputs, expansion, stride", [(3, 4, 1), (8, 4, 2), (3, 4, 2), (2, 1, 1), (2, 1, 2), (3, 1, 2)]
)
@pytest.mark.parametrize("samples", [7, 8])
def test_a_block_equals_plain_loops(inputs, expansion, stride, samples):
    torch.manual_seed(0)
    block, signal = _unsettle(Block(inputs, 2, expansion, 5, stride)).eval(), torch.randn(inputs, samples)
    with torch.no_grad():
        if expansion == 4:
            output = _layer_by_loops(block.layers[0], signal).clamp(min=0)
            output = _layer_by_loops(block.layers[1], output, stride).clamp(min=0)  # the stride in the middle
            output = _layer_by_loops(block.layers[2], output)
        else:
            output = _layer_by_loops(block.layers[0], signal, stride).clamp(min=0)
            output = _layer_by_loops(block.layers[1], output)
        kept = signal
        if stride == 2:
            kept = torch.stack([signal[:, t : t + 2].mean(dim=1) for t in range(0, samples, 2)], dim=1)
        if inputs != 2 * expansion:
            kept = _layer_by_loops(block.shortcut, kept)
        else:
            assert block.shortcut is None
        expected = (output + kept).clamp(min=0)
        torch.testing.assert_close(block(signal[None])[0], expected, rtol=1e-4, atol=1e-5)


def test_the_network_is_stem_maximum_and_stages_in_this_order():
    encoder, signal = _encoder().eval(), torch.randn(2, 3, 45)
    stride = 2
    frames = signal
    for layer in encoder.stem:
        frames = F.conv1d(frames, layer.conv.weight, stride=stride, padding=2)
        norm = layer.norm
        frames = F.batch_norm(frames, norm.running_mean, norm.running_var, norm.weight, norm.bias).relu()
        stride = 1
    frames = nn.MaxPool1d(3, stride=2, padding=1)(frames)
    for stage in encoder.stages:
        frames = nn.Sequential(*stage)(frames)
    torch.testing.assert_close(encoder.local(signal), frames.mT, rtol=1e-4, atol=1e-5)
    assert [[block.stride for block in stage] for stage in encoder.stages] == [[1, 1], [2, 1]]


@pytest.mark.parametrize("name", ["xresnet1d18", "xresnet1d50"])
def test_a_new_block_is_its_shortcut_through_relu(name):
    encoder = build_encoder(name, input_leads=3, width=4, stem=[4, 4, 6]).train()
    signal, beside = torch.randn(2, 3, 64), 0
    for layer in encoder.stem:
        signal = layer(signal)
    for stage in encoder.stages:
        for block in stage:
            kept = signal if block.stride == 1 else (signal[..., ::2] + signal[..., 1::2]) / 2
            kept = kept if block.shortcut is None else block.shortcut(kept)
            torch.testing.assert_close(block(signal), kept.relu())
            beside += block.shortcut is not None
            signal = block(signal)
    assert beside == 1, "only the first block changes the number of channels"
    changed = [norm for norm in encoder.modules() if isinstance(norm, nn.BatchNorm1d) and not norm.weight.any()]
    assert len(changed) == sum(encoder.settings.blocks)


def test_weights_start_as_normal_draws_of_he_s_deviation():
    torch.manual_seed(0)
    for name, weight in build_encoder("xresnet1d50").named_parameters():
        if name.endswith("conv.weight"):
            assert weight.std().item() == pytest.approx((2 / weight[0].numel()) ** 0.5, rel=0.1)
            assert 2.6 < weight.abs().max() / weight.std(), "a uniform draw would end at 1.7 deviations"


@pytest.mark.parametrize("settings", FORMS)
def test_frame_counts_against_plain_loops_and_real_outputs(settings):
    encoder = _encoder(**settings).eval()
    lengths = list(range(0, 80))
    counts = encoder.frame_counts(torch.tensor(lengths)).tolist()
    for length, count in zip(lengths, counts, strict=True):
        expected = length
        for _ in range(1 + len(encoder.settings.blocks)):  # stem, maximum, stages but the first
            expected = len(range(0, expected, 2))
        assert count == expected
    for length in (1, 2, 7, 8, 9, 31, 33, 64):
        assert encoder.local(torch.randn(1, 3, length)).shape == (1, counts[length], encoder.local_dim)


@pytest.mark.parametrize("settings", FORMS)
def test_a_padded_window_gives_the_frames_and_the_embedding_of_the_window_alone(settings):
    encoder = _encoder(**settings).eval()
    lengths = torch.tensor([80, 79, 65, 64, 38, 9, 1])
    signal = torch.randn(7, 3, 80)  # what lies behind the valid samples is anything but zero
    with torch.no_grad():
        local, frames, embedding = (
            encoder.local(signal, lengths),
            encoder.frame_counts(lengths),
            encoder(signal, lengths),
        )
        for b, (length, count) in enumerate(zip(lengths.tolist(), frames.tolist(), strict=True)):
            alone = signal[b : b + 1, :, :length]
            expected = encoder.local(alone)
            assert expected.shape[1] == count and not local[b, count:].any()
            torch.testing.assert_close(local[b, :count], expected[0], rtol=1e-5, atol=1e-5)
            torch.testing.assert_close(embedding[b], encoder(alone)[0], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("training", [False, True])
def test_what_padding_holds_reaches_neither_outputs_nor_statistics(training):
    outputs, statistics = [], []
    for content in (0.0, 1e4, torch.nan):
        encoder = _encoder().train(training)
        signal = torch.randn(3, 3, 60, generator=torch.Generator().manual_seed(2))
        lengths = torch.tensor([60, 33, 2])
        signal = signal.masked_fill(torch.arange(60) >= lengths[:, None, None], content)
        outputs.append(encoder(signal, lengths))
        statistics.append(torch.cat([b.flatten() for _, b in encoder.named_buffers()]))
    assert all(torch.equal(outputs[0], other) for other in outputs[1:])
    assert all(torch.equal(statistics[0], other) for other in statistics[1:])


def test_training_on_padded_windows_is_training_on_the_windows_alone():
    """Windows of one length, with and without padding behind them: same outputs, gradients and statistics."""
    results = []
    for size in (41, 64):
        encoder = _encoder().double().train()
        signal = torch.randn(4, 3, 64, generator=torch.Generator().manual_seed(2)).double()[..., :size]
        embedding = encoder(signal, None if size == 41 else torch.tensor([41] * 4))
        embedding.square().sum().backward()
        results.append([embedding, *(p.grad for p in encoder.parameters()), *encoder.buffers()])
    for alone, padded in zip(*results, strict=True):
        torch.testing.assert_close(padded, alone, rtol=1e-5, atol=1e-5)  # means are summed in float32


def test_means_of_neighbours_take_valid_samples_only():
    signal = torch.tensor([[[1.0, 3.0, 5.0, 9.0, 7.0]], [[1.0, 3.0, 5.0, 99.0, 99.0]], [[99.0] * 5]])
    valid = torch.arange(5) < torch.tensor([5, 3, 0])[:, None]
    assert mean_of_neighbours(signal, valid).tolist() == [[[2, 7, 7]], [[2, 5, 0]], [[0, 0, 0]]]
    assert mean_of_neighbours(signal[:1], None).tolist() == [[[2, 7, 7]]]


def test_the_mean_alone_is_the_first_half_of_both():
    signal, lengths = torch.randn(2, 3, 60), torch.tensor([60, 20])
    alone, both = _encoder(pool="mean").eval(), _encoder().eval()
    assert (alone.embedding_dim, both.embedding_dim) == (16, 32)
    assert torch.equal(alone(signal, lengths), both(signal, lengths)[:, :16])


def test_a_window_without_any_sample_gives_zeros_and_finite_gradients():
    for training in (False, True):
        encoder = _encoder().train(training)
        output = encoder(torch.randn(2, 3, 60), torch.tensor([60, 0]))
        output.sum().backward()
        assert output.isfinite().all() and not output[1].any()
        assert all(p.grad.isfinite().all() for p in encoder.parameters())


@pytest.mark.parametrize("settings", FORMS)
def test_every_weight_learns_after_the_first_step(settings):
    """At the very start the zero norms keep the gradient from their branches, but not from the stem."""
    torch.manual_seed(0)
    wide = SMALL | {"width": 16, "stem": [16, 16, 16]}  # so that ReLU leaves something of every layer
    encoder = build_encoder("xresnet1d", **wide | settings).train()
    optimiser = torch.optim.SGD(encoder.parameters(), lr=0.1)
    for step in range(2):
        optimiser.zero_grad()
        encoder(torch.randn(4, 3, 64)).square().sum().backward()
        for name, parameter in encoder.named_parameters():
            branch = ".layers." in name and not name.endswith(("layers.2.norm.weight", "layers.2.norm.bias"))
            if step or not branch:
                assert parameter.grad is not None and (step == 0 or parameter.grad.any()), name
        assert encoder.stem[0].conv.weight.grad.any()
        optimiser.step()


def test_the_state_makes_another_encoder_the_same():
    encoder, signal = _encoder(), torch.randn(4, 3, 64)
    encoder.train()(signal)  # statistics that are not the initial ones
    other = build_encoder("xresnet1d", **SMALL)
    other.load_state_dict(encoder.state_dict())
    assert torch.equal(other.eval()(signal), encoder.eval()(signal))


@pytest.mark.parametrize("name", ["xresnet1d18", "xresnet1d101"])
def test_parts_hold_every_weight_once(name):
    with torch.device("meta"):
        encoder = build_encoder(name)
    held = [id(p) for modules in encoder.parts().values() for module in modules for p in module.parameters()]
    assert sorted(held) == sorted(map(id, encoder.parameters()))
    assert list(encoder.parts()) == ["stem", "body", "head"] and all(encoder.parts().values())


def test_activation_maps_pool_to_the_embedding():
    encoder, signal = _encoder().eval(), torch.randn(2, 3, 60)
    maps = encoder.activation_maps(signal)
    assert maps.shape == (2, 16, 1, 8)
    torch.testing.assert_close(torch.cat([maps.mean(dim=(2, 3)), maps.amax(dim=(2, 3))], dim=1), encoder(signal))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_stays_near_float32_and_keeps_its_statistics(dtype):
    torch.manual_seed(0)
    encoder = build_encoder("xresnet1d18", input_leads=3)
    signal, lengths = torch.randn(4, 3, 120), torch.tensor([120, 50, 120, 120])
    statistics = {name: buffer.clone() for name, buffer in encoder.named_buffers()}
    exact = encoder(signal, lengths)
    moved = {name: buffer.clone() for name, buffer in encoder.named_buffers()}
    for name, buffer in encoder.named_buffers():
        buffer.copy_(statistics[name])
    half = encoder.to(dtype)(signal.to(dtype), lengths)
    half.float().sum().backward()
    assert half.dtype == encoder.stem[0].conv.weight.dtype == dtype
    torch.testing.assert_close(half.float(), exact, rtol=0.05, atol=0.1)
    assert all(p.grad.isfinite().all() for p in encoder.parameters())
    for name, buffer in encoder.named_buffers():
        assert buffer.dtype == moved[name].dtype, name
        torch.testing.assert_close(buffer, moved[name], rtol=0.1, atol=0.05)


def test_conversion_to_half_does_not_round_the_norms_and_double_is_double():
    encoder = _encoder()
    before = encoder.stem[0].norm.running_mean.clone()
    assert torch.equal(encoder.half().stem[0].norm.running_mean, before)
    assert all(t.dtype == torch.float64 for t in encoder.double().parameters())


def test_it_provides_frames_and_refuses_other_needs_by_name():
    encoder = build_encoder("xresnet1d18")
    encoder.require({"frames"}, by="ecg_contrastive")
    message = r"ecg_wav2vec2 needs .* frames, masking; XResNet1dEncoder provides frames \(missing masking\)"
    with pytest.raises(ValueError, match=message):
        encoder.require({"frames", "masking"}, by="ecg_wav2vec2")


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"blocks": [3, 0]}, r"blocks must be made of positive integers, got \[3, 0\]"),
        ({"blocks": []}, r"blocks must be made of positive integers, got \[\]"),
        ({"blocks": "3463"}, "blocks must be made of positive integers, got '3463'"),
        ({"stem": [32, 32.0]}, r"stem must be made of positive integers, got \[32, 32.0\]"),
        ({"width": True}, r"width must be made of positive integers, got \[True\]"),
        ({"kernel": 4}, "kernel must be odd, .* got 4"),
        ({"kernel": -1}, r"kernel must be made of positive integers, got \[-1\]"),
        ({"expansion": 2}, "expansion must be 1 .* or 4 .*, got 2"),
        ({"pool": "max"}, "pool must be 'concat' or 'mean', got 'max'"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        build_encoder("xresnet1d", **settings)
