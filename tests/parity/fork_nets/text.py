"""A deploy net's text, layer by layer."""

from __future__ import annotations

from collections.abc import Sequence


class NetText:
    """Each method adds layers and returns the name of their top; ``width`` scales the channels between them."""

    def __init__(self, width: float = 1.0, multiple: int = 4):
        self._layers: list[str] = []
        self._width, self._multiple = width, multiple

    def __str__(self) -> str:
        return "".join(self._layers)

    def channels(self, count: int) -> int:
        """``count`` channels in this net's width, a multiple that groups divide."""
        if self._width == 1:
            return count
        return max(round(count * self._width / self._multiple), 1) * self._multiple

    def layer(
        self, kind: str, name: str, bottoms: str | Sequence[str], settings: str = "", tops: Sequence[str] = ()
    ) -> str:
        bottoms = [bottoms] if isinstance(bottoms, str) else bottoms
        tops = tops or [name]
        blobs = [f'bottom: "{blob}"' for blob in bottoms] + [f'top: "{blob}"' for blob in tops]
        self._layers.append(f'layer {{ name: "{name}" type: "{kind}" {" ".join(blobs)} {settings} }}\n')
        return tops[0]

    def in_place(self, kind: str, name: str, blob: str, settings: str = "") -> str:
        return self.layer(kind, name, blob, settings, [blob])

    def convolution(
        self, name: str, bottom: str, outputs: int, kernel: int = 3, stride: int = 1, pad: int | None = None,
        dilation: int = 1, group: int = 1, bias: bool = True, kind: str = "Convolution",
    ) -> str:  # fmt: skip
        """``outputs`` as they are; padded so that a stride of 1 keeps the size, where ``pad`` says nothing else."""
        pad = dilation * (kernel // 2) if pad is None else pad
        settings = f"num_output: {outputs} kernel_size: {kernel}"
        for word, value, default in (("stride", stride, 1), ("pad", pad, 0), ("dilation", dilation, 1),
                                     ("group", group, 1)):  # fmt: skip
            if value != default:
                settings += f" {word}: {value}"
        if not bias:
            settings += " bias_term: false"
        return self.layer(kind, name, bottom, f"convolution_param {{ {settings} }}")

    def relu(self, blob: str, settings: str = "") -> str:
        return self.in_place("ReLU", f"{blob}/relu", blob, settings)

    def batch_norm(self, blob: str, relu: bool = True, settings: str = "") -> str:
        """BatchNorm and Scale in place, as BVLC's Caffe has them, and a ReLU."""
        self.in_place("BatchNorm", f"{blob}/bn", blob, settings)
        self.in_place("Scale", f"{blob}/scale", blob, "scale_param { bias_term: true }")
        return self.relu(blob) if relu else blob

    def pool(
        self, name: str, bottom: str, kernel: int = 0, stride: int = 1, pad: int = 0, kind: str = "MAX", more: str = "",
        tops: Sequence[str] = (),
    ) -> str:  # fmt: skip
        """Over the whole map where no kernel is given."""
        size = f"kernel_size: {kernel} stride: {stride} pad: {pad}" if kernel else "global_pooling: true"
        return self.layer("Pooling", name, bottom, f"pooling_param {{ pool: {kind} {size} {more} }}", tops)

    def inner_product(self, name: str, bottom: str, outputs: int) -> str:
        return self.layer("InnerProduct", name, bottom, f"inner_product_param {{ num_output: {outputs} }}")

    def reshape(self, name: str, bottom: str, *dims: int) -> str:
        shape = " ".join(f"dim: {n}" for n in dims)
        return self.layer("Reshape", name, bottom, f"reshape_param {{ shape {{ {shape} }} }}")

    def softmax(self, name: str, bottom: str, axis: int = 1) -> str:
        return self.layer("Softmax", name, bottom, f"softmax_param {{ axis: {axis} }}")
