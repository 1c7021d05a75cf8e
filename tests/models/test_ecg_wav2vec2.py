"""The pre-training model: what is masked, compared and counted."""

import pytest
import torch

ALL = {"context", "targets", "codes", "chosen", "negatives", "probability_sum", "code_counts", "code_count"}
ALL |= {"penalty_sum", "penalty_count", "embedding", "valid", "code_temperature"}


def signal(windows=3, samples=500, leads=12):
    return torch.randn(windows, leads, samples, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def build(fairseq_parts, ecg_data, arguments):
    def model(*more):
        run = [*arguments["pretraining"], "--criterion", "w2v", *more]
        return fairseq_parts(ecg_data, *run)[2]

    return model


def draws():
    return torch.Generator().manual_seed(3)


def test_outputs_have_their_names_and_shapes(build):
    outputs = build()(signal(), generator=draws())
    frames = 500 // 3
    assert set(outputs) == ALL
    assert outputs["context"].shape == outputs["targets"].shape == (3, frames, 16)
    assert outputs["codes"].shape == (3, frames, 2) and outputs["negatives"].shape == (3, frames, 100)
    assert outputs["embedding"].shape == (3, 96)
    assert float(outputs["code_count"]) == outputs["chosen"].sum()
    assert outputs["penalty_count"] == 3 * frames * 64


def test_only_masked_frames_are_chosen_and_only_their_tokens_hidden(build):
    model = build().eval()
    seen = {}
    model.encoder.context = lambda tokens, frames=None: seen.setdefault("tokens", tokens)
    outputs = model(signal(), generator=draws())
    local = model.encoder.local(signal())
    tokens, chosen = model.encoder.tokens(local), outputs["chosen"]
    assert 0.2 < chosen.float().mean() < 0.8
    torch.testing.assert_close(seen["tokens"][~chosen], tokens[~chosen])
    assert (seen["tokens"][chosen] == model.mask_token).all()
    assert chosen.gather(1, outputs["negatives"].flatten(1)).all()
    torch.testing.assert_close(outputs["penalty_sum"], local.square().sum())


def test_padding_is_never_chosen_nor_counted(build):
    model = build().eval()
    lengths = torch.tensor([500, 240, 2])
    outputs = model(signal(), lengths=lengths, generator=draws())
    frames = torch.tensor([166, 80, 0])
    behind = torch.arange(166) >= frames[:, None]
    assert not outputs["chosen"][behind].any()
    assert outputs["penalty_count"] == int(frames.sum()) * 64
    local = model.encoder.local(signal() * (torch.arange(500) < lengths[:, None, None]), lengths)
    torch.testing.assert_close(outputs["penalty_sum"], local[~behind].square().sum())
    assert outputs["valid"].tolist() == [True, True, False]
    other = signal()
    other[1, :, 240:] = 5.0
    torch.testing.assert_close(
        outputs["embedding"][:2], model(other, lengths=lengths, generator=draws())["embedding"][:2]
    )


def test_without_masking_every_valid_frame_is_to_be_found(build):
    outputs = build("--span-probability", 0, "--negatives", 0)(signal(), generator=draws())
    assert outputs["chosen"].all() and outputs["negatives"] is None


def test_the_same_generator_gives_the_same_outputs(build):
    model = build("--target-dropout", 0).eval()
    one, two = (model(signal(), generator=draws()) for _ in range(2))
    for name in ("context", "targets", "chosen", "negatives", "codes"):
        assert torch.equal(one[name], two[name]), name
    other = model(signal(), generator=torch.Generator().manual_seed(4))
    assert not torch.equal(one["chosen"], other["chosen"])


def test_the_temperature_depends_on_the_number_of_updates_alone(build):
    model = build("--code-temperature-decay", 0.5)
    for update, temperature in ((0, 2.0), (1, 1.0), (2, 0.5), (9, 0.5), (1, 1.0)):
        model.set_num_updates(update)
        assert model.quantizer.temperature == temperature


@pytest.mark.parametrize(("arch", "dim", "layers"), [("tiny", 96, 3), ("small", 384, 6)])
def test_architectures_name_presets(fairseq_parts, ecg_data, arguments, arch, dim, layers):
    run = [*arguments["pretraining"], "--criterion", "w2v", "--arch", f"ecg_wav2vec2_{arch}"]
    cfg, _, model, _ = fairseq_parts(ecg_data, *run)
    assert (model.encoder.dim, len(model.encoder.layers)) == (dim, layers)
    assert cfg.model._name == "ecg_wav2vec2"


def test_the_encoder_asked_for_wins_over_the_architecture(fairseq_parts, ecg_data, arguments):
    run = [*arguments["pretraining"], "--criterion", "w2v", "--encoder", "wav2vec2_small"]
    assert fairseq_parts(ecg_data, *run)[2].encoder.dim == 384


def test_an_unknown_encoder_is_answered_with_the_known_ones(fairseq_parts, ecg_data, arguments):
    run = [*arguments["pretraining"], "--criterion", "w2v", "--encoder", "wav2vec2_tyni"]
    with pytest.raises(ValueError, match=r"encoder must be one of .*wav2vec2_base.*got 'wav2vec2_tyni'.*wav2vec2_tiny"):
        fairseq_parts(ecg_data, *run)


def test_every_parameter_gets_a_gradient(fairseq_parts, ecg_data, arguments):
    # A parameter without one stops fairseq's default distributed back end.
    run = [*arguments["pretraining"], "--criterion", "w2v", "--views", "adjacent"]
    _, task, model, criterion = fairseq_parts(ecg_data, *run)
    task.load_dataset("pretrain", combine=True)
    batches = task.datasets["pretrain"]
    model.train()
    sample = task.prepare(batches.collater(batches.__getitems__([0, 1])), model, task.training_pipeline, "train", 0, 0)
    criterion(model, sample)[0].backward()
    assert [name for name, value in model.named_parameters() if value.grad is None] == []
