"""What a node does for one job of `experiments.launch`: an application of Hydra, so that its launchers can send it."""

from typing import Any

import hydra
from hydra.core.config_store import ConfigStore
from omegaconf import MISSING, OmegaConf

ConfigStore.instance().store(name="experiment_job", node={"arguments": MISSING, "job": MISSING})


@hydra.main(version_base="1.3", config_path=None, config_name="experiment_job")
def main(cfg: Any):
    """Runs the job of this name among those that the arguments select."""
    from fairseq_signals.experiments.command_line import run_one

    run_one(list(OmegaConf.to_container(cfg.arguments)), cfg.job)


if __name__ == "__main__":
    main()
