"""What stays in float32 when a model becomes half precision.

fairseq's trainer casts the whole model under fp16 and bf16. Numbers that move by small shares of themselves, such as
running statistics and exponentially moving weights, would stand still there: a bfloat16 knows no step below 0.4 %.
"""

import torch
from torch import Tensor


class StaysFloat32:
    """Put before a module's class: its parameters, buffers and children follow to a device, not to half precision."""

    def _apply(self, change, *more):
        def keep(tensor: Tensor) -> Tensor:
            changed = change(tensor)
            narrowed = changed.dtype in (torch.float16, torch.bfloat16)
            return tensor.to(changed.device) if narrowed else changed

        return super()._apply(keep, *more)
