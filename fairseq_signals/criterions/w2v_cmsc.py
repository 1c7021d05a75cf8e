"""Local and global objective together, Oh et al. 2022, equation 5: L = L_local + L_global."""

from dataclasses import dataclass

from fairseq.criterions import register_criterion

from fairseq_signals.criterions.cmsc import CMSCConfig, cmsc_outcome
from fairseq_signals.criterions.ecg_criterion import ECGCriterion, Outcome
from fairseq_signals.criterions.w2v import W2VConfig, w2v_outcome


@dataclass
class W2VCMSCConfig(W2VConfig, CMSCConfig):
    """Settings of both objectives."""


@register_criterion("w2v_cmsc", dataclass=W2VCMSCConfig)
class W2VCMSCCriterion(ECGCriterion):
    """Masked frames within windows, and segments between recordings."""

    def outcome(self, model, sample) -> Outcome:
        """The losses of `w2v` and `cmsc` from one pass of the model over the masked windows."""
        outputs = model(**sample["net_input"])
        near = w2v_outcome(self.cfg, outputs, sample["counted"])
        far = cmsc_outcome(self.cfg, outputs, sample)
        return Outcome({**near.losses, **far.losses}, near.logs, outputs)
