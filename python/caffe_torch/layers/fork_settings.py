"""Settings that a fork has added to BVLC's messages and that no layer here reads: said in the log, not passed over."""

from __future__ import annotations

from typing import Any

from caffe_torch.proto.fork_fields import fork_fields, forks_of
from caffe_torch.runtime import log

#: Those that the layers of BVLC's types read.
_READ = {
    "DropoutParameter.scale_train", "DropoutParameter.sample_weights_test", "PoolingParameter.ceil_mode",
    "LossParameter.pre_fixed_normalizer", "LossParameter.weight_by_label_freqs", "LossParameter.class_weighting",
    "ConvolutionParameter.hole", "ConvolutionParameter.hole_h", "ConvolutionParameter.hole_w",
    "ConvolutionParameter.dilation_h", "ConvolutionParameter.dilation_w",
}  # fmt: skip
#: Of these types the layer reads, or refuses, what stands in its data and transform settings.
_OWN_DATA = {"AnnotatedData", "ImageSegData", "DenseImageData", "ImageLabelmapData"}


def warn_of_unread(param: Any) -> None:
    """A warning for every setting of a fork in a LayerParameter's messages of BVLC's that is not read here."""
    for field, message in param.ListFields():
        if field.message_type is None or field.is_repeated or f"LayerParameter.{field.name}" in fork_fields():
            continue
        if param.type in _OWN_DATA and field.name in ("transform_param", "image_data_param"):
            continue
        for inner, _ in message.ListFields():
            name = f"{field.message_type.name}.{inner.name}"
            if name in fork_fields() and name not in _READ:
                log.warning(
                    f"layer {param.name!r} ({param.type}): {field.name}.{inner.name} ({forks_of(name)[0]}) "
                    "is not read here"
                )


def fork_of_type(name: str) -> str:
    """The fork whose schema has the parameters of a layer type, "" where none has."""
    return next((fields[0].fork for full, fields in fork_fields().items() if full.startswith(f"{name}Parameter.")), "")
