import pytest
import torch
from torch import nn

from fairseq_signals.modules.transformer import (
    SelfAttention,
    TransformerLayer,
    attention_mask,
    initialise_bert,
    initialise_xavier,
)

B, F, D, H = 3, 6, 8, 2
COUNTS = torch.tensor([6, 2, 4])


def _valid():
    return torch.arange(F) < COUNTS[:, None]


def _copy_attention(ours: SelfAttention, theirs: nn.MultiheadAttention):
    with torch.no_grad():
        theirs.in_proj_bias.copy_(ours.qkv.bias.uniform_())
        theirs.in_proj_weight.copy_(ours.qkv.weight)
        theirs.out_proj.load_state_dict(ours.out.state_dict())


@pytest.mark.parametrize("padded", [False, True])
def test_attention_equals_pytorch_s_with_the_same_weights(padded):
    ours, theirs = SelfAttention(D, H, 0.0), nn.MultiheadAttention(D, H, batch_first=True)
    _copy_attention(ours, theirs)
    frames, valid = torch.randn(B, F, D), _valid()
    expected, _ = theirs(frames, frames, frames, key_padding_mask=~valid if padded else None)
    torch.testing.assert_close(ours(frames, attention_mask(valid) if padded else None), expected)


def test_fused_attention_equals_a_plain_softmax_of_products():
    attention, frames = SelfAttention(D, H, 0.0), torch.randn(B, F, D)
    width, heads = D // H, []
    for head in range(H):
        rows = [slice(k * D + head * width, k * D + (head + 1) * width) for k in range(3)]
        q, k, v = (frames @ attention.qkv.weight[row].T + attention.qkv.bias[row] for row in rows)
        weights = (q @ k.transpose(1, 2) / width**0.5).masked_fill(~_valid()[:, None], -torch.inf).softmax(2)
        heads.append(weights @ v)
    torch.testing.assert_close(attention(frames, attention_mask(_valid())), attention.out(torch.cat(heads, 2)))


@pytest.mark.parametrize("norm_first", [False, True])
def test_layer_equals_pytorch_s_with_the_same_weights_in_values_and_gradients(norm_first):
    ours = TransformerLayer(D, H, 16, 0.0, 0.0, 0.0, norm_first)
    theirs = nn.TransformerEncoderLayer(D, H, 16, 0.0, "gelu", batch_first=True, norm_first=norm_first)
    with torch.no_grad():
        for norm in (ours.attention_norm, ours.feed_norm):
            norm.weight.uniform_(), norm.bias.uniform_()
    _copy_attention(ours.attention, theirs.self_attn)
    theirs.norm1.load_state_dict(ours.attention_norm.state_dict())
    theirs.norm2.load_state_dict(ours.feed_norm.state_dict())
    theirs.linear1.load_state_dict(ours.widen.state_dict())
    theirs.linear2.load_state_dict(ours.narrow.state_dict())
    frames, valid, weight = torch.randn(B, F, D), _valid(), torch.randn(B, F, D)
    mine, other = frames.clone().requires_grad_(), frames.clone().requires_grad_()
    received = ours(mine, attention_mask(valid))
    expected = theirs(other, src_key_padding_mask=~valid)
    torch.testing.assert_close(received[valid], expected[valid], rtol=1e-4, atol=1e-5)
    for output in (received, expected):
        (output * weight * valid.unsqueeze(2)).sum().backward()
    torch.testing.assert_close(mine.grad, other.grad, rtol=1e-4, atol=1e-5)


def test_a_window_without_valid_frames_gives_no_nan_and_disturbs_nobody():
    layer, frames = TransformerLayer(D, H, 16, 0.0, 0.0).train(), torch.randn(2, F, D)
    valid = torch.tensor([[True] * F, [False] * F])
    frames.requires_grad_()
    output = layer(frames, attention_mask(valid))
    output.sum().backward()
    assert output.isfinite().all() and frames.grad.isfinite().all()
    torch.testing.assert_close(output[0], layer(frames[:1], None)[0])


def test_attention_mask_is_none_where_nothing_is_padded_and_keeps_the_valid_frames():
    assert attention_mask(None) is None
    assert torch.equal(attention_mask(_valid()), _valid()[:, None, None, :])


def test_a_window_without_valid_frames_attends_to_its_first():
    # PyTorch's fused kernels do not agree on a softmax over nothing: some give zeros, some NaN.
    mask = attention_mask(torch.tensor([[False] * 3, [False, True, False]]))
    assert mask[:, 0, 0].tolist() == [[True, False, False], [False, True, False]]


def test_dropout_acts_in_training_only():
    layer, frames = TransformerLayer(D, H, 16, 0.5, 0.5, 0.5), torch.randn(B, F, D)
    assert not torch.equal(layer.train()(frames), layer(frames))
    assert torch.equal(layer.eval()(frames), layer(frames))


def test_attention_dropout_alone_acts_in_training_only():
    attention, frames = SelfAttention(D, H, 0.5), torch.randn(B, F, D)
    assert not torch.equal(attention.train()(frames, None), attention(frames, None))
    assert torch.equal(attention.eval()(frames, None), attention(frames, None))


def test_bert_s_weights_have_a_deviation_of_0_02():
    layer = TransformerLayer(64, 4, 256)
    initialise_bert(layer)
    for part in (layer.attention.qkv, layer.attention.out, layer.widen, layer.narrow):
        assert part.weight.std().item() == pytest.approx(0.02, rel=0.05) and not part.bias.any()


def test_heads_must_divide_the_width():
    with pytest.raises(ValueError, match="dim must be a multiple of heads, got dim 8 and 3 heads"):
        SelfAttention(8, 3, 0.0)


@pytest.mark.parametrize("norm_first", [False, True])
def test_a_dropped_path_leaves_a_window_as_it_is_and_the_others_in_the_mean(norm_first):
    layer, frames = TransformerLayer(D, H, 16, 0.0, 0.0, norm_first=norm_first, drop_path=0.25), torch.randn(1, F, D)
    branch = layer.drop_path.train()(frames.expand(4000, F, D))
    dropped = (branch == 0).flatten(1).all(dim=1)
    assert dropped.float().mean().item() == pytest.approx(0.25, abs=0.03)
    torch.testing.assert_close(branch[~dropped], (frames / 0.75).expand(int((~dropped).sum()), F, D))
    torch.manual_seed(0)
    outputs = layer.train()(frames.expand(64, F, D))
    assert len(torch.unique(outputs.detach().round(decimals=4), dim=0)) == 4, "each half is there or not"
    if norm_first:
        assert (outputs == frames).flatten(1).all(dim=1).any()
    layer.eval()
    torch.testing.assert_close(layer(frames.expand(64, F, D)), layer(frames).expand(64, F, D))


def test_the_norms_take_the_epsilon_that_is_given():
    layer = TransformerLayer(D, H, 16, epsilon=0.5)
    assert layer.attention_norm.eps == layer.feed_norm.eps == 0.5
    assert TransformerLayer(D, H, 16).feed_norm.eps == 1e-5


def test_xavier_s_bounds_and_zero_biases():
    layer = TransformerLayer(128, 2, 256)
    initialise_xavier(layer)
    bound = (6 / (128 + 3 * 128)) ** 0.5  # queries, keys and values are one matrix
    assert 0.98 * bound < layer.attention.qkv.weight.abs().max() <= bound
    assert not layer.attention.qkv.bias.any() and not layer.narrow.bias.any()
