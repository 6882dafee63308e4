"""Labels of a photo by the exported net beside this file, with onnxruntime: python annotate.py PHOTO [THRESHOLD]"""

import json
import sys
from pathlib import Path

import cv2
import numpy as np
import onnxruntime

HERE = Path(__file__).resolve().parent


def annotate(photo, threshold):
    catalog = json.loads((HERE / "catalog.json").read_text(encoding="utf-8"))
    image = cv2.imread(str(photo))  # BGR, turned as its EXIF says
    if image is None:
        sys.exit(f"error: {photo}: not a photo that OpenCV reads")
    size, crop = catalog["size"], catalog["crop"]
    image, start = cv2.resize(image, (size, size)), (size - crop) // 2
    pixels = image[start : start + crop, start : start + crop].transpose(2, 0, 1)[None].astype(np.float32)
    session = onnxruntime.InferenceSession(str(HERE / "model.onnx"))
    values = iter(np.concatenate(session.run(catalog["probabilities"], {"data": pixels}), axis=1)[0])
    for group in catalog["groups"]:
        for label in group["labels"]:
            if (probability := next(values)) >= threshold:
                yield group["name"], label, float(probability)


if __name__ == "__main__":
    for name, label, probability in annotate(sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else 0.5):
        print(f"{name}\t{label}\t{probability:.3f}")
