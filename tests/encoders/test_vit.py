import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from fairseq_signals.encoders import build_encoder, vit

# A patch has 10 samples.
SMALL = {"input_rate": 20, "input_leads": 3, "layers": 2, "dim": 16, "heads": 2, "hidden": 24}
FORMS = [{}, {"pool": "class"}, {"auxiliary_token": True}, {"position": "learned"}]


def _encoder(**settings):
    """Norms that are not trivial."""
    torch.manual_seed(0)
    encoder = build_encoder("vit", **SMALL | settings)
    for norm in encoder.modules():
        if isinstance(norm, nn.LayerNorm):
            norm.weight.data.normal_(), norm.bias.data.normal_()
    return encoder


@pytest.mark.parametrize(
    "name, layers, dim, heads, documented",
    [
        ("tiny", 12, 192, 3, 5_386_944),
        ("small", 12, 384, 6, 21_390_720),
        ("base", 12, 768, 12, 85_248_768),
        ("large", 24, 1024, 16, 302_568_448),
    ],
)
def test_parameters_by_closed_form_and_the_papers_303_million(name, layers, dim, heads, documented):
    with torch.device("meta"):
        encoder, slow = build_encoder(f"vit_{name}"), build_encoder(f"vit_{name}", input_rate=100.0)
    layer = 4 * (dim * dim + dim) + 2 * 4 * dim * dim + 4 * dim + dim + 2 * 2 * dim  # attention, feed-forward, norms
    assert documented == layers * layer + (250 + 1) * dim + 2 * dim
    assert sum(p.numel() for p in encoder.parameters()) == documented
    assert sum(p.numel() for p in slow.parameters()) == documented - 200 * dim
    assert f"vit_{name} {documented:,}" in " ".join(vit.__doc__.split())
    assert (encoder.local_dim, encoder.dim, encoder.embedding_dim) == (250, dim, dim)
    assert {layer.attention.heads for layer in encoder.layers} == {heads}


def test_a_token_is_a_stretch_of_one_lead_and_time_comes_first():
    encoder, signal = _encoder(), torch.randn(2, 3, 47)  # four patches and 7 samples
    local = encoder.local(signal)
    for time in range(4):
        for lead in range(3):
            assert torch.equal(local[:, time * 3 + lead], signal[:, lead, 10 * time : 10 * time + 10])
    assert torch.equal(encoder.signal_of(local), signal[:, :, :40])
    assert local.shape == (2, 12, 10) and encoder.stride == 10
    assert encoder.frame_counts(torch.tensor([47, 40, 39, 9])).tolist() == [12, 12, 9, 0]


def test_the_published_window_has_240_tokens_of_250_samples():
    with torch.device("meta"):
        assert build_encoder("vit_large").local(torch.empty(1, 12, 5000)).shape == (1, 240, 250)


def _layer_by_hand(layer, frames):
    """Pre-norm layer on `[F, D]`, one head at a time."""
    dim, heads = frames.shape[1], layer.attention.heads
    width = dim // heads

    def normalised(norm, x):
        spread = ((x - x.mean(1, keepdim=True)) ** 2).mean(1, keepdim=True)
        return (x - x.mean(1, keepdim=True)) / (spread + 1e-6).sqrt() * norm.weight + norm.bias

    qkv = normalised(layer.attention_norm, frames) @ layer.attention.qkv.weight.T + layer.attention.qkv.bias
    mixed = []
    for head in range(heads):
        q, k, v = (qkv[:, n * dim + head * width : n * dim + (head + 1) * width] for n in range(3))
        mixed.append((q @ k.T / width**0.5).softmax(dim=1) @ v)
    frames = frames + torch.cat(mixed, dim=1) @ layer.attention.out.weight.T + layer.attention.out.bias
    wide = normalised(layer.feed_norm, frames) @ layer.widen.weight.T + layer.widen.bias
    wide = 0.5 * wide * (1 + torch.erf(wide / 2**0.5))
    return frames + wide @ layer.narrow.weight.T + layer.narrow.bias


@pytest.mark.parametrize("settings", FORMS)
def test_the_embedding_equals_the_network_written_out(settings):
    encoder, signal = _encoder(**settings).eval(), torch.randn(1, 3, 40)
    with torch.no_grad():
        patches = torch.stack([signal[0, lead, 10 * t : 10 * t + 10] for t in range(4) for lead in range(3)])
        frames = patches @ encoder.project.weight.T + encoder.project.bias
        frames = frames + encoder.position(frames[None])
        if encoder.auxiliary is not None:
            frames = torch.cat([encoder.auxiliary.token[None], frames])
        for layer in encoder.layers:
            frames = _layer_by_hand(layer, frames)
        frames = nn.functional.layer_norm(frames, (16,), encoder.norm.weight, encoder.norm.bias, 1e-6)[-12:]
        expected = frames.mean(dim=0)
        if encoder.reader is not None:
            reader = encoder.reader
            first = _layer_by_hand(reader.layer, torch.cat([reader.token.token[None], frames]))[0]
            expected = nn.functional.layer_norm(first, (16,), reader.norm.weight, reader.norm.bias, 1e-6)
        context = encoder.context(encoder.tokens(encoder.local(signal)))[0]
        torch.testing.assert_close(encoder(signal)[0], expected, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(context, frames, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("settings", FORMS)
def test_absent_leads_are_as_if_the_model_had_the_tokens_of_the_others_alone(settings):
    encoder, signal = _encoder(**settings).eval(), torch.randn(3, 3, 40)
    present = torch.tensor([[True, False, True]] * 3)
    signal[:, 1] = torch.nan
    with torch.no_grad():
        clean = signal.nan_to_num()
        tokens = encoder.tokens(encoder.local(clean)).unflatten(1, (4, 3))[:, :, [0, 2]].flatten(1, 2)  # [B, 8, D]
        alone = encoder.pool(encoder.context(tokens))
        assert torch.equal(encoder(clean, None, present), alone)
        assert torch.equal(encoder(signal, None, present), alone), "what an absent lead holds reaches nothing"
        assert not torch.allclose(encoder(clean), alone, atol=1e-3)


@pytest.mark.parametrize("settings", FORMS)
def test_windows_of_any_leads_and_lengths_give_what_each_gives_alone(settings):
    encoder = _encoder(**settings).eval()
    lengths = torch.tensor([60, 39, 25, 10, 60])
    present = torch.tensor([[1, 1, 1], [0, 1, 1], [1, 0, 0], [0, 0, 1], [1, 1, 0]]).bool()
    signal = torch.randn(5, 3, 60)
    for b, length in enumerate(lengths):
        signal[b, :, int(length) // 10 * 10 :] = torch.inf
        signal[b, ~present[b]] = torch.nan
    with torch.no_grad():
        together, maps = encoder(signal, lengths, present), encoder.activation_maps(signal, lengths, present)
        for b, length in enumerate(lengths.tolist()):
            one = signal[b : b + 1, :, : length // 10 * 10]
            tokens = encoder.tokens(encoder.local(one))[:, present[b].repeat(length // 10)]
            context = encoder.context(tokens)
            torch.testing.assert_close(together[b : b + 1], encoder.pool(context), rtol=1e-4, atol=1e-5)
            grid = torch.zeros(length // 10, 3, 16)
            grid[:, present[b]] = context[0].unflatten(0, (-1, int(present[b].sum())))
            torch.testing.assert_close(maps[b, :, :, : length // 10], grid.permute(2, 1, 0), rtol=1e-4, atol=1e-5)
            assert not maps[b, :, :, length // 10 :].any()


@pytest.mark.parametrize("settings", FORMS)
@pytest.mark.parametrize("lengths", [None, torch.tensor([40, 23])])
@pytest.mark.parametrize("present", [None, torch.tensor([[True, False, True], [True, True, True]])])
def test_the_embedding_is_made_of_the_maps(settings, lengths, present):
    encoder, signal = _encoder(**settings).eval(), torch.randn(2, 3, 40)
    maps = encoder.activation_maps(signal, lengths, present).detach().requires_grad_()
    assert maps.shape == (2, 16, 3, 4)
    embedding = encoder.embedding_of_maps(maps, lengths, present)
    assert torch.equal(embedding, encoder(signal, lengths, present))
    (gradient,) = torch.autograd.grad(embedding.square().sum(), maps)
    reached = gradient.abs().sum(dim=1) > 0
    expected = torch.ones(2, 3, 4, dtype=torch.bool) if present is None else present.unsqueeze(2).repeat(1, 1, 4)
    if lengths is not None:
        expected = expected & (torch.arange(4) < lengths[:, None] // 10)[:, None]
    assert torch.equal(reached, expected)


def test_kept_tokens_alone_are_seen_and_paid_for():
    encoder = _encoder().eval()
    tokens = encoder.tokens(encoder.local(torch.randn(2, 3, 40)))
    kept, frames = torch.tensor([[7, 0, 3], [2, 5, 11]]), torch.tensor([3, 2])
    context = encoder.context(tokens, kept, frames)
    torch.testing.assert_close(context[0], encoder.context(tokens[:1, [7, 0, 3]])[0])
    torch.testing.assert_close(context[1, :2], encoder.context(tokens[1:, [2, 5]])[0])


def test_a_quarter_of_the_tokens_costs_less_than_a_quarter():
    with torch.device("meta"):
        encoder, tokens = build_encoder("vit_large"), torch.empty(1, 240, 1024)
        costs = []
        for kept in (None, torch.zeros(1, 60, dtype=torch.long)):
            with FlopCounterMode(display=False) as counter:
                encoder.context(tokens, kept)
            costs.append(counter.get_total_flops())
    # Products of F tokens: 24 D^2 F in the linear layers and 4 F^2 D in attention, in each of 24 layers.
    expected = [24 * (24 * 1024**2 * n + 4 * n * n * 1024) for n in (240, 60)]
    assert costs == expected
    assert costs[1] / costs[0] == pytest.approx(0.243, abs=1e-3)


def test_checkpointed_activations_change_neither_outputs_nor_gradients():
    results = []
    for checkpointed in (False, True):
        encoder = _encoder(checkpoint_activations=checkpointed, dropout=0.2, drop_path=0.3).train()
        torch.manual_seed(1)
        signal = torch.randn(4, 3, 40)
        calls = []
        encoder.layers[0].register_forward_pre_hook(lambda *_, calls=calls: calls.append(1))
        output = encoder(signal, torch.tensor([40, 40, 20, 30]))
        output.square().sum().backward()
        results.append([output.detach(), *(p.grad for p in encoder.parameters())])
        assert len(calls) == 1 + checkpointed, "a layer is computed again for its gradient"
    for one, other in zip(*results, strict=True):
        assert torch.equal(one, other)


def test_dropped_paths_grow_evenly_over_the_layers():
    encoder = _encoder(layers=5, drop_path=0.2)
    assert [layer.drop_path.probability for layer in encoder.layers] == pytest.approx([0, 0.05, 0.1, 0.15, 0.2])
    signal = torch.randn(8, 3, 40)
    assert not torch.equal(encoder.train()(signal), encoder(signal))
    assert torch.equal(encoder.eval()(signal), encoder(signal))


def test_linear_layers_start_as_xavier_s_and_biases_at_zero():
    torch.manual_seed(0)
    encoder = build_encoder("vit", input_leads=3, layers=1, dim=128, heads=2, hidden=512)
    for layer in (m for m in encoder.modules() if isinstance(m, nn.Linear)):
        bound = (6 / sum(layer.weight.shape)) ** 0.5
        assert 0.98 * bound < layer.weight.abs().max() <= bound and not layer.bias.any()
        assert layer.weight.std().item() == pytest.approx(bound / 3**0.5, rel=0.03)


@pytest.mark.parametrize("settings", FORMS)
def test_every_weight_learns_and_parts_hold_it_once(settings):
    encoder = _encoder(**settings, layers=3)
    encoder(torch.randn(4, 3, 200)).square().sum().backward()
    assert [name for name, parameter in encoder.named_parameters() if not parameter.grad.any()] == []
    parts = encoder.parts()
    held = [id(p) for modules in parts.values() for module in modules for p in module.parameters()]
    assert sorted(held) == sorted(map(id, encoder.parameters()))
    assert list(parts) == ["stem", "body", "head"] and all(parts.values())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_finite_and_near_float32(dtype):
    encoder, signal = _encoder(), 5 * torch.randn(3, 3, 60)
    lengths, present = torch.tensor([60, 20, 0]), torch.tensor([[True] * 3, [True, False, True], [True] * 3])
    exact = encoder(signal, lengths, present)
    half = encoder.to(dtype)(signal.to(dtype), lengths, present)
    half.float().square().sum().backward()
    assert half.dtype == dtype and all(p.grad.isfinite().all() for p in encoder.parameters())
    torch.testing.assert_close(half.float(), exact, rtol=0.05, atol=0.1)


def test_a_window_without_any_frame_gives_zeros_and_finite_gradients():
    encoder, signal = _encoder(), torch.randn(3, 3, 40)
    output = encoder(signal, torch.tensor([40, 9, 0]))
    output.sum().backward()
    assert output.isfinite().all() and not output[1:].any()
    assert all(p.grad.isfinite().all() for p in encoder.parameters())
    nothing = encoder(signal, torch.tensor([0, 0, 9]))
    assert nothing.isfinite().all() and not nothing.any()


def test_it_provides_patches_and_dropping_and_refuses_other_needs_by_name():
    encoder = _encoder()
    encoder.require({"frames", "dropping", "patches"}, by="ecg_mae")
    with pytest.raises(ValueError, match=r"ViTEncoder provides dropping, frames, patches \(missing masking\)"):
        encoder.require({"frames", "masking"}, by="ecg_wav2vec2")


@pytest.mark.parametrize(
    "shape, message",
    [((1, 3, 9), "at least 10 samples, one patch, got 3 leads and 9"), ((1, 2, 40), "must hold 3 leads .* got 2")],
)
def test_windows_that_make_no_patches_are_refused(shape, message):
    with pytest.raises(ValueError, match=message):
        _encoder().local(torch.randn(shape))


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"patch_seconds": 0.33}, r"patch_seconds must make a whole number of samples at 20 Hz, got 0.33 s, 6.6 samp"),
        ({"patch_seconds": 0}, "patch_seconds must make a whole number"),
        ({"pool": "max"}, "pool must be 'mean' or 'class', got 'max'"),
        ({"layers": 0}, "layers must be a positive integer, got 0"),
        ({"position": "none"}, "position must be 'fixed' or 'learned', got 'none'"),
        ({"heads": 3}, "dim must be a multiple of heads"),
        ({"drop_path": 1.0}, "drop_path must be a probability from 0 to below 1, got 1.0"),
        ({"drop_path": -0.1}, "drop_path must be a probability from 0 to below 1, got -0.1"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        build_encoder("vit", **SMALL | settings)
