"""The mean average precision of a solver with eval_type detection, by hand."""

import numpy as np
import pytest

import caffe_torch as caffe
from caffe_torch.solver.detection import Detections, average_precision

#: Right, wrong, right, of four true boxes: precisions 1, 1/2, 2/3 at recalls 1/4, 1/4, 1/2.
SCORES, RIGHT, WRONG = np.array([0.9, 0.8, 0.7]), np.array([1, 0, 1]), np.array([0, 1, 0])


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("11point", (3 * 1 + 3 * 2 / 3) / 11),  # recalls 0, 0.1, 0.2 and 0.3, 0.4, 0.5
        ("MaxIntegral", 1 / 4 + 2 / 3 / 4),
        ("Integral", 1 / 4 + 2 / 3 / 4),
    ],
)
def test_average_precision(version, expected):
    assert average_precision(SCORES, RIGHT, WRONG, 4, version) == pytest.approx(expected)
    assert average_precision(SCORES[:0], RIGHT[:0], WRONG[:0], 4, version) == 0


def test_the_order_of_boxes_is_that_of_their_scores():
    turned = average_precision(SCORES[::-1], RIGHT[::-1], WRONG[::-1], 4, "Integral")
    assert turned == average_precision(SCORES, RIGHT, WRONG, 4, "Integral")


def test_batches_add_up_and_a_class_without_boxes_is_left_out():
    result = Detections()
    for part in (slice(0, 1), slice(1, 3)):
        rows = [[-1, 1, 2, -1, -1], [-1, 2, 0, -1, -1], [-1, 3, 1, -1, -1]]
        rows += [[0, 1, *row] for row in np.stack([SCORES, RIGHT, WRONG], axis=1)[part].tolist()]
        result.add(np.reshape(rows, (1, 1, -1, 5)), "eval")
    assert result.mean("Integral") == pytest.approx((1 / 4 + 2 / 3 / 4 + 0) / 2)
    with pytest.raises(caffe.CaffeError, match="'accuracy' has shape"):
        result.add(np.zeros(()), "accuracy")


NET = """
layer { name: "found" type: "DummyData" top: "found" dummy_data_param { shape { dim: 1 dim: 1 dim: 1 dim: 7 }
  data_filler { value: 1 } } }
layer { name: "true" type: "DummyData" top: "true" dummy_data_param { shape { dim: 1 dim: 1 dim: 1 dim: 8 }
  data_filler { value: 1 } } }
layer { name: "eval" type: "DetectionEvaluate" bottom: "found" bottom: "true" top: "eval"
  detection_evaluate_param { num_classes: 2 } }
"""


def test_a_solver_reports_the_mean(tmp_path, capsys):
    (tmp_path / "net.prototxt").write_text(NET)
    settings = f'net: "{tmp_path}/net.prototxt" base_lr: 1 lr_policy: "fixed" test_iter: 3 test_interval: 1 max_iter: 1'
    (tmp_path / "s.prototxt").write_text(settings + ' eval_type: "detection" ap_version: "11point" snapshot: 0')
    solver = caffe.get_solver(str(tmp_path / "s.prototxt"))
    solver._test_all()
    assert "Test net output #0: eval = 0" in capsys.readouterr().err
    (tmp_path / "s.prototxt").write_text(settings + ' eval_type: "detection" ap_version: "12point"')
    with pytest.raises(caffe.CaffeError, match="12point.*11point, MaxIntegral, Integral"):
        caffe.get_solver(str(tmp_path / "s.prototxt"))._test_all()
