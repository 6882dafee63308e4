"""Pictures of random blobs, which no two seeds make alike."""

import cv2
import numpy as np


def picture(seed):
    """A BGR picture of 80 x 60 pixels."""
    rng = np.random.RandomState(seed)
    return cv2.resize(rng.randint(0, 256, (7, 5, 3)).astype(np.uint8), (60, 80), interpolation=cv2.INTER_CUBIC)
