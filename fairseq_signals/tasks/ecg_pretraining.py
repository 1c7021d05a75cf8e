"""Pre-training on unlabelled windows: the method's views and transforms, in training and validation alike."""

from dataclasses import dataclass, field
from typing import Any

from fairseq.tasks import register_task

from fairseq_signals.models.ecg_model import plain
from fairseq_signals.tasks.ecg_task import ECGTask, ECGTaskConfig


@dataclass
class ECGPretrainingConfig(ECGTaskConfig):
    """Settings of `ecg_pretraining`."""

    window_seconds: float = field(
        default=10.0, metadata={"help": "length of a window in seconds, from which views are cut"}
    )
    views: Any = field(
        default="single",
        metadata={"help": "single; adjacent (two neighbouring halves); augment (the same window twice); (yaml) crops"},
    )


@register_task("ecg_pretraining", dataclass=ECGPretrainingConfig)
class ECGPretraining(ECGTask):
    """The validation loss is the training loss on held-out recordings, transforms included."""

    transforms_in_evaluation = True

    def views(self) -> Any:
        """As configured."""
        return plain(self.cfg.views)
