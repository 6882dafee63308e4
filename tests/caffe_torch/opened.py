"""A net from the text of its prototxt."""

import caffe_torch as caffe


def net(tmp_path, text, phase=caffe.TEST):
    (tmp_path / "n.prototxt").write_text(text)
    return caffe.Net(str(tmp_path / "n.prototxt"), phase)
