import pytest
import torch
import torch.nn.functional as F
from torch import nn

from fairseq_signals.encoders import build_encoder
from fairseq_signals.encoders.wav2vec2 import ConvBlock, ConvPosition, default_convs, normalise_over_time

# Small, without dropout, frames of 2 * 3 samples.
SMALL = {
    "input_rate": 200, "input_leads": 3, "conv_channels": 8, "layers": 2, "dim": 16, "heads": 2, "hidden": 32,
    "position_kernel": 6, "position_groups": 4, "dropout": 0.0, "attention_dropout": 0.0, "input_dropout": 0.0,
}  # fmt: skip
OVERLAPPING = [[8, 5, 2], [8, 3, 3]]


def _encoder(**settings):
    torch.manual_seed(0)
    encoder = build_encoder("wav2vec2", **SMALL | settings)
    with torch.no_grad():  # norms and biases that are not trivial
        for name, parameter in encoder.named_parameters():
            if "norm" in name or name.endswith("bias"):
                parameter.add_(0.3 * torch.randn_like(parameter))
    return encoder


@pytest.mark.parametrize("kernel, stride", [(2, 2), (3, 3), (5, 5), (1, 1), (5, 2), (2, 3)])
@pytest.mark.parametrize("norm", ["layer", "group", None])
@pytest.mark.parametrize("samples, bias", [(30, True), (31, False), (37, True)])
def test_conv_block_equals_pytorch_s_convolution_norm_and_gelu(kernel, stride, norm, samples, bias):
    block, frames = ConvBlock(3, 4, kernel, stride, norm, bias), torch.randn(2, samples, 3)
    if norm:
        nn.init.normal_(block.norm.weight), nn.init.normal_(block.norm.bias)
    expected = F.conv1d(frames.transpose(1, 2), block.weight, block.bias, stride=stride)
    if norm == "layer":
        expected = F.layer_norm(expected.transpose(1, 2), (4,), block.norm.weight, block.norm.bias).transpose(1, 2)
    elif norm == "group":
        expected = F.group_norm(expected, 4, block.norm.weight, block.norm.bias)
    torch.testing.assert_close(block(frames, None), F.gelu(expected).transpose(1, 2), rtol=1e-4, atol=1e-5)


def test_blocks_are_normalised_as_the_setting_says():
    signal = 5 * torch.randn(2, 3, 30)
    for conv_norm in ("layer", "group"):
        encoder, frames = _encoder(conv_norm=conv_norm), signal
        for number, block in enumerate(encoder.convs):
            frames = F.conv1d(frames, block.weight, block.bias, stride=block.stride)
            if conv_norm == "layer":  # after every block
                frames = F.layer_norm(frames.mT, (8,), block.norm.weight, block.norm.bias).mT
            elif number == 0:  # after the first only
                frames = F.group_norm(frames, 8, block.norm.weight, block.norm.bias)
            frames = F.gelu(frames)
        torch.testing.assert_close(encoder.local(signal), frames.mT, rtol=1e-4, atol=1e-5)


def test_norm_over_time_takes_valid_frames_only():
    generator = torch.Generator().manual_seed(0)
    frames, counts = torch.randn(3, 9, 2, generator=generator) + 4, torch.tensor([9, 4, 1])
    output = normalise_over_time(frames, counts)
    for b, n in enumerate(counts.tolist()):
        alone = F.instance_norm(frames[b : b + 1, :n].transpose(1, 2).double()) if n > 1 else torch.zeros(1, 2, 1)
        torch.testing.assert_close(output[b : b + 1, :n], alone.transpose(1, 2).float(), rtol=1e-4, atol=1e-5)
    half = normalise_over_time((frames * 1000).to(torch.float16), counts)
    assert half.dtype == torch.float16 and half.isfinite().all()


def test_what_padding_holds_never_reaches_valid_frames():
    encoder = _encoder(conv_norm="group").eval()
    signal, lengths = torch.randn(1, 3, 60), torch.tensor([36])
    frames = encoder.frame_counts(lengths)
    tokens = encoder.tokens(encoder.local(signal, lengths))
    outputs = []
    for content in (0.0, 1e3, torch.inf):
        changed = tokens.clone()
        changed[:, 6:] = content
        outputs.append(encoder.context(changed, frames=frames))
    assert outputs[0].isfinite().all() and torch.equal(outputs[0], outputs[1]) and torch.equal(outputs[0], outputs[2])


@pytest.mark.parametrize("convs", [None, OVERLAPPING, [[8, 1, 1]], [[8, 7, 3], [8, 2, 2], [8, 2, 2]]])
def test_frame_counts_against_plain_loops_and_real_outputs(convs):
    encoder = _encoder(convs=convs).eval()
    lengths = list(range(0, 80))
    counts = encoder.frame_counts(torch.tensor(lengths)).tolist()
    for length, count in zip(lengths, counts, strict=True):
        expected = length
        for _, kernel, stride in encoder.settings.convs:
            expected = len(range(0, expected - kernel + 1, stride))
        assert count == expected
    for length in (30, 31, 47, 79):
        assert encoder.local(torch.randn(1, 3, length)).shape == (1, counts[length], encoder.local_dim)


@pytest.mark.parametrize("settings", [{}, {"conv_norm": "group"}, {"norm_first": True}, {"convs": OVERLAPPING}])
def test_a_padded_window_gives_the_frames_of_the_window_alone(settings):
    encoder = _encoder(**settings).eval()
    lengths = torch.tensor([120, 61, 37])
    signal = torch.randn(3, 3, 120) * (torch.arange(120) < lengths[:, None, None])
    frames = encoder.frame_counts(lengths)
    local = encoder.local(signal, lengths)
    context = encoder.context(encoder.tokens(local), frames=frames)
    embedding = encoder(signal, lengths)
    for b, (length, count) in enumerate(zip(lengths.tolist(), frames.tolist(), strict=True)):
        alone = signal[b : b + 1, :, :length]
        expected = encoder.local(alone)
        assert expected.shape[1] == count
        torch.testing.assert_close(local[b, :count], expected[0], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(
            context[b, :count], encoder.context(encoder.tokens(expected))[0], rtol=1e-4, atol=1e-5
        )
        torch.testing.assert_close(embedding[b], encoder(alone)[0], rtol=1e-4, atol=1e-5)


def test_a_window_without_any_sample_gives_finite_numbers():
    encoder = _encoder()
    signal, lengths = torch.randn(2, 3, 60), torch.tensor([60, 0])
    output = encoder(signal, lengths)
    output.sum().backward()
    assert output.isfinite().all() and not output[1].any()
    assert all(p.grad is None or p.grad.isfinite().all() for p in encoder.parameters())


@pytest.mark.parametrize("rate", [100, 125, 240, 250, 257, 360, 400, 500, 1000])
def test_frames_last_about_32_ms_at_any_rate(rate):
    stride = 1
    for channels, kernel, step in default_convs(rate, 256):
        assert channels == 256 and kernel == step
        stride *= step
    assert stride / rate == pytest.approx(0.032, rel=0.15)


def test_blocks_at_500_hz_and_100_hz():
    assert default_convs(500, 256) == [[256, 2, 2]] * 4
    assert default_convs(100, 64) == [[64, 3, 3]]
    encoder = build_encoder("wav2vec2_tiny", input_rate=100)
    assert (encoder.rate, encoder.leads, encoder.settings.convs) == (100, 12, [[64, 3, 3]])


def test_the_base_size_is_the_paper_s():
    with torch.device("meta"):
        encoder = build_encoder("wav2vec2_base")
    assert 88e6 < sum(p.numel() for p in encoder.parameters()) < 93e6
    assert encoder.settings.convs == [[256, 2, 2]] * 4
    assert len(encoder.layers) == 12 and (encoder.dim, encoder.local_dim, encoder.embedding_dim) == (768, 256, 768)
    assert encoder.frame_counts(torch.tensor([2500])).tolist() == [156]


def test_sizes_by_name():
    with torch.device("meta"):
        sizes = [sum(p.numel() for p in build_encoder(f"wav2vec2_{n}").parameters()) for n in ("tiny", "small", "base")]
    assert sizes[0] * 10 < sizes[1] and sizes[1] * 5 < sizes[2]


@pytest.mark.parametrize(
    "convs, message",
    [
        ("[(256, 2, 2)] * 4", r"convs must be a list of blocks .*, got '\[\(256, 2, 2\)\] \* 4'"),
        ("__import__('os').abort()", "convs must be a list of blocks"),
        (
            ["(256, 2, 2)"],
            r"convs must be lists \[channels, kernel, stride\] of positive integers, got '\(256, 2, 2\)'",
        ),
        ([[256, 2]], r"got \[256, 2\]"),
        ([[256, 2, 0]], r"got \[256, 2, 0\]"),
        ([[256, 2.0, 2]], r"got \[256, 2.0, 2\]"),
        ([], "convs must hold at least one block"),
        (4, "convs must be a list of blocks .* got 4"),
    ],
)
def test_convolutions_are_lists_of_numbers_and_nothing_else(convs, message):
    with pytest.raises(ValueError, match=message):
        build_encoder("wav2vec2", convs=convs)


def test_other_settings_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="conv_norm must be 'layer' or 'group', got 'batch'"):
        build_encoder("wav2vec2", conv_norm="batch")
    with pytest.raises(ValueError, match="feature_gradient must be 0 or more, got -1"):
        build_encoder("wav2vec2", feature_gradient=-1)
    with pytest.raises(ValueError, match="kept must be None"):
        _encoder().context(torch.zeros(1, 4, 16), kept=torch.zeros(1, 2).long())


def _conv_gradients(factor):
    encoder = _encoder(feature_gradient=factor)
    encoder(torch.randn(2, 3, 60, generator=torch.Generator().manual_seed(1))).square().sum().backward()
    return [p.grad for p in encoder.convs.parameters()], encoder.project.weight.grad


@pytest.mark.parametrize("factor", [0.0, 0.1, 3.0])
def test_feature_gradient_scales_what_reaches_the_convolutions_and_nothing_else(factor):
    whole, project = _conv_gradients(1.0)
    scaled, scaled_project = _conv_gradients(factor)
    torch.testing.assert_close(scaled_project, project)
    for gradient, expected in zip(scaled, whole, strict=True):
        if factor == 0:
            assert gradient is None
        else:
            torch.testing.assert_close(gradient, factor * expected, rtol=1e-4, atol=1e-6)


def test_what_was_masked_reaches_no_other_frame():
    encoder = _encoder(input_rate=100).eval()
    local = encoder.local(torch.randn(1, 3, 60))
    masked = torch.zeros(1, local.shape[1], 1, dtype=torch.bool)
    masked[0, 5:9] = True
    outputs = []
    for content in (local, torch.where(masked, 100 * torch.randn_like(local), local)):
        tokens = torch.where(masked, torch.ones(16), encoder.tokens(content))
        outputs.append(encoder.context(tokens))
    assert torch.equal(*outputs)
    # The position embedding alone sees neighbours: computed before masking it would tell.
    early = [encoder.position(encoder.tokens(x)) for x in (local, local.masked_fill(masked, 100.0))]
    assert not torch.equal(early[0][:, 4], early[1][:, 4])


@pytest.mark.parametrize("kernel", [5, 6, 128])
def test_positions_keep_the_number_of_frames_and_equal_a_padded_convolution(kernel):
    position, tokens = ConvPosition(8, kernel, 2), torch.randn(2, 11, 8)
    weight = position.conv.weight
    padded = F.pad(tokens.transpose(1, 2), (kernel // 2, kernel - 1 - kernel // 2))
    expected = F.gelu(F.conv1d(padded, weight, position.conv.bias, groups=2)).transpose(1, 2)
    torch.testing.assert_close(position(tokens), expected)
    assert weight.std().item() == pytest.approx((4 / (kernel * 8)) ** 0.5, rel=0.3)


def test_frames_in_another_order_give_another_context():
    encoder = _encoder().eval()
    tokens = torch.randn(1, 10, 16)
    turned = encoder.context(tokens.flip(1)).flip(1)
    assert not torch.allclose(turned, encoder.context(tokens), atol=1e-3), "positions must matter"


def test_dropout_acts_in_training_only():
    signal = torch.randn(2, 3, 60)
    for name in ("dropout", "attention_dropout", "input_dropout", "activation_dropout"):
        encoder = _encoder(**{name: 0.5}).train()
        assert not torch.equal(encoder(signal), encoder(signal)), name
        encoder.eval()
        assert torch.equal(encoder(signal), encoder(signal)), name


def test_the_norm_comes_where_the_setting_says():
    tokens = torch.randn(1, 9, 16)
    for norm_first in (False, True):
        encoder = _encoder(norm_first=norm_first).eval()
        frames = tokens + encoder.position(tokens)
        frames = frames if norm_first else encoder.position_norm(frames)
        for layer in encoder.layers:
            frames = layer(frames, None)
        frames = encoder.position_norm(frames) if norm_first else frames
        torch.testing.assert_close(encoder.context(tokens), frames)


def test_half_precision_stays_near_float32():
    encoder, signal = _encoder().eval(), torch.randn(2, 3, 120)
    lengths = torch.tensor([120, 50])
    exact = encoder(signal, lengths)
    half = encoder.to(torch.bfloat16)(signal.to(torch.bfloat16), lengths)
    assert half.dtype == torch.bfloat16
    torch.testing.assert_close(half.float(), exact, rtol=0, atol=0.1)


def test_parts_hold_every_weight_once():
    encoder = _encoder()
    held = [id(p) for modules in encoder.parts().values() for module in modules for p in module.parameters()]
    assert sorted(held) == sorted(map(id, encoder.parameters()))
    assert list(encoder.parts()) == ["stem", "body", "head"]


def test_activation_maps_average_to_the_embedding():
    encoder, signal = _encoder().eval(), torch.randn(2, 3, 60)
    maps = encoder.activation_maps(signal)
    assert maps.shape == (2, 16, 1, 10)
    torch.testing.assert_close(maps.mean(dim=(2, 3)), encoder(signal))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_zeros_do_not_blow_up_the_gradients_of_the_convolutions(dtype):
    """A flat window and 64 ms of zeros must not steer the step of the whole batch."""

    def largest_gradient(flat):
        torch.manual_seed(3)
        encoder = build_encoder("wav2vec2", input_rate=500.0, layers=1, dim=32, heads=2, hidden=64, position_groups=4)
        time = torch.arange(1250) / 500
        signal = torch.sin(2 * torch.pi * 7 * time) * torch.linspace(-1, 1.5, 12)[:, None]
        signal = signal.repeat(4, 1, 1) * torch.tensor([0.5, 1.0, 1.5, 2.0])[:, None, None]
        signal[0][:, flat] = 0
        local = encoder.to(dtype).local(signal.to(dtype))
        target = torch.linspace(-1, 1, local.shape[2], dtype=dtype)
        (local * target).float().mean().backward()
        return max(p.grad.float().abs().max().item() for p in encoder.convs.parameters())

    usual = largest_gradient(slice(0, 0))
    assert largest_gradient(slice(None)) < 10 * usual
    assert largest_gradient(slice(500, 532)) < 10 * usual


def test_the_frames_tell_how_large_the_signal_is():
    """Layer norm without a bias would make every frame the same whatever its voltage."""
    torch.manual_seed(0)
    encoder = build_encoder("wav2vec2", input_rate=500.0, layers=1, dim=32, heads=2, hidden=64, position_groups=4)
    signal = torch.sin(2 * torch.pi * 5 * torch.arange(500) / 500).repeat(1, 12, 1)
    with torch.no_grad():
        once, thrice = encoder.local(signal), encoder.local(3 * signal)
        other = encoder.local(signal.flip(2) * torch.linspace(-1, 1, 12)[:, None])
    assert (once - thrice).norm() > 0.1 * (once - other).norm()


def test_frozen_convolutions_are_out_of_reach_of_weight_decay():
    encoder = build_encoder("wav2vec2_tiny", feature_gradient=0.0)
    assert not any(parameter.requires_grad for parameter in encoder.convs.parameters())
