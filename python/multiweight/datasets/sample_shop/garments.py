"""Draws a product of the sample shop as a flat garment: pixels and the mask of what is cloth."""

from __future__ import annotations

import cv2
import numpy as np

from multiweight.datasets.sample_shop.catalog import BOTTOMS, Product
from multiweight.datasets.sample_shop.shapes import (
    CANVAS,
    CENTER,
    SHIFT,
    Canvas,
    around,
    box,
    circle,
    mirrored,
    mix,
    shift,
)

BGR = {
    "black": (38, 34, 34),
    "white": (242, 244, 245),
    "blue": (200, 110, 45),
    "grey": (140, 138, 136),
    "red": (45, 35, 200),
    "navy": (92, 48, 28),
    "green": (75, 135, 50),
    "pink": (185, 150, 240),
    "beige": (165, 200, 220),
    "brown": (40, 70, 115),
    "yellow": (60, 205, 245),
    "purple": (140, 50, 120),
    "orange": (30, 125, 245),
}
HEMS = {"mini": 60.0, "knee": 74.0, "maxi": 92.0}


def draw(product: Product, rng: np.random.RandomState) -> tuple[np.ndarray, np.ndarray]:
    """The garment, uint8 (256, 256, 3) BGR, and its mask, uint8 (256, 256), 255 where there is cloth."""
    return _Drawing(product, rng).draw()


class _Drawing(Canvas):
    def __init__(self, product: Product, rng: np.random.RandomState):
        super().__init__()
        self.labels = product.labels
        self.garment = product.labels["Garment"]
        self.rng = rng
        jitter = rng.randint(-9, 10, 3)
        self.color = shift(BGR[product.labels["Color"]], jitter)
        self.second = shift(BGR[product.second_color], rng.randint(-8, 9, 3))
        dark = sum(self.color) < 330
        self.ink = mix(self.color, (255, 255, 255), 0.42) if dark else mix(self.color, (0, 0, 0), 0.45)
        self.fit = rng.uniform(0.93, 1.08)
        self.top = self.waist = self.hem = 0.0

    def draw(self) -> tuple[np.ndarray, np.ndarray]:
        self._fabric()
        if self.garment in BOTTOMS:
            self._bottom()
        else:
            self._upper()
        self._shade()
        for seam in self.seams:
            cv2.polylines(self.image, [seam], True, self.ink, 1, cv2.LINE_AA, SHIFT)
        if self.garment not in BOTTOMS:
            self._garment_marks()
            self._neck()
        for name in ("Hem", "Pocket", "Closure", "Belt", "Hood", "Print", "Brooch"):
            if name in self.labels:
                getattr(self, "_" + name.lower())(self.labels[name])
        return self.image, self.mask

    # Shapes

    def _upper(self) -> None:
        long = self.garment in ("dress", "coat")
        self.top, self.waist = 16.0, 47.0
        hems = {"t-shirt": 71.0, "shirt": 75.0, "sweater": 71.0, "jacket": 66.0, "jumpsuit": 58.0}
        self.hem = HEMS[self.labels["Length"]] if long else hems[self.garment]
        f = self.fit * {"coat": 1.12, "jacket": 1.08, "sweater": 1.06}.get(self.garment, 1.0)
        waist = 12.5 if self.garment in ("dress", "jumpsuit") else 15.5
        flare = 0.36 * (self.hem - self.waist) if self.garment == "dress" else 0.12 * (self.hem - self.waist)
        self.hem_width = (waist + flare + (2.0 if not long else 1.0)) * f
        shoulder = 19.0 * f
        sleeve = self.labels["Sleeve"]
        if sleeve != "sleeveless":
            reach = {"short": 0.36, "three-quarter": 0.72, "long": 1.0}[sleeve]
            for side in (1, -1):
                x, y = 15.5 * f + 17.0 * reach, 22.0 + 45.0 * reach
                w = (5.4 - 1.6 * reach) * f
                part = [(shoulder, 18.0), (x + 0.93 * w, y - 0.36 * w), (x - 0.93 * w, y + 0.36 * w), (15.5 * f, 36.0)]
                self.cloth([(CENTER + side * dx, y) for dx, y in part])
                self.cuff = [(x + 0.93 * w, y - 0.36 * w), (x - 0.93 * w, y + 0.36 * w)]
        else:
            shoulder = 14.5 * f
        if self.garment == "jumpsuit":
            self._legs(self.waist, 92.0, waist * f, 6.2)
        body = [(7.5, self.top), (shoulder, 18.5), (15.5 * f, 35.0), (waist * f, self.waist)]
        if self.garment != "jumpsuit":
            body.append((self.hem_width, self.hem))
        self.cloth(mirrored(body))

    def _bottom(self) -> None:
        self.top, f = 14.0, self.fit
        self.waist = self.top + 2.5
        if self.garment == "skirt":
            self.hem = HEMS[self.labels["Length"]] - 18.0
            self.hem_width = (13.5 + 0.3 * (self.hem - self.top)) * f
            self.cloth(mirrored([(12.0 * f, self.top), (15.5 * f, self.top + 12), (self.hem_width, self.hem)]))
        else:
            self.hem = 92.0 if self.garment == "trousers" else 46.0
            self._legs(self.top, self.hem, 13.0 * f, 6.0 if self.garment == "trousers" else 8.5)

    def _legs(self, top: float, bottom: float, waist: float, width: float) -> None:
        crotch = top + 24.0
        hip, foot = waist + 4.0, waist - 1.5
        for side in (1, -1):
            outer, inner = (foot + width * 0.45, bottom), (foot - width, bottom)
            leg = [(0, top), (waist, top), (hip, top + 16), outer, inner, (0.4, crotch)]
            self.cloth([(CENTER + side * dx, y) for dx, y in leg])

    # Cloth

    def _fabric(self) -> None:
        """The fabric over the whole canvas: plain, or the pattern in the second colour."""
        self.image[:] = self.color
        pattern = self.labels.get("Pattern")
        period = int(self.rng.randint(16, 26))
        if pattern == "dots":
            radius = max(3, period // 4)
            for row, y in enumerate(range(0, CANVAS, period)):
                for x in range(row % 2 * period // 2, CANVAS, period):
                    cv2.circle(self.image, (x, y), radius, self.second, -1, cv2.LINE_AA)
        elif pattern == "zigzag":
            for y in range(-period, CANVAS + period, period):
                xs = np.arange(0, CANVAS + period, period // 2)
                ys = y + (np.arange(len(xs)) % 2) * period // 2
                points = np.stack([xs, ys], 1).astype(np.int32)
                cv2.polylines(self.image, [points], False, self.second, max(3, period // 5), cv2.LINE_AA)
        elif pattern is not None:
            along = np.arange(CANVAS) % period < period * 0.42
            soft = np.asarray(mix(self.color, self.second, 0.5))
            if pattern in ("horizontal stripes", "checks"):
                self.image[along] = self.second if pattern != "checks" else soft
            if pattern in ("vertical stripes", "checks"):
                self.image[:, along] = self.second if pattern != "checks" else soft
            if pattern == "checks":
                self.image[np.ix_(along, along)] = self.second

    def _shade(self) -> None:
        """Folds: light that varies softly over the cloth."""
        coarse = self.rng.uniform(0.84, 1.08, (5, 9)).astype(np.float32)
        light = cv2.resize(coarse, (CANVAS, CANVAS), interpolation=cv2.INTER_CUBIC)
        self.image = np.clip(self.image * light[:, :, None], 0, 255).astype(np.uint8)

    # What makes a garment this garment

    def _garment_marks(self) -> None:
        if self.garment == "sweater":
            for y in np.arange(self.hem - 6, self.hem, 1.6):
                self.line([(CENTER - self.hem_width, y), (CENTER + self.hem_width, y)])
            for x in np.arange(-14, 15, 4.0):
                self.line([(CENTER + x, 34), (CENTER + x, self.hem - 7)], mix(self.color, self.ink, 0.35))
            self._cuffs()
        elif self.garment in ("shirt", "jacket", "coat"):
            self.line([(CENTER, self.top + 3), (CENTER, self.hem)], width=2)
            if self.garment == "shirt":
                self.line([(CENTER + 2.6, self.top + 6), (CENTER + 2.6, self.hem)])
            if self.garment == "jacket":
                self.line([(CENTER - self.hem_width, self.hem - 4), (CENTER + self.hem_width, self.hem - 4)], width=2)
            self._cuffs()
        elif self.garment in ("dress", "jumpsuit"):
            self.line([(CENTER - 13, self.waist), (CENTER + 13, self.waist)], width=2)

    def _cuffs(self) -> None:
        (ox, oy), (ix, iy) = self.cuff
        for side in (1, -1):
            self.line([(CENTER + side * (ox - 0.9), oy - 3), (CENTER + side * (ix - 0.9), iy - 3)])

    def _neck(self) -> None:
        collar = self.labels.get("Collar")
        inside = mix(self.color, (0, 0, 0), 0.55)
        y = self.top
        if collar == "turtleneck":
            tube = [(42.5, y + 3), (43.5, y - 7), (56.5, y - 7), (57.5, y + 3)]
            self.fill(tube, mix(self.color, (255, 255, 255), 0.12))
            self.line([(43.2, y - 3), (56.8, y - 3)])
        elif collar == "v-neck":
            self.fill([(42.5, y), (57.5, y), (50, y + 16)], inside)
            self.line([(41.5, y), (50, y + 17.5), (58.5, y)], width=2)
        elif collar == "boat neck":
            self.fill([(36.5, y + 1), (63.5, y + 1), (58, y + 4.5), (42, y + 4.5)], inside)
        elif collar in ("shirt collar", "lapel"):
            self.fill([(43.5, y - 1), (56.5, y - 1), (50, y + 9)], inside)
            tip = mix(self.color, (255, 255, 255), 0.25)
            for side in (1, -1):
                if collar == "shirt collar":
                    flap = [(0, 8.5), (6.5, -2), (10, 3), (6.5, 10)]
                else:
                    flap = [(0, 26), (6, -2), (10.5, 4), (9.5, 10), (12, 12)]
                self.fill([(CENTER + side * dx, y + dy) for dx, dy in flap], tip)
        else:
            angles = np.linspace(0, np.pi, 13)
            self.fill([(CENTER + 7.5 * np.cos(a), y + 6.0 * np.sin(a)) for a in angles], inside)

    # Details, one method per group

    def _closure(self, label: str) -> None:
        y0, y1 = self.top + 14, min(self.hem - 4, 70.0)
        if label == "zip":
            self.line([(CENTER, self.top + 6), (CENTER, y1)], (190, 190, 190), 4)
            for y in np.arange(self.top + 6, y1, 1.7):
                self.line([(CENTER - 0.8, y), (CENTER + 0.8, y)], (60, 60, 60))
            self.fill([(49, y0), (51, y0), (51.2, y0 + 5), (48.8, y0 + 5)], (215, 215, 215))
        else:
            color = mix(self.second, (255, 255, 255), 0.1)
            for y in np.linspace(y0, y1, 5 if label == "buttons" else 3):
                if label == "buttons":
                    self.dot(CENTER, y, 1.9, self.ink)
                    self.dot(CENTER, y, 1.5, color)
                else:
                    self.line([(CENTER - 7, y), (CENTER + 7, y)], self.second, 3)
                    self.fill(box(CENTER, y, 3, 1.3), (60, 100, 150))

    def _pocket(self, label: str) -> None:
        y = self.top + 10 if self.garment in BOTTOMS else min(self.waist + 3, self.hem - 14)
        color = mix(self.color, self.ink, 0.25)
        if label == "chest" and self.garment not in BOTTOMS:
            self.fill([(54, 30), (62, 30), (62, 38), (58, 40.5), (54, 38)], color)
        elif label == "slanted":
            for side in (1, -1):
                self.line([(CENTER + side * 8, y), (CENTER + side * 13.5, y + 10)], width=3)
        else:
            for side in (1, -1):
                box = [(4.5, y), (13, y), (13, y + 9), (8.8, y + 11), (4.5, y + 9)]
                self.fill([(CENTER + side * dx, dy) for dx, dy in box], color)
                self.line([(CENTER + side * 4.5, y + 2), (CENTER + side * 13, y + 2)])

    def _hem(self, label: str) -> None:
        w, y = self.hem_width, self.hem
        if label == "contrast band":
            self.fill(box(CENTER, y - 2.5, w, 2.5), self.second)
            return
        color = (250, 250, 250) if label == "lace" else mix(self.color, (255, 255, 255), 0.2)
        count = 11 if label == "lace" else 7
        for x in np.linspace(CENTER - w, CENTER + w, count):
            self.fill(circle(x, y, 1.15 * w / count), color)
            if label == "lace":
                self.dot(x, y, 0.4 * w / count, self.ink)

    def _belt(self, label: str) -> None:
        y, half = self.waist, 1.2 if label == "narrow" else 3.2
        w = 13.5 * self.fit * (1.25 if self.garment == "coat" else 1.0)
        self.fill(box(CENTER, y, w, half), self.second)
        self.fill(box(CENTER, y, 2.4, half + 0.7), (70, 185, 215))
        self.fill(box(CENTER, y, 1.2, max(half - 0.8, 0.4)), self.second)

    def _hood(self, label: str) -> None:
        y = self.top
        shape = mirrored([(0, y - 13), (7, y - 11), (12, y - 4), (11, y + 6), (0, y + 10)])
        self.fill(shape, mix(self.color, (0, 0, 0), 0.12))
        inner = [(CENTER + (x - CENTER) * 0.66, y + (v - y) * 0.66) for x, v in shape]
        self.fill(inner, mix(self.color, (0, 0, 0), 0.6))
        if label == "fur":
            for x, v in around(shape, 26):
                self.fill(circle(x, v, 2.3), (170, 200, 225), outline=False)
                self.dot(x + 0.5, v + 0.5, 1.0, (130, 165, 195))

    def _print(self, label: str) -> None:
        y, r = 41.0, 8.5
        if label == "star":
            angles = np.arange(10) * np.pi / 5 - np.pi / 2
            radii = np.where(np.arange(10) % 2, 0.42 * r, r)
            points = list(zip(CENTER + radii * np.cos(angles), y + radii * np.sin(angles)))
        elif label == "heart":
            t = np.linspace(0, 2 * np.pi, 40)
            wave = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
            points = list(zip(CENTER + r / 16 * 16 * np.sin(t) ** 3, y - r / 16 * wave))
        else:
            for angle in np.arange(12) * np.pi / 6:
                tip = (CENTER + 1.25 * r * np.cos(angle), y + 1.25 * r * np.sin(angle))
                self.line([(CENTER, y), tip], self.second, 3)
            points = circle(CENTER, y, 0.75 * r)
        self.fill(points, self.second)

    def _brooch(self, label: str) -> None:
        x, y = 58.5, 29.0
        if label == "bow":
            self.fill([(x, y), (x - 6, y - 4), (x - 6, y + 4)], (70, 60, 225))
            self.fill([(x, y), (x + 6, y - 4), (x + 6, y + 4)], (70, 60, 225))
            self.fill(circle(x, y, 1.6), (50, 40, 170))
        else:
            for angle in np.arange(6) * np.pi / 3:
                self.fill(circle(x + 3 * np.cos(angle), y + 3 * np.sin(angle), 2.2), (190, 120, 250))
            self.fill(circle(x, y, 2.0), (60, 210, 250))
