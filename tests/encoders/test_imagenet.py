import pytest
import torch
from torch import nn

from fairseq_signals.encoders.imagenet import vit_from_imagenet

LAYERS, DIM, HEADS, HIDDEN = 3, 24, 2, 40


def made_weights(layers=LAYERS, dim=DIM, hidden=HIDDEN, decoder=True):
    """Random tensors with the names and shapes of the public files, for images of 4 x 4 patches."""
    torch.manual_seed(5)
    shapes = {
        "cls_token": (1, 1, dim),
        "pos_embed": (1, 17, dim),
        "patch_embed.proj.weight": (dim, 3, 16, 16),
        "patch_embed.proj.bias": (dim,),
        "norm.weight": (dim,),
        "norm.bias": (dim,),
    }
    for n in range(layers):
        linear = {
            "attn.qkv": (3 * dim, dim),
            "attn.proj": (dim, dim),
            "mlp.fc1": (hidden, dim),
            "mlp.fc2": (dim, hidden),
        }
        for name, shape in linear.items():
            shapes |= {f"blocks.{n}.{name}.weight": shape, f"blocks.{n}.{name}.bias": shape[:1]}
        for name in ("norm1", "norm2"):
            shapes |= {f"blocks.{n}.{name}.weight": (dim,), f"blocks.{n}.{name}.bias": (dim,)}
    if decoder:
        shapes |= {"mask_token": (1, 1, 8), "decoder_embed.weight": (8, dim), "decoder_blocks.0.norm1.weight": (8,)}
    return {name: torch.randn(shape) / shape[-1] ** 0.5 for name, shape in shapes.items()}


@pytest.fixture
def save(tmp_path):
    def write(weights, **more):
        torch.save({"model": weights, **more}, tmp_path / "images.pth")
        return tmp_path / "images.pth"

    return write


def _pytorch_s_layers(weights):
    layers = []
    for n in range(LAYERS):
        layer = nn.TransformerEncoderLayer(
            DIM, HEADS, HIDDEN, 0.0, "gelu", layer_norm_eps=1e-6, batch_first=True, norm_first=True
        )
        own = {"self_attn.in_proj_": "attn.qkv.", "self_attn.out_proj.": "attn.proj.", "linear1.": "mlp.fc1."}
        own |= {"linear2.": "mlp.fc2.", "norm1.": "norm1.", "norm2.": "norm2."}
        state = {f"{a}{k}": weights[f"blocks.{n}.{b}{k}"] for a, b in own.items() for k in ("weight", "bias")}
        layer.load_state_dict(state)
        layers.append(layer)
    return layers


def test_the_layers_do_what_they_did_with_images(save):
    weights = made_weights()
    encoder = vit_from_imagenet(save(weights), 100.0, 3, HEADS).encoder
    encoder.train()  # PyTorch's own layers are then computed plainly; there is no dropout
    tokens = torch.randn(2, 12, DIM) / 100  # so small that the epsilon of the norms shows
    first = weights["cls_token"] + weights["pos_embed"][:, :1]
    expected = torch.cat([first.expand(2, -1, -1), tokens], dim=1)
    for layer in _pytorch_s_layers(weights):
        expected = layer(expected)
    expected = nn.functional.layer_norm(expected, (DIM,), weights["norm.weight"], weights["norm.bias"], 1e-6)
    torch.testing.assert_close(encoder.context(tokens), expected[:, 1:], rtol=1e-4, atol=1e-5)
    assert all(norm.eps == 1e-6 for norm in encoder.modules() if isinstance(norm, nn.LayerNorm))


def test_every_tensor_is_accounted_for(save):
    weights = made_weights()
    made = vit_from_imagenet(save(weights), 100.0, 12, HEADS)
    assert sorted(made.mapped + made.remade + made.left) == sorted(weights)
    assert set(made.remade) == {"patch_embed.proj.weight", "patch_embed.proj.bias", "pos_embed"}
    assert set(made.left) == {"mask_token", "decoder_embed.weight", "decoder_blocks.0.norm1.weight"}
    settings = made.encoder.settings
    assert (settings.layers, settings.dim, settings.heads, settings.hidden) == (LAYERS, DIM, HEADS, HIDDEN)
    assert made.encoder.project.weight.shape == (DIM, 50) and made.encoder(torch.randn(2, 12, 500)).shape == (2, DIM)


def test_the_projection_is_drawn_from_the_seed_and_nothing_else_is_moved(save):
    path = save(made_weights())
    state = torch.random.get_rng_state()
    one, same, other = (vit_from_imagenet(path, 100.0, 3, HEADS, seed).encoder for seed in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.equal(one.project.weight, same.project.weight)
    assert not torch.equal(one.project.weight, other.project.weight)


def test_heads_come_with_the_published_widths(save):
    weights = made_weights(layers=1, dim=192, hidden=768, decoder=False)
    made = vit_from_imagenet(save(weights), 500.0)
    assert made.encoder.settings.heads == 3 and made.left == []


class _Object:
    pass


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda w: w.pop("blocks.1.attn.qkv.bias"), "1 tensors do not fit: layers.1.attention.qkv.bias .* is missing"),
        (lambda w: w.update({"blocks.0.attn.gate": torch.ones(2)}), "blocks.0.attn.gate is unknown"),
        (lambda w: w.update({"norm.bias": torch.ones(5)}), r"norm.bias .* must have shape \[24\], got \[5\]"),
        (lambda w: w.pop("cls_token"), "must hold cls_token, .* got none of cls_token"),
        (lambda w: w["norm.bias"].fill_(float("nan")), "1 tensors do not fit: norm.bias must hold finite numbers, got"),
        (lambda w: w["pos_embed"].view(-1)[-1:].fill_(float("inf")), "pos_embed must hold finite numbers, got"),
        (lambda w: w.update({n: v.long() for n, v in w.items()}), "norm.weight must hold floating-point .* got int64"),
        (lambda w: w.update({"norm.bias": "text"}), "must hold tensors by name under 'model', got another format"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_by_name(save, change, message):
    weights = made_weights()
    change(weights)
    with pytest.raises(ValueError, match=message):
        vit_from_imagenet(save(weights), 100.0, 3, HEADS)


def test_what_is_no_checkpoint_of_tensors_is_refused(save, tmp_path):
    with pytest.raises(ValueError, match=r"tensors and plain containers only, got another at .*images.pth; it was not"):
        vit_from_imagenet(save(made_weights(), args=_Object()), 100.0, 3, HEADS)
    whole = save(made_weights()).read_bytes()
    middle = len(whole) // 2
    (tmp_path / "damaged.pth").write_bytes(whole[:middle] + bytes([whole[middle] ^ 255]) + whole[middle + 1 :])
    with pytest.raises(ValueError, match=r"must be a whole file of PyTorch .* got another at .*damaged.pth"):
        vit_from_imagenet(tmp_path / "damaged.pth", 100.0)
    (tmp_path / "text.pth").write_text("no archive")
    with pytest.raises(ValueError, match=r"must be a whole file of PyTorch .* got another at .*text.pth"):
        vit_from_imagenet(tmp_path / "text.pth", 100.0)
    with pytest.raises(FileNotFoundError, match=r"must be a file, got none at .*none.pth"):
        vit_from_imagenet(tmp_path / "none.pth", 100.0)
    with pytest.raises(ValueError, match=r"heads must be given for a width other than 192, .* got none for width 24"):
        vit_from_imagenet(save(made_weights()), 100.0)
    for heads in (0, -2):
        with pytest.raises(ValueError, match=f"heads must be a positive number, got {heads} "):
            vit_from_imagenet(save(made_weights()), 100.0, 3, heads)


def test_weights_of_half_precision_are_taken(save):
    halves = {name: value.half() for name, value in made_weights().items()}
    weights = vit_from_imagenet(save(halves), 100.0, 3, HEADS).encoder.state_dict()
    assert torch.equal(weights["norm.bias"], halves["norm.bias"].float())
