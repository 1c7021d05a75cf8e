import pytest
import torch
import torch.nn.functional as F
from torch import nn

from fairseq_signals.encoders import attia, build_encoder
from fairseq_signals.encoders.attia import default_pools

# A frame steps by 12 samples.
SMALL = {
    "input_rate": 100,
    "input_leads": 3,
    "channels": [4, 5, 6],
    "kernels": [5, 3, 3],
    "pools": [2, 2, 3],
    "spatial_channels": 7,
    "outputs": 8,
    "segments": 4,
}
FORMS = [{}, {"segments": 1}, {"segments": 9}, {"pools": [1, 3, 2]}]


def _encoder(**settings):
    """Norms that are not trivial."""
    torch.manual_seed(0)
    encoder = build_encoder("attia", **SMALL | settings)
    for norm in encoder.modules():
        if isinstance(norm, nn.BatchNorm1d):
            for tensor in (norm.weight.data, norm.bias.data, norm.running_mean):
                tensor.normal_()
            norm.running_var.uniform_(0.5, 2.0)
    return encoder


@pytest.mark.parametrize("rate, frames, documented", [(500.0, 19, 230_928), (100.0, 15, 198_160)])
def test_parameters_by_closed_form(rate, frames, documented):
    with torch.device("meta"):
        encoder = build_encoder("attia", input_rate=rate)
    channels, kernels = [1, 16, 16, 32, 32, 64, 64], [5, 5, 5, 3, 3, 3]
    temporal = sum(channels[n] * channels[n + 1] * kernels[n] + 2 * channels[n + 1] for n in range(6))
    spatial, connected = 64 * 12 * 64 + 2 * 64, (64 * frames + 1) * 128
    assert sum(p.numel() for p in encoder.parameters()) == temporal + spatial + connected == documented
    assert f"{documented:,}" in attia.__doc__ and (rate != 500.0 or f"{connected:,}" in attia.__doc__)
    assert (encoder.local_dim, encoder.dim, encoder.embedding_dim, encoder.settings.segments) == (64, 64, 128, frames)


@pytest.mark.parametrize("rate, leads", [(500.0, 12), (100.0, 12), (500.0, 1), (250.0, 3)])
def test_windows_of_10_seconds_give_128_features_and_of_half_as_long_too(rate, leads):
    encoder = build_encoder("attia", input_rate=rate, input_leads=leads).eval()
    with torch.no_grad():
        assert encoder(torch.randn(2, leads, round(10 * rate))).shape == (2, 128)
        assert encoder(torch.randn(2, leads, round(5 * rate))).shape == (2, 128)


@pytest.mark.parametrize(
    "rate, pools",
    [
        (500.0, [2, 2, 4, 2, 2, 4]),
        (250.0, [2, 2, 2, 2, 2, 4]),
        (100.0, [2, 2, 2, 2, 2, 2]),
        (50.0, [1, 2, 2, 2, 2, 2]),
        (1000.0, [4, 2, 4, 2, 2, 4]),
        (0.5, [1] * 6),
    ],
)
def test_a_frame_lasts_about_as_long_at_every_rate(rate, pools):
    assert default_pools(rate, 6) == pools
    assert rate < 50 or 0.5 <= torch.tensor(pools).prod().item() / rate <= 0.65


def _by_hand(encoder, window):
    """Maps `[C, L, F]` and frames `[F, D]` of a window `[L, T]`, one filter at a time, as in evaluation."""

    def normalised(layer, values):
        norm = layer.norm
        scaled = (values - norm.running_mean) / (norm.running_var + norm.eps).sqrt()
        return (scaled * norm.weight + norm.bias).clamp(min=0)

    maps = []
    for lead in window:
        rows = lead.unsqueeze(1)  # [T, C]
        for block in encoder.temporal:
            weight = block.layer.conv.weight
            reach = weight.shape[2] // 2
            padded = torch.cat([torch.zeros(reach, rows.shape[1]), rows, torch.zeros(reach, rows.shape[1])])
            rows = torch.stack(
                [torch.einsum("oik,ki->o", weight, padded[t : t + 2 * reach + 1]) for t in range(len(rows))]
            )
            rows = normalised(block.layer, rows)
            rows = torch.stack(
                [group.sort(dim=0).values[-1] for group in rows.split(block.pool) if len(group) == block.pool]
            )
        maps.append(rows)
    maps = torch.stack(maps)  # [L, F, C]
    weight = encoder.spatial.conv.weight.squeeze(2).unflatten(1, (-1, len(window)))  # [D, C, L]
    frames = normalised(encoder.spatial, torch.einsum("dcl,lfc->fd", weight, maps))
    return maps.permute(2, 0, 1), frames


@pytest.mark.parametrize("settings", FORMS)
@pytest.mark.parametrize("samples", [60, 65])
def test_maps_frames_and_embedding_equal_plain_loops(settings, samples):
    encoder, signal = _encoder(**settings).eval(), torch.randn(2, 3, samples)
    with torch.no_grad():
        maps, local, embedding = encoder.activation_maps(signal), encoder.local(signal), encoder(signal)
        for b in range(2):
            by_lead, frames = _by_hand(encoder, signal[b])
            torch.testing.assert_close(maps[b], by_lead, rtol=1e-4, atol=1e-5)
            torch.testing.assert_close(local[b], frames, rtol=1e-4, atol=1e-5)
            size, segments = len(frames), encoder.settings.segments
            means = [frames[i * size // segments : -(-(i + 1) * size // segments)].mean(0) for i in range(segments)]
            expected = encoder.output.weight @ torch.cat(means) + encoder.output.bias
            torch.testing.assert_close(embedding[b], expected, rtol=1e-4, atol=1e-5)
    assert encoder.context(encoder.tokens(local)) is local


def test_ten_seconds_are_flattened_as_where_each_frame_has_its_weights():
    encoder, signal = build_encoder("attia").eval(), torch.randn(1, 12, 5000)
    with torch.no_grad():
        flat = encoder.local(signal).flatten(1)
        torch.testing.assert_close(encoder(signal), F.linear(flat, encoder.output.weight, encoder.output.bias))


def test_a_map_depends_on_its_own_lead_alone():
    encoder, signal = _encoder().eval(), torch.randn(1, 3, 60, requires_grad=True)
    for lead in range(3):
        (gradient,) = torch.autograd.grad(encoder.activation_maps(signal)[:, :, lead].sum(), signal)
        reached = gradient.abs().sum(dim=(0, 2)) > 0
        assert reached.tolist() == [n == lead for n in range(3)]


@pytest.mark.parametrize("lengths", [None, torch.tensor([60, 31])])
def test_the_embedding_is_made_of_the_maps(lengths):
    encoder, signal = _encoder().eval(), torch.randn(2, 3, 60)
    maps = encoder.activation_maps(signal, lengths).detach().requires_grad_()
    embedding = encoder.embedding_of_maps(maps, lengths)
    assert maps.shape == (2, 6, 3, 5) and torch.equal(embedding, encoder(signal, lengths))
    (gradient,) = torch.autograd.grad(embedding.square().sum(), maps)
    reached = gradient.abs().sum(dim=(1, 2)) > 0
    assert reached.tolist() == [
        [True] * 5,
        [True] * (5 if lengths is None else 2) + [False] * (lengths is not None) * 3,
    ]


@pytest.mark.parametrize("settings", FORMS)
def test_a_padded_window_gives_the_frames_and_the_embedding_of_the_window_alone(settings):
    encoder = _encoder(**settings).eval()
    lengths = torch.tensor([64, 59, 36, 13])
    signal = torch.randn(4, 3, 64)
    for b, length in enumerate(lengths):
        signal[b, :, length:] = torch.nan
    with torch.no_grad():
        local, frames, embedding = (
            encoder.local(signal, lengths),
            encoder.frame_counts(lengths),
            encoder(signal, lengths),
        )
        for b, (length, count) in enumerate(zip(lengths.tolist(), frames.tolist(), strict=True)):
            alone = signal[b : b + 1, :, :length]
            assert encoder.local(alone).shape[1] == count == length // encoder.stride
            assert not local[b, count:].any()
            torch.testing.assert_close(local[b, :count], encoder.local(alone)[0])
            torch.testing.assert_close(embedding[b], encoder(alone)[0])


@pytest.mark.parametrize("settings", FORMS)
def test_training_on_padded_windows_is_training_on_the_windows_alone(settings):
    """Windows of one length, with and without padding behind them: same outputs, gradients and statistics."""
    results = []
    for size in (36, 60):
        encoder = _encoder(**settings).train()
        signal = torch.randn(4, 3, 60, generator=torch.Generator().manual_seed(2))[..., :size].clone()
        signal[..., 36:] = torch.nan
        embedding = encoder(signal, None if size == 36 else torch.tensor([36] * 4))
        embedding.square().sum().backward()
        results.append([embedding, *(p.grad for p in encoder.parameters()), *encoder.buffers()])
    for alone, padded in zip(*results, strict=True):
        torch.testing.assert_close(padded, alone, rtol=1e-3, atol=1e-3)


def test_statistics_count_valid_samples_of_every_lead():
    encoder, signal, counts = _encoder().train(), torch.randn(3, 3, 40), [40, 15, 12]
    norm, weight = encoder.temporal[0].layer.norm, encoder.temporal[0].layer.conv.weight
    norm.reset_running_stats()
    encoder(signal, torch.tensor(counts))
    rows = torch.cat(
        [
            F.conv1d(signal[b, lead, :n][None, None], weight, padding=2)[0].T
            for b, n in enumerate(counts)
            for lead in range(3)
        ]
    )
    torch.testing.assert_close(norm.running_mean, 0.1 * rows.mean(dim=0))
    torch.testing.assert_close(norm.running_var, 0.9 + 0.1 * rows.var(dim=0))


def test_a_window_without_any_sample_gives_finite_outputs_and_gradients():
    for training in (False, True):
        encoder = _encoder().train(training)
        signal = torch.randn(2, 3, 60)
        signal[1] = torch.nan
        output = encoder(signal, torch.tensor([60, 0]))
        output.sum().backward()
        assert output.isfinite().all() and torch.equal(output[1], encoder.output.bias)
        assert all(p.grad.isfinite().all() for p in encoder.parameters())


@pytest.mark.parametrize("settings", FORMS)
def test_every_weight_learns_and_parts_hold_it_once(settings):
    torch.manual_seed(0)
    encoder = build_encoder("attia", **SMALL | {"channels": [16, 16, 16], "spatial_channels": 16} | settings)
    encoder(torch.randn(4, 3, 120)).square().sum().backward()
    assert [name for name, parameter in encoder.named_parameters() if not parameter.grad.any()] == []
    parts = encoder.parts()
    held = [id(p) for modules in parts.values() for module in modules for p in module.parameters()]
    assert sorted(held) == sorted(map(id, encoder.parameters()))
    assert list(parts) == ["stem", "body", "head"] and parts["head"] == [encoder.output]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_stays_near_float32_and_keeps_its_statistics(dtype):
    encoder, signal, lengths = _encoder().eval(), torch.randn(4, 3, 60), torch.tensor([60, 40, 60, 60])
    exact, mean = encoder(signal, lengths), encoder.spatial.norm.running_mean.clone()
    half = encoder.to(dtype)(signal.to(dtype), lengths)
    assert half.dtype == dtype and torch.equal(encoder.spatial.norm.running_mean, mean)
    torch.testing.assert_close(half.float(), exact, rtol=0.05, atol=0.1)


def test_it_provides_frames_and_refuses_other_needs_by_name():
    encoder = _encoder()
    encoder.require({"frames"}, by="ecg_moco")
    with pytest.raises(ValueError, match=r"AttiaEncoder provides frames \(missing dropping, patches\)"):
        encoder.require({"dropping", "patches"}, by="ecg_mae")


@pytest.mark.parametrize(
    "shape, message",
    [((1, 3, 11), "at least 12 samples, one frame, got 3 leads and 11"), ((1, 2, 40), "must hold 3 leads .* got 2")],
)
def test_windows_that_make_no_frame_are_refused(shape, message):
    with pytest.raises(ValueError, match=message):
        _encoder().local(torch.randn(shape))


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"channels": [4, 0, 4]}, r"channels must be made of positive integers, got \[4, 0, 4\]"),
        ({"kernels": [3, 3]}, "one for each of the 3 channels, got 2 kernels and 3 pools"),
        ({"kernels": [3, 4, 3]}, r"kernels must be odd, .* got \[3, 4, 3\]"),
        ({"pools": [2, 2, 0]}, r"pools must be made of positive integers, got \[2, 2, 0\]"),
        ({"pools": None}, "pools must be given for other than 6 temporal blocks, got 3 blocks"),
        ({"segments": 0}, r"segments must be made of positive integers, got \[0\]"),
        ({"outputs": "128"}, r"outputs must be made of positive integers, got \['128'\]"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        build_encoder("attia", **SMALL | settings)
