"""What this engine raises where the original logs a fatal line and aborts the process."""


class CaffeError(RuntimeError):
    """A net, file or call that Caffe would refuse; the message names the layer, file or key."""


class CaffeValueError(CaffeError, ValueError):
    """The same, where pycaffe raises ValueError."""
