"""What a masked autoencoder makes of the patches that it did not see, beside the recording, and how near it comes.

Source: Sawano et al. 2022, figures 1 and 3: original, masked and reconstructed leads. The numbers are ours: correlation
and root mean square error over all hidden samples of all leads, and over those of them within 60 ms of the middle of a
QRS complex (`ecg_descriptors.beat_places`), where an ECG is hardest to guess. The deviation of the original's hidden
samples is the error of the best constant guess.

Where a model's targets are normalised patches, level and amplitude of every hidden patch are the original's, put back
for the picture: correlation and error are then no measure of what the model knew, and `Reconstruction.levels_given`
says so.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from fairseq_signals.data.in_memory import batches_of_records
from fairseq_signals.data.leads import lead_indices, parse_leads
from fairseq_signals.data.record import Record
from fairseq_signals.data.resample import resample_record
from fairseq_signals.data.units import Misfit, units_misfit
from fairseq_signals.encoders import build_encoder
from fairseq_signals.evaluation.ecg_descriptors import beat_places
from fairseq_signals.evaluation.nearness import Nearness, nearness
from fairseq_signals.modules.checkpoint import load_part, read_checkpoint, units_of_training
from fairseq_signals.modules.masked_autoencoder import MaskedAutoencoder
from fairseq_signals.modules.patch_decoder import PatchDecoder, PatchDecoderSettings
from fairseq_signals.modules.preprocess import Preprocess, PreprocessSettings
from fairseq_signals.transforms.windows import choose_leads, windows_from_batch

QRS_SECONDS = 0.06  # on either side of a complex's middle


@dataclass(frozen=True)
class Reconstruction:
    """A window before and after a masked autoencoder.

    Attributes:
        record: the window, at the model's rate and as the model is given it (filtered where its preprocessing filters).
        masked: boolean `[L, T]`, samples of patches that were hidden.
        reconstructed: float32 `[L, T]`, mV; the original where nothing was hidden.
        levels_given: whether level and amplitude of hidden patches are the original's.
        hidden: nearness over the hidden samples.
        hidden_qrs: over those of them in QRS complexes; None where there are none.
    """

    record: Record
    masked: np.ndarray
    reconstructed: np.ndarray
    levels_given: bool
    hidden: Nearness
    hidden_qrs: Nearness | None


class TrainedAutoencoder:
    """A checkpoint of `ecg_mae` without fairseq.

    Attributes:
        rate: Hz of the windows.
        window_seconds: of a window.
        leads: leads that the model was given.
        units: of the amplitudes that it was trained with, see `data.units`; None where nobody knows.
    """

    def __init__(self, checkpoint: str | Path, masked_share: float | None = None):
        """Reads a checkpoint; `masked_share` replaces the share of hidden patches that it was trained with.

        Raises:
            FileNotFoundError, ValueError: see `modules.checkpoint.read_checkpoint`; another model; an impossible share.
        """
        state = read_checkpoint(checkpoint)
        model, task = state["cfg"]["model"], state["cfg"]["task"]
        if model["_name"] != "ecg_mae":
            raise ValueError(
                f"checkpoint must hold a masked autoencoder (ecg_mae), got {model['_name']} ({checkpoint})"
            )
        share = model["masked_share"] if masked_share is None else masked_share
        if not 0 < share < 1:
            raise ValueError(f"masked share must lie between 0 and 1, got {share} (--share gives another)")
        encoder = build_encoder(model["encoder"])
        size = PatchDecoderSettings(*(model[f"reconstruction_{name}"] for name in ("dim", "layers", "heads")))
        decoder = PatchDecoder(size, encoder.dim, encoder.local_dim, encoder.leads)
        for name, part in (("encoder", encoder), ("decoder", decoder)):
            load_part(part, state["model"], name, checkpoint)
            part.float().eval()
        preprocess = Preprocess(PreprocessSettings(**model["preprocess"]), encoder.rate, encoder.leads)
        normalised, floor = model["normalised_patches"], model["patch_floor"]
        self.autoencoder = MaskedAutoencoder(encoder, decoder, preprocess, share, normalised, floor)
        self.rate, self.window_seconds = float(task["rate"]), float(task["window_seconds"])
        self.leads, self.drop_leads = parse_leads(task["leads"]), bool(task["drop_leads"])
        self.units = units_of_training(state)

    def misfit(self, units: str | None) -> Misfit | None:
        """Whether amplitudes in these units are not those of the model's training, see `data.units`."""
        return units_misfit(self.units, units, self.autoencoder.preprocess.settings.normalise == "window")

    def reconstruct(self, record: Record, start: float = 0.0, seed: int = 1) -> Reconstruction:
        """One window of a recording, hidden in part and reconstructed.

        Args:
            record: any recording with leads of the model.
            start: second at which the window begins.
            seed: another seed hides other patches.

        Raises:
            ValueError: the window holds nothing, or the recording has not the model's leads.
        """
        windows, there = self._window(record, start)
        generator = torch.Generator().manual_seed(seed)
        found = self.autoencoder.reconstruct(windows.signal, windows.lengths, windows.present, generator)
        length = int(windows.valid_lengths[0])
        rows = [windows.leads.index(lead) for lead in there]
        original, masked, guess = (
            found[name][0, rows, :length].numpy() for name in ("original", "masked", "reconstructed")
        )
        shown = Record(original, self.rate, there, record.id, record.patient, record.labels, record.meta)
        beats = np.zeros(length, bool)
        for place in beat_places(original, self.rate):
            reach = round(QRS_SECONDS * self.rate)
            beats[max(0, place - reach) : place + reach + 1] = True
        levels_given = bool(self.autoencoder.normalised)
        inside = masked & beats
        qrs = nearness(original[inside], guess[inside]) if inside.any() else None
        return Reconstruction(shown, masked, guess, levels_given, nearness(original[masked], guess[masked]), qrs)

    def _window(self, record: Record, start: float):
        """One window of a recording, `[1, L, T]`, and the leads in it that the recording has."""
        record = resample_record(record, self.rate) if record.rate != self.rate else record
        first, size = round(start * self.rate), round(self.window_seconds * self.rate)
        if not 0 <= first < record.signal.shape[1]:
            raise ValueError(f"start must be within the recording's {record.seconds:g} seconds, got {start:g}")
        record.require_leads(self.leads, self.drop_leads)
        there = tuple(lead for lead in record.leads if lead in self.leads)
        part = record.select(there)
        signal = np.ascontiguousarray(part.signal[:, first : first + size])
        cut = Record(signal, self.rate, there, record.id)
        (batch,) = batches_of_records([cut], self.rate, size, size, 1)
        windows = windows_from_batch(batch, torch.device("cpu"))
        return choose_leads(windows, lead_indices(self.leads), pad=not self.drop_leads), there
