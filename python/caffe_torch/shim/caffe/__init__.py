"""``import caffe`` in a process that a program under ``python -m caffe_torch`` has started: becomes caffe_torch."""

import sys

del sys.modules[__name__]  # caffe_torch puts itself there
import caffe_torch  # noqa: E402, F401
