"""Changes of windows on the model's device: views cut from them, and random transforms applied to the views."""

from fairseq_signals.modules.registry import Registry

TRANSFORMS = Registry("transform", __name__)
register_transform = TRANSFORMS.register
