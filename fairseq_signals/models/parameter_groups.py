"""Which parameters learn at a rate of their own: the parts of an encoder, and all else as "default".

fairseq's `composite` optimiser reads the attribute `param_group` of each parameter and gives every group the optimiser
and the schedule that its configuration names; `default` is its own name for parameters without that attribute.
"""

from fairseq.optim.composite import FairseqCompositeOptimizer
from torch import nn

PARTS, DEFAULT = ("stem", "body", "head"), "default"


def parameter_groups(encoder: nn.Module) -> dict[str, str]:
    """The part (stem, body or head) of each parameter of an encoder, by the parameter's name.

    Raises:
        TypeError: the encoder's `parts` leave a parameter out, name one twice, or are others than those three.
    """
    if strange := sorted(set(encoder.parts()) - set(PARTS)):
        raise TypeError(f"parts of {type(encoder).__name__} must be {', '.join(PARTS)}, got {', '.join(strange)}")
    names = {parameter: name for name, parameter in encoder.named_parameters()}
    groups: dict[str, str] = {}
    for part, modules in encoder.parts().items():
        own = {names[parameter] for module in modules for parameter in module.parameters()}
        if twice := sorted(own & set(groups)):
            raise TypeError(f"parts of {type(encoder).__name__} must name each parameter once, got twice: {twice[0]}")
        groups |= dict.fromkeys(own, part)
    if missing := sorted(set(names.values()) - set(groups)):
        raise TypeError(f"parts of {type(encoder).__name__} must name every parameter, got none with {missing[0]}")
    return groups


def label_parameters(encoder: nn.Module):
    """Writes each parameter's part into its `param_group`, where fairseq's `composite` optimiser finds it."""
    parameters = dict(encoder.named_parameters())
    for name, part in parameter_groups(encoder).items():
        parameters[name].param_group = part


def forget_earlier_groups():
    """Lets the next `composite` optimiser start empty.

    fairseq keeps its groups in the class: in a process that trains one model after another, as Hydra's multirun does,
    those of an earlier model would still be stepped and would count in the norm of the gradients.
    """
    FairseqCompositeOptimizer.optimizers, FairseqCompositeOptimizer.lr_schedulers = {}, {}
