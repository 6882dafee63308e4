"""RNN, LSTM and LSTMUnit: sequences of shape (time, streams, ...) with continuation markers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from caffe_torch.blob.blob import Blob
from caffe_torch.layers.base import FunctionLayer, register
from caffe_torch.layers.fillers import fill
from caffe_torch.layers.shapes import count
from caffe_torch.runtime import device


def lstm_unit(cell: Tensor, gates: Tensor, cont: Tensor) -> tuple[Tensor, Tensor]:
    """The next cell and hidden state from the gates (input, forget, output, candidate), each (1, streams, size).

    ``cont`` (1, streams, 1) is 0 where a stream starts a new sequence and so forgets its cell.
    """
    i, f, o, g = gates.chunk(4, dim=-1)
    cell = cont * torch.sigmoid(f) * cell + torch.sigmoid(i) * torch.tanh(g)
    return cell, torch.sigmoid(o) * torch.tanh(cell)


@register("LSTMUnit")
class LSTMUnit(FunctionLayer):
    """One step of an LSTM: bottoms are the last cell (1, n, d), the gates (1, n, 4d) and the markers (1, n)."""

    bottoms = (3, 3)
    tops = (2, 2)
    no_gradient = (2,)

    def reshape(self, bottom: list[Blob], top: list[Blob]) -> None:
        cell, gates, cont = (blob.shape for blob in bottom)
        if len(cell) != 3 or cell[0] != 1 or gates != (1, cell[1], 4 * cell[2]) or cont != (1, cell[1]):
            raise self.fail(f"needs shapes (1, n, d), (1, n, 4d) and (1, n), found {cell}, {gates} and {cont}")
        for blob in top:
            blob.adopt_shape(cell)

    def compute(self, inputs: list[Tensor], params: list[Tensor]) -> Sequence[Tensor]:
        return lstm_unit(inputs[0], inputs[1], inputs[2].detach().unsqueeze(-1))


class _Recurrent(FunctionLayer):
    """Bottoms: x (t, n, ...), cont (t, n), optionally a static input (n, ...), and with expose_hidden the first states.

    Tops: the outputs (t, n, num_output) and, with expose_hidden, the last states. Otherwise the states are kept from
    one forward to the next, so that a sequence may span several; ``cont`` 0 starts it anew.
    """

    bottoms = (2, None)
    tops = (1, None)
    no_gradient: tuple[int, ...] = (1,)
    state_count = 1

    def setup(self, bottom: list[Blob], top: list[Blob]) -> None:
        param = self.param.recurrent_param
        self.size, self.exposed = param.num_output, param.expose_hidden
        if self.size < 1:
            raise self.fail("num_output must be 1 or more")
        hidden = self.state_count if self.exposed else 0
        if len(bottom) - hidden not in (2, 3) or len(top) != 1 + hidden:
            raise self.fail(
                f"needs {2 + hidden} or {3 + hidden} bottoms and {1 + hidden} tops, found {len(bottom)} and {len(top)}"
            )
        self.static = len(bottom) - hidden == 3
        # Caffe passes no gradient on to the exposed first states.
        self.drops_gradient = tuple(range(len(bottom) - hidden, len(bottom)))
        self.no_gradient = (1, *self.drops_gradient)
        if len(bottom[0].shape) < 2 or bottom[1].shape != bottom[0].shape[:2]:
            raise self.fail(f"needs x (t, n, ...) and cont (t, n), found {bottom[0].shape} and {bottom[1].shape}")
        self._states: list[Tensor] = []
        if not self.blobs:
            self.make_blobs(count(bottom[0].shape[2:]), count(bottom[2].shape[1:]) if self.static else 0)

    def make_blobs(self, inputs: int, static: int) -> None:
        raise NotImplementedError

    def weight(self, *shape: int) -> None:
        param = self.param.recurrent_param
        fill(self.new_blob(*shape), param.weight_filler if len(shape) > 1 else param.bias_filler)

    def reshape(self, bottom: list[Blob], top: list[Blob]) -> None:
        time, streams = bottom[0].shape[:2]
        if bottom[1].shape != (time, streams):
            raise self.fail(f"cont must be {(time, streams)}, as x, found {bottom[1].shape}")
        top[0].adopt_shape((time, streams, self.size))
        for blob in top[1:]:
            blob.adopt_shape((1, streams, self.size))

    def state_dict(self) -> dict[str, Any]:
        """The states after the last forward, for a snapshot."""
        return {f"state{i}": h.cpu().numpy() for i, h in enumerate(self._states)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take the states from a snapshot."""
        self._states = [torch.from_numpy(state[f"state{i}"]).to(device.current()) for i in range(len(state))]

    def compute(self, inputs: list[Tensor], params: list[Tensor]) -> Sequence[Tensor]:
        x, cont = inputs[0], inputs[1].detach()
        time, streams = x.shape[:2]
        first = 3 if self.static else 2
        if self.exposed:
            states = [h.reshape(1, streams, self.size) for h in inputs[first:]]
        else:
            kept = [h for h in self._states if h.shape[1] == streams and h.device == x.device]
            states = kept or [torch.zeros(1, streams, self.size, device=x.device) for _ in range(self.state_count)]
        # The products of the inputs with their weights, of all time steps at once; the other weights are the states'.
        state_params = list(params)
        from_inputs = F.linear(x.flatten(2), state_params.pop(0), state_params.pop(0))
        if self.static:
            from_inputs = from_inputs + F.linear(inputs[2].flatten(1), state_params.pop(0))
        outputs = []
        for t in range(time):
            output, states = self.step(from_inputs[t : t + 1], cont[t].reshape(1, streams, 1), states, state_params)
            outputs.append(output)
        self._states = [h.detach() for h in states]
        return [torch.cat(outputs), *(states if self.exposed else [])]

    def step(
        self, from_inputs: Tensor, cont: Tensor, states: list[Tensor], params: list[Tensor]
    ) -> tuple[Tensor, list[Tensor]]:
        """(output, states) of one time step, each (1, streams, ...); ``params`` are those of the states."""
        raise NotImplementedError

    def backward(self, top: list[Blob], propagate_down: list[bool], bottom: list[Blob]) -> None:
        # Caffe passes no gradient back through the exposed last states.
        outputs, self._outputs = self._outputs, self._outputs[:1]
        super().backward(top, propagate_down, bottom)
        self._outputs = outputs


@register("RNN")
class RNN(_Recurrent):
    """h = tanh(W_hh h + W_xh x + b_h); o = tanh(W_ho h + b_o). Blobs: W_xh, b_h, (W_xh_static), W_hh, W_ho, b_o."""

    def make_blobs(self, inputs: int, static: int) -> None:
        size = self.size
        self.weight(size, inputs)
        self.weight(size)
        if static:
            self.weight(size, static)
        for shape in ((size, size), (size, size), (size,)):
            self.weight(*shape)

    def step(
        self, from_inputs: Tensor, cont: Tensor, states: list[Tensor], params: list[Tensor]
    ) -> tuple[Tensor, list[Tensor]]:
        hidden = torch.tanh(F.linear(cont * states[0], params[0]) + from_inputs)
        return torch.tanh(F.linear(hidden, params[1], params[2])), [hidden]


@register("LSTM")
class LSTM(_Recurrent):
    """Long short-term memory, no peepholes. Blobs: W_xc, b_c, (W_xc_static), W_hc; gates in the order i, f, o, g."""

    state_count = 2

    def make_blobs(self, inputs: int, static: int) -> None:
        size = self.size
        self.weight(4 * size, inputs)
        self.weight(4 * size)
        if static:
            self.weight(4 * size, static)
        self.weight(4 * size, size)

    def step(
        self, from_inputs: Tensor, cont: Tensor, states: list[Tensor], params: list[Tensor]
    ) -> tuple[Tensor, list[Tensor]]:
        hidden, cell = states
        cell, hidden = lstm_unit(cell, F.linear(cont * hidden, params[0]) + from_inputs, cont)
        return hidden, [hidden, cell]
