from dataclasses import asdict

import numpy as np
import pytest
import torch

from fairseq_signals.data.leads import STANDARD_LEADS
from fairseq_signals.data.record import Record
from fairseq_signals.encoders import ENCODERS, build_encoder
from fairseq_signals.evaluation.reconstruction import TrainedAutoencoder
from fairseq_signals.evaluation.reconstruction_picture import draw_reconstruction, said
from fairseq_signals.modules.masked_autoencoder import MaskedAutoencoder
from fairseq_signals.modules.patch_decoder import PatchDecoder, PatchDecoderSettings
from fairseq_signals.modules.preprocess import Preprocess, PreprocessSettings

RATE, PATCH = 100.0, 25
ENCODER = {"_name": "vit", "input_rate": RATE, "layers": 1, "dim": 16, "heads": 2, "hidden": 16, "patch_seconds": 0.25}
PREPROCESS = {"normalise": "constant", "deviation": [0.24]}


@pytest.fixture(scope="module")
def parts():
    torch.manual_seed(0)
    encoder = build_encoder(ENCODER).eval()
    return encoder, PatchDecoder(PatchDecoderSettings(16, 1, 2), encoder.dim, encoder.local_dim, encoder.leads).eval()


@pytest.fixture
def checkpoint(parts, tmp_path):
    def write(name="ecg_mae", leads="12", drop_leads=False, normalised=False):
        encoder, decoder = parts
        tensors = {f"encoder.{key}": value for key, value in encoder.state_dict().items()}
        tensors |= {f"decoder.{key}": value for key, value in decoder.state_dict().items()}
        model = {
            "_name": name,
            "encoder": ENCODERS.resolve(ENCODER),
            "preprocess": asdict(PreprocessSettings(**PREPROCESS)),
        }
        model |= {"masked_share": 0.75, "normalised_patches": normalised, "patch_floor": 0.001}
        model |= {"reconstruction_dim": 16, "reconstruction_layers": 1, "reconstruction_heads": 2}
        task = {"rate": RATE, "window_seconds": 4.0, "leads": leads, "drop_leads": drop_leads}
        torch.save({"model": tensors, "cfg": {"model": model, "task": task}}, tmp_path / "mae.pt")
        return tmp_path / "mae.pt"

    return write


def _record(seconds=6.0, rate=RATE, leads=STANDARD_LEADS):
    """Noise of 0.02 mV and, every second, a spike of 1 mV in all leads."""
    signal = 0.02 * np.random.default_rng(0).normal(size=(len(leads), round(seconds * rate)))
    signal[:, round(0.5 * rate) :: round(rate)] += 1
    return Record(signal.astype(np.float32), rate, leads, "r1", "p1", ("SR",))


def test_it_is_what_the_models_own_parts_make_of_the_window(parts, checkpoint):
    found = TrainedAutoencoder(checkpoint()).reconstruct(_record(), start=1.0, seed=7)
    original = torch.from_numpy(_record().signal[:, 100:500])
    model = MaskedAutoencoder(*parts, Preprocess(PreprocessSettings(**PREPROCESS), RATE, 12), 0.75, False, 0.001)
    own = model.reconstruct(original[None], generator=torch.Generator().manual_seed(7))
    assert torch.equal(own["masked"][0], torch.from_numpy(found.masked))
    np.testing.assert_allclose(found.record.signal, original, atol=1e-3, err_msg="stored in steps of a microvolt or so")
    np.testing.assert_allclose(found.reconstructed, own["reconstructed"][0], atol=5e-3)
    assert (found.reconstructed == found.record.signal)[~found.masked].all()
    assert (found.reconstructed != found.record.signal)[found.masked].mean() > 0.99


def test_whole_patches_are_hidden_and_counted(checkpoint):
    found = TrainedAutoencoder(checkpoint()).reconstruct(_record())
    patches = found.masked.reshape(12, -1, PATCH)
    assert (patches.all(2) == patches.any(2)).all() and patches.any(2).sum() == 0.75 * 12 * 16
    error = (found.record.signal - found.reconstructed)[found.masked]
    assert found.hidden.samples == 0.75 * 12 * 400
    assert found.hidden.error == pytest.approx(float(np.sqrt((error**2).mean())), rel=1e-4)
    beats = np.zeros(400, bool)
    for place in range(50, 400, 100):
        beats[place - 6 : place + 7] = True
    assert found.hidden_qrs.samples == (found.masked & beats).sum()
    assert found.hidden_qrs.deviation > found.hidden.deviation
    fewer = TrainedAutoencoder(checkpoint(), masked_share=0.25).reconstruct(_record())
    assert fewer.masked.mean() == pytest.approx(0.25)


def test_short_recordings_fewer_leads_and_other_rates(checkpoint):
    model = TrainedAutoencoder(checkpoint())
    short = model.reconstruct(_record(2.6, leads=("I", "V2")))
    assert short.record.leads == ("I", "V2") and short.masked.shape == (2, 260)
    assert short.masked[:, :250].mean() == pytest.approx(0.75) and not short.masked[:, 250:].any(), "no whole patch"
    assert model.reconstruct(_record(rate=500.0)).record.signal.shape == (12, 400)


@pytest.mark.parametrize(
    "how, message",
    [
        ({"start": 6.0}, "start must be within the recording's 6 seconds, got 6"),
        ({"start": -1.0}, "start must be within"),
        ({"leads": ("III", "V6")}, r"record r1 must have leads of the model \(I, II; of 12.*, got III, V6"),
        ({"share": 1.0}, r"masked share must lie between 0 and 1, got 1.0 \(--share"),
        ({"name": "ecg_moco"}, r"checkpoint must hold a masked autoencoder \(ecg_mae\), got ecg_moco"),
    ],
)
def test_what_does_not_fit_is_refused(checkpoint, how, message):
    path = checkpoint(how.get("name", "ecg_mae"), leads="I,II" if "leads" in how else "12")
    with pytest.raises(ValueError, match=message):
        model = TrainedAutoencoder(path, how.get("share"))
        model.reconstruct(_record(leads=how.get("leads", STANDARD_LEADS)), how.get("start", 0.0))


def test_the_picture_shows_what_was_seen_and_what_was_made_up(checkpoint, tmp_path):
    found = TrainedAutoencoder(checkpoint(normalised=True)).reconstruct(_record())
    figure = draw_reconstruction(found, tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes()[:4] == b"\x89PNG"
    first, middle, last = figure.axes
    lines = {axes: {line.get_gid(): line.get_ydata() for line in axes.lines} for axes in figure.axes}
    zeros = first.get_yticks()
    assert len(zeros) == 12 and (np.diff(zeros) <= -0.8).all()
    for row in range(12):
        np.testing.assert_allclose(lines[first][f"original-{row}"] - zeros[row], found.record.signal[row], atol=1e-5)
        assert (np.isnan(lines[middle][f"seen-{row}"]) == found.masked[row]).all()
        guess = lines[last][f"reconstructed-{row}"][found.masked[row]] - zeros[row]
        np.testing.assert_allclose(guess, found.reconstructed[row][found.masked[row]], atol=1e-5)
        if row:
            assert lines[first][f"original-{row}"].max() < lines[first][f"original-{row - 1}"].min(), (
                "no trace on another"
            )
    assert np.ptp(lines[first]["scale"]) == pytest.approx(1)
    title = figure.get_suptitle()
    assert said(found) in title and f"{found.hidden.error:.3f} mV" in title and "r1" in title
    assert "level and amplitude of each hidden patch are the original's" in title


@pytest.mark.parametrize(("units", "certain"), [("mV", None), (None, None), ("as given, source x", True)])
def test_units_are_compared_with_the_trainings(checkpoint, units, certain):
    path = checkpoint()
    state = torch.load(path, weights_only=True)
    torch.save(state | {"task_state": {"units": "mV"}}, path)
    misfit = TrainedAutoencoder(path).misfit(units)
    assert (misfit and misfit.certain) == certain
