"""LazyArray against a plain NumPy array, through random sequences of what users, layers and solvers do with one."""

import numpy as np
import torch
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from caffe_torch.blob.lazy import LazyArray

SHAPE = (2, 3, 2, 2)
FORMATS = st.sampled_from([torch.contiguous_format, torch.channels_last])
VALUES = st.integers(-9, 9)


def counted(first: int) -> torch.Tensor:
    return torch.arange(24, dtype=torch.float32).reshape(SHAPE) + first


class Lazy(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.array = LazyArray(SHAPE)
        self.content = np.zeros(SHAPE, np.float32)
        self.views: list[np.ndarray] = []
        self.read: list[tuple[torch.Tensor, torch.Tensor]] = []

    @rule()
    def anew(self):
        """One that nobody has a view of."""
        self.array, self.views = LazyArray(SHAPE), []
        self.content = np.zeros(SHAPE, np.float32)

    @rule(first=VALUES, layout=FORMATS)
    def set(self, first, layout):
        self.array.set(counted(first).contiguous(memory_format=layout))
        self.content = counted(first).numpy()

    @rule(first=VALUES, layout=FORMATS)
    def set_into_buffer(self, first, layout):
        buffer = self.array.buffer(torch.empty(SHAPE, device="meta", memory_format=layout))
        self.array.set(buffer.copy_(counted(first)))
        self.content = counted(first).numpy()

    @rule(first=VALUES, layout=FORMATS)
    def defer(self, first, layout):
        like = torch.empty(SHAPE, device="meta", memory_format=layout)
        self.array.defer(lambda images, out: out.copy_(counted(first)[images]), like)
        self.content = counted(first).numpy()

    @rule()
    def take_in_parts(self):
        compute = self.array.deferred()
        if compute is not None:
            for i in range(2):
                part = torch.empty(1, *SHAPE[1:])
                compute(slice(i, i + 1), part)
                np.testing.assert_array_equal(part, self.content[i : i + 1])

    @rule(value=VALUES)
    def change(self, value):
        self.array.change(lambda tensor: tensor.add_(value))
        self.content = self.content + value

    @rule()
    def clear(self):
        self.array.clear()
        self.content = np.zeros(SHAPE, np.float32)
        assert self.array.is_zero or self.views

    @rule(first=VALUES)
    def release(self, first):
        self.array.release()
        self.set(first, torch.contiguous_format)

    @rule(then=st.sampled_from(["change", "write", "buffer", "nothing"]), value=st.integers(1, 9))
    def read_only(self, then, value):
        tensor = self.array.read_only()
        self.read.append((tensor, tensor.clone()))
        if then == "change":
            self.change(value)
        elif then == "write":
            self.write(0, value)
        elif then == "buffer":
            self.set_into_buffer(value, torch.contiguous_format)

    @rule(index=st.integers(0, 23), value=VALUES)
    def write(self, index, value):
        view = self.array.numpy()
        self.views.append(view)
        view.flat[index] = value
        self.content = self.content.copy()
        self.content.flat[index] = value

    @rule()
    def get(self):
        np.testing.assert_array_equal(self.array.get().numpy(), self.content)

    @invariant()
    def views_are_live_and_tensors_read_stay(self):
        for view in self.views:
            np.testing.assert_array_equal(view, self.content)
        for tensor, then in self.read:
            assert torch.equal(tensor, then)
        if self.content.any():
            assert not self.array.is_zero


TestLazy = Lazy.TestCase
TestLazy.settings = settings(max_examples=60, stateful_step_count=25, deadline=None, derandomize=True)
