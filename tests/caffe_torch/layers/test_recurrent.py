"""RNN, LSTM, LSTMUnit: against a loop written out, state carried over, gradients."""

import numpy as np
import pytest
from one_layer import OneLayer, normal

FILLERS = 'weight_filler { type: "gaussian" std: 0.5 } bias_filler { type: "gaussian" std: 0.5 }'


def recurrent(kind: str, *bottoms: object, text: str = "", tops: int = 1) -> OneLayer:
    return OneLayer(f'type: "{kind}" recurrent_param {{ num_output: 2 {FILLERS} {text} }}', *bottoms, tops=tops)


def test_rnn_by_hand_with_a_restart() -> None:
    x, cont = normal(3, 1, 4), np.array([[0], [1], [0]], np.float32)
    layer = recurrent("RNN", x, cont)
    w, b, hh, ho, bo = layer.params
    h, expected = np.zeros(2), []
    for t in range(3):
        h = np.tanh(hh @ (cont[t, 0] * h) + w @ x[t, 0] + b)
        expected.append(np.tanh(ho @ h + bo))
    np.testing.assert_allclose(layer.forward()[:, 0], expected, rtol=1e-5)


@pytest.mark.parametrize("kind", ["RNN", "LSTM"])
def test_state_goes_on_to_the_next_forward(kind: str) -> None:
    x = normal(4, 1, 3)
    at_once = recurrent(kind, x, np.ones((4, 1)))
    halves = recurrent(kind, x[:2], np.ones((2, 1)))
    for mine, theirs in zip(halves.params, at_once.params):
        mine[...] = theirs
    expected = at_once.forward()
    np.testing.assert_allclose(halves.forward(), expected[:2], rtol=1e-6)
    halves.bottoms[0].data[...] = x[2:]
    np.testing.assert_allclose(halves.forward(), expected[2:], rtol=1e-5)


@pytest.mark.parametrize("kind", ["RNN", "LSTM"])
def test_gradients(kind: str) -> None:
    cont = [[0, 0], [1, 1], [0, 1]]
    recurrent(kind, normal(3, 2, 2), cont, normal(2, 3, seed=1)).check_gradients()


def test_exposed_state() -> None:
    layer = recurrent(
        "LSTM", normal(3, 2, 2), np.ones((3, 2)), normal(1, 2, 2), normal(1, 2, 2), text="expose_hidden: true", tops=3
    )
    layer.forward()
    np.testing.assert_array_equal(layer.tops[1].data[0], layer.top[-1])


def test_lstm_unit_gradients() -> None:
    OneLayer('type: "LSTMUnit"', normal(1, 2, 3), normal(1, 2, 12), [[1, 0]], tops=2).check_gradients()
