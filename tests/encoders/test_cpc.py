import pytest
import torch
from torch import nn

from fairseq_signals.encoders import build_encoder, cpc

SMALL = {"input_rate": 100, "input_leads": 3, "width": 6, "lstm_width": 5}
STRIDED = {"kernels": [4, 3, 2], "strides": [2, 3, 1]}  # a frame steps by 6 samples
FORMS = [{}, STRIDED, {"kernels": [3], "strides": [1], "lstm_layers": 1}]


def _encoder(**settings):
    """Norms that are not trivial."""
    torch.manual_seed(0)
    encoder = build_encoder("cpc", **SMALL | settings)
    for norm in encoder.modules():
        if isinstance(norm, nn.BatchNorm1d):
            for tensor in (norm.weight.data, norm.bias.data, norm.running_mean):
                tensor.normal_()
            norm.running_var.uniform_(0.5, 2.0)
    return encoder


def test_parameters_by_closed_form_and_the_papers_5_8_million():
    with torch.device("meta"):
        encoder = build_encoder("cpc")
    layers = 12 * 512 + 3 * 512**2 + 4 * 2 * 512  # batch norm: a factor and an offset
    lstm = 2 * 4 * (512 * 512 + 512 * 512 + 2 * 512)  # four gates, two biases each
    head = 2 * 1536 + (1536 + 1) * 512 + 2 * 512 + (512 + 1) * 71
    assert sum(p.numel() for p in encoder.parameters()) == layers + lstm == 4_999_168
    assert layers + lstm + head == 5_826_631
    text = " ".join(cpc.__doc__.split())
    assert all(f"{number:,}" in text for number in (layers + lstm, lstm, layers + lstm + head))
    assert (encoder.local_dim, encoder.dim, encoder.embedding_dim, encoder.stride) == (512, 512, 1536, 1)


def _layers_by_loops(encoder, signal):
    """Frames `[F, D]` of a window `[L, T]`, one output at a time, as in evaluation."""
    inputs = [signal[:, t] for t in range(signal.shape[1])]
    for layer, stride in zip(encoder.layers, encoder.settings.strides, strict=True):
        weight, norm, outputs = layer.conv.weight, layer.norm, []
        for last in range(stride - 1, len(inputs), stride):
            places = range(last - weight.shape[2] + 1, last + 1)
            seen = sum(weight[:, :, k] @ inputs[t] for k, t in enumerate(places) if t >= 0)
            scaled = (seen - norm.running_mean) / (norm.running_var + norm.eps).sqrt()
            outputs.append((scaled * norm.weight + norm.bias).clamp(min=0))
        inputs = outputs
    return torch.stack(inputs)


def _lstm_by_loops(lstm, frames):
    for layer in range(lstm.num_layers):
        wi, wh, bi, bh = (
            getattr(lstm, f"{name}_l{layer}") for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        output, cell, outputs = torch.zeros(lstm.hidden_size), torch.zeros(lstm.hidden_size), []
        for frame in frames:
            enters, forgets, news, leaves = (wi @ frame + bi + wh @ output + bh).chunk(4)
            cell = forgets.sigmoid() * cell + enters.sigmoid() * news.tanh()
            output = leaves.sigmoid() * cell.tanh()
            outputs.append(output)
        frames = torch.stack(outputs)
    return frames


@pytest.mark.parametrize("settings", FORMS)
@pytest.mark.parametrize("samples", [17, 18])
def test_frames_context_and_embedding_equal_plain_loops(settings, samples):
    encoder, signal = _encoder(**settings).eval(), torch.randn(2, 3, samples)
    with torch.no_grad():
        local = encoder.local(signal)
        context, embedding = encoder.context(encoder.tokens(local)), encoder(signal)
        for b in range(2):
            frames = _layers_by_loops(encoder, signal[b])
            outputs = _lstm_by_loops(encoder.lstm, frames)
            pooled = torch.cat([outputs.sum(dim=0) / len(outputs), outputs.sort(dim=0).values[-1], outputs[-1]])
            torch.testing.assert_close(local[b], frames)
            torch.testing.assert_close(context[b], outputs)
            torch.testing.assert_close(embedding[b], pooled)
    assert embedding.shape == (2, 15)


@pytest.mark.parametrize("settings", FORMS)
def test_a_context_depends_on_the_past_alone_and_on_all_of_it(settings):
    encoder, signal = _encoder(**settings).eval(), torch.randn(2, 3, 24)
    encoder.layers.requires_grad_(False)
    nn.init.constant_(encoder.lstm.bias_ih_l0, 2.0)  # gates that forget little
    for frame in range(24 // encoder.stride):
        window = signal.clone().requires_grad_()
        encoder.context(encoder.local(window))[:, frame].sum().backward()
        reached = window.grad.abs().sum(dim=(0, 1)) > 0
        last = encoder.stride * (frame + 1) - 1
        assert not reached[last + 1 :].any() and reached[: last + 1].all(), frame


def test_only_the_statistics_of_a_batch_tell_a_frame_of_later_samples():
    signal = torch.randn(2, 3, 24)
    other = signal.clone()
    other[:, :, 12:] = torch.randn(2, 3, 12)

    def first_half(encoder):
        with torch.no_grad():
            return [encoder.context(encoder.local(window))[:, :12] for window in (signal, other)]

    training, evaluation = first_half(_encoder().train()), first_half(_encoder().eval())
    assert torch.equal(*evaluation) and not torch.allclose(*training)
    encoder = _encoder().train()
    for layer in encoder.layers:
        layer.norm.eval()
    assert torch.equal(*first_half(encoder))


@pytest.mark.parametrize("settings", FORMS)
def test_a_padded_window_gives_the_frames_and_the_embedding_of_the_window_alone(settings):
    encoder = _encoder(**settings).eval()
    lengths = torch.tensor([40, 39, 36, 11, 6])
    signal = torch.randn(5, 3, 40)  # what lies behind the valid samples is anything but zero
    with torch.no_grad():
        local, frames = encoder.local(signal, lengths), encoder.frame_counts(lengths)
        context, embedding = encoder.context(local, frames=frames), encoder(signal, lengths)
        for b, (length, count) in enumerate(zip(lengths.tolist(), frames.tolist(), strict=True)):
            alone = signal[b : b + 1, :, :length]
            assert encoder.local(alone).shape[1] == count == length // encoder.stride
            assert not local[b, count:].any() and not context[b, count:].any()
            torch.testing.assert_close(local[b, :count], encoder.local(alone)[0])
            torch.testing.assert_close(embedding[b], encoder(alone)[0])


@pytest.mark.parametrize("settings", FORMS)
def test_training_on_padded_windows_is_training_on_the_windows_alone(settings):
    """Windows of one length, with and without padding behind them: same outputs, gradients and statistics."""
    results = []
    for size in (18, 30):
        encoder = _encoder(**settings).train()
        signal = torch.randn(4, 3, 30, generator=torch.Generator().manual_seed(2))[..., :size].clone()
        signal[..., 18:] = torch.nan
        embedding = encoder(signal, None if size == 18 else torch.tensor([18] * 4))
        embedding.square().sum().backward()
        results.append([embedding, *(p.grad for p in encoder.parameters()), *encoder.buffers()])
    for alone, padded in zip(*results, strict=True):
        torch.testing.assert_close(padded, alone, rtol=1e-4, atol=1e-5)


def test_statistics_count_valid_frames_only():
    encoder, signal, counts = _encoder().train(), torch.randn(3, 3, 10), [10, 4, 1]
    norm = encoder.layers[0].norm
    norm.reset_running_stats()
    encoder.local(signal, torch.tensor(counts))
    samples = torch.cat([signal[b, :, :n].T for b, n in enumerate(counts)])  # [15, 3]
    rows = samples @ encoder.layers[0].conv.weight.squeeze(2).T
    torch.testing.assert_close(norm.running_mean, 0.1 * rows.mean(dim=0))
    torch.testing.assert_close(norm.running_var, 0.9 + 0.1 * rows.var(dim=0))


def test_a_window_without_any_sample_gives_zeros_and_finite_gradients():
    encoder = _encoder().train()
    output = encoder(torch.randn(2, 3, 20), torch.tensor([20, 0]))
    output.sum().backward()
    assert output.isfinite().all() and not output[1].any()
    assert all(p.grad.isfinite().all() for p in encoder.parameters())


@pytest.mark.parametrize("settings", FORMS)
def test_every_weight_learns(settings):
    torch.manual_seed(0)
    encoder = build_encoder("cpc", **SMALL | {"width": 32} | settings)  # ReLU leaves something of every layer
    encoder(torch.randn(4, 3, 24)).square().sum().backward()
    assert [name for name, parameter in encoder.named_parameters() if not parameter.grad.any()] == []


def test_parts_hold_every_weight_once_and_the_head_none():
    encoder = _encoder()
    parts = encoder.parts()
    held = [id(p) for modules in parts.values() for module in modules for p in module.parameters()]
    assert sorted(held) == sorted(map(id, encoder.parameters()))
    assert list(parts) == ["stem", "body", "head"] and parts["body"] == [encoder.lstm] and not parts["head"]


def test_activation_maps_are_the_context():
    encoder, signal = _encoder().eval(), torch.randn(2, 3, 20)
    maps = encoder.activation_maps(signal)
    assert maps.shape == (2, 5, 1, 20)
    torch.testing.assert_close(maps.mean(dim=(2, 3)), encoder(signal)[:, :5])


def test_bfloat16_stays_near_float32_and_keeps_its_statistics():
    encoder, signal, lengths = _encoder().eval(), torch.randn(4, 3, 40), torch.tensor([40, 22, 40, 40])
    exact = encoder(signal, lengths)
    mean = encoder.layers[0].norm.running_mean.clone()
    half = encoder.to(torch.bfloat16)(signal.bfloat16(), lengths)
    assert half.dtype == torch.bfloat16 and torch.equal(encoder.layers[0].norm.running_mean, mean)
    torch.testing.assert_close(half.float(), exact, rtol=0.05, atol=0.05)


def test_it_provides_causal_frames():
    encoder = _encoder()
    encoder.require({"frames", "causal"}, by="ecg_cpc")
    with pytest.raises(ValueError, match=r"CPCEncoder provides causal, frames \(missing masking\)"):
        encoder.require({"frames", "masking"}, by="ecg_wav2vec2")
    with pytest.raises(ValueError, match="kept must be None"):
        encoder.context(torch.randn(2, 3, 6), kept=torch.zeros(2, 1, dtype=torch.long))


def test_a_window_shorter_than_a_frame_is_refused():
    with pytest.raises(ValueError, match="windows must hold at least 6 samples, one frame, got 5"):
        _encoder(**STRIDED).local(torch.randn(2, 3, 5))


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"kernels": [3, 0], "strides": [1, 1]}, r"kernels must be made of positive integers, got \[3, 0\]"),
        ({"strides": []}, r"strides must be made of positive integers, got \[\]"),
        ({"strides": [1, 1]}, r"kernels must be one for each of the strides \[1, 1\] .* got \[1, 1, 1, 1\]"),
        ({"kernels": [2], "strides": [3]}, r"none below its stride, .* got \[2\]"),
        ({"width": 0}, r"width must be made of positive integers, got \[0\]"),
        ({"lstm_width": "512"}, r"lstm_width must be made of positive integers, got \['512'\]"),
        ({"lstm_layers": True}, r"lstm_layers must be made of positive integers, got \[True\]"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        build_encoder("cpc", **settings)
