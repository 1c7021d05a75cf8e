"""A user folder for runs of two processes on processors, which fairseq's own gathering does not know.

`fairseq.distributed.utils.all_gather_list` writes into memory of a GPU; here the same lists travel as objects. And
an encoder without dropout, a quantizer without noise, so that sharing a batch is the only difference.
"""

import torch.distributed
from fairseq.distributed import utils

import fairseq_signals
from fairseq_signals.encoders import register_encoder
from fairseq_signals.encoders.wav2vec2 import Wav2Vec2Encoder
from fairseq_signals.modules.quantizer import GumbelQuantizer

fairseq_signals.register()


def all_gather_list(data, group=None, max_size=16384):
    """What every process gives, in order of their ranks."""
    gathered = [None] * torch.distributed.get_world_size()
    torch.distributed.all_gather_object(gathered, data)
    return gathered


utils.all_gather_list = all_gather_list

QUIET = {"layers": 1, "dim": 32, "heads": 2, "hidden": 64, "conv_channels": 16, "position_kernel": 8}
QUIET |= {"position_groups": 2, "dropout": 0.0, "attention_dropout": 0.0, "input_dropout": 0.0}


@register_encoder("quiet", quiet_tiny=QUIET)
class QuietEncoder(Wav2Vec2Encoder):
    """The wav2vec 2.0 encoder, small and without dropout."""


_noisy = GumbelQuantizer.forward


def _forward(self, frames, counted, generator=None):
    return _noisy(self, frames, counted)


GumbelQuantizer.forward = _forward
