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
    "ConvolutionParameter.dilation_h", "ConvolutionParameter.dilation_w", "ImageDataParameter.label_dim",
    "TransformationParameter.crop_height", "TransformationParameter.crop_width", "TransformationParameter.crop_h",
    "TransformationParameter.crop_w", "SolverParameter.eval_type", "SolverParameter.ap_version",
    "SolverParameter.show_per_class_result",
}  # fmt: skip
#: What is lost where one of these is not read; nothing is said of the others.
_INSTEAD = {
    "DataParameter.shuffle": ": records come in the order of their keys, so shuffle when they are packed",
    "DataParameter.shuffle_pool_size": ": records come in the order of their keys, so shuffle when they are packed",
    "NetParameter.richness": ": a hint on how messages are shared out, without effect on results",
    "SolverParameter.richness": ": a hint on how messages are shared out, without effect on results",
}
#: Of these types the layer reads, or refuses, what stands in its data and transform settings.
_OWN_DATA = {"AnnotatedData", "ImageSegData", "DenseImageData", "ImageLabelmapData"}


def warn_of_unread(param: Any) -> None:
    """A warning for every setting of a fork in a LayerParameter's messages of BVLC's that is not read here."""
    for field, message in param.ListFields():
        if field.message_type is None or field.is_repeated or f"LayerParameter.{field.name}" in fork_fields():
            continue
        if param.type in _OWN_DATA and field.name in ("transform_param", "image_data_param"):
            continue
        _warn(message, f"layer {param.name!r} ({param.type}): {field.name}.")


def warn_of_unread_by(message: Any, reader: str) -> None:
    """The same for the settings of a net or a solver, as ``reader`` is called."""
    _warn(message, f"{reader}: ")


def _warn(message: Any, where: str) -> None:
    for field, _ in message.ListFields():
        name = f"{message.DESCRIPTOR.name}.{field.name}"
        if name in fork_fields() and name not in _READ:
            log.warning(f"{where}{field.name} ({forks_of(name)[0]}) is not read here{_INSTEAD.get(name, '')}")


def fork_of_type(name: str) -> str:
    """The fork whose schema has the parameters of a layer type, "" where none has."""
    return next((fields[0].fork for full, fields in fork_fields().items() if full.startswith(f"{name}Parameter.")), "")
