"""DepthwiseConvolution and ConvolutionDepthwise of MobileNet: one filter a channel."""

from __future__ import annotations

from caffe_torch.blob.blob import Blob
from caffe_torch.layers.base import register
from caffe_torch.layers.convolution import Convolution


@register("DepthwiseConvolution", "ConvolutionDepthwise")
class DepthwiseConvolution(Convolution):
    """A Convolution whose groups are its channels, whether ``group`` says so or not; weights (outputs, 1, h, w)."""

    def setup(self, bottom: list[Blob], top: list[Blob]) -> None:
        param = self.param.convolution_param
        channels = bottom[0].shape[1] if len(bottom[0].shape) == 4 else 0
        if not channels or param.num_output % channels:
            raise self.fail(
                f"needs a blob of 4 axes, and num_output {param.num_output} a multiple of its channels; "
                f"found shape {bottom[0].shape}"
            )
        param.group = channels
        super().setup(bottom, top)
