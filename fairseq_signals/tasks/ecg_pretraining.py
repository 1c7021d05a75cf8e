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

    def __init__(self, cfg: ECGPretrainingConfig, from_checkpoint: bool = False):
        """As every task.

        Raises:
            ValueError: scores are asked for. fairseq-validate takes the task of the checkpoint, whatever `--task` says,
                so asking for another task's scores would end without them and without a word.
        """
        if cfg.results_path:
            raise ValueError(
                f"results_path must be left out for a pre-trained checkpoint, which scores nothing, got "
                f"{cfg.results_path}: fine-tune it first, or leave its encoder as it is by model.freeze_updates=-1"
            )
        super().__init__(cfg, from_checkpoint)

    def views(self) -> Any:
        """As configured."""
        return plain(self.cfg.views)
