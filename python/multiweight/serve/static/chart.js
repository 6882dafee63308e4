// Lines over iterations, drawn as SVG, with the values under the pointer below them.
import { colour, make } from "./common.js";

const SPACE = "http://www.w3.org/2000/svg";
const LEFT = 52, RIGHT = 26, TOP = 10, BOTTOM = 38;

function shape(tag, attributes, text) {
  const made = document.createElementNS(SPACE, tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "method") made.style.setProperty("--method", colour(value));
    else made.setAttribute(name, value);
  }
  if (text !== undefined) made.textContent = text;
  return made;
}

function ticks(low, high, most) {
  const rough = (high - low) / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((n) => n * power).find((n) => n >= rough);
  const found = [];
  for (let value = Math.ceil(low / step) * step; value <= high + step * 1e-9; value += step) found.push(Number(value.toPrecision(12)));
  return found;
}

// 1, 2 and 5 of each power of ten; over more than three powers every so many powers alone, so that labels keep apart.
function logTicks(low, high) {
  const first = Math.floor(Math.log10(low)), powers = Math.log10(high) - Math.log10(low);
  const digits = powers > 3 ? [1] : [1, 2, 5], step = powers > 3 ? Math.ceil(powers / 6) : 1;
  const values = [];
  for (let power = first; 10 ** power <= high; power += step) {
    for (const digit of digits) if (digit * 10 ** power >= low && digit * 10 ** power <= high) values.push(Number((digit * 10 ** power).toPrecision(3)));
  }
  return values;
}

// `series`: [{id, name, line: [[x, y]], dots: [[x, y]]}]; `label` says what the values are.
export function draw(host, series, label) {
  const all = series.flatMap((one) => [...one.line, ...one.dots]);
  if (!all.length) {
    host.replaceChildren(make("p", { className: "hint" }, "Nothing to draw yet."));
    return;
  }
  const width = Math.max(300, host.clientWidth), height = Math.min(340, Math.max(240, width * 0.5));
  const xs = all.map(([x]) => x), ys = all.map(([, y]) => y);
  const right = Math.max(...xs, 1), left = Math.min(...xs, right - 1);
  let low = Math.min(...ys), high = Math.max(...ys);
  const logarithmic = low > 0 && high / low > 8;
  if (!logarithmic) { const room = (high - low || 1) * 0.05; low -= room; high += room; }
  const f = logarithmic ? Math.log10 : (v) => v;
  const x = (v) => LEFT + ((v - left) / (right - left)) * (width - LEFT - RIGHT);
  const y = (v) => TOP + (1 - (f(v) - f(low)) / (f(high) - f(low) || 1)) * (height - TOP - BOTTOM);
  const svg = shape("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${label}: ${series.map(last).join("; ")}` });
  for (const value of logarithmic ? logTicks(low, high) : ticks(low, high, 6)) {
    svg.append(shape("line", { class: "axis", x1: LEFT, x2: width - RIGHT, y1: y(value), y2: y(value) }),
      shape("text", { x: LEFT - 6, y: y(value) + 4, "text-anchor": "end" }, value >= 1e5 ? value.toExponential() : value));
  }
  for (const value of ticks(left, right, width < 500 ? 4 : 8)) {
    svg.append(shape("text", { x: x(value), y: height - BOTTOM + 16, "text-anchor": "middle" }, value.toLocaleString("en")));
  }
  svg.append(shape("text", { x: (LEFT + width - RIGHT) / 2, y: height - 4, "text-anchor": "middle" }, "iteration"));
  for (const one of series) {
    if (one.line.length) svg.append(shape("polyline", { class: "line", method: one.id, "data-run": one.id, points: one.line.map(([a, b]) => `${x(a).toFixed(1)},${y(b).toFixed(1)}`).join(" ") }));
    for (const [a, b] of one.dots) svg.append(shape("circle", { class: "dot", method: one.id, cx: x(a), cy: y(b), r: 3.5 }));
  }
  const cursor = shape("line", { class: "cursor", y1: TOP, y2: height - BOTTOM, visibility: "hidden" });
  svg.append(cursor);
  const readout = make("div", { className: "readout" });
  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect();
    const at = left + ((((event.clientX - box.left) / box.width) * width - LEFT) / (width - LEFT - RIGHT)) * (right - left);
    const near = (points) => points.reduce((a, b) => (Math.abs(b[0] - at) < Math.abs(a[0] - at) ? b : a));
    const shown = series.map((one) => [one, one.line.length ? one.line : one.dots]).filter(([, points]) => points.length).map(([one, points]) => [one, near(points)]);
    cursor.setAttribute("x1", x(shown[0][1][0]));
    cursor.setAttribute("x2", x(shown[0][1][0]));
    cursor.setAttribute("visibility", "visible");
    readout.replaceChildren(make("span", {}, `iteration ${shown[0][1][0].toLocaleString("en")}`),
      ...shown.map(([one, point]) => make("span", {}, make("span", { className: "swatch", method: one.id }), `${one.name} ${point[1].toPrecision(4)}`)));
  });
  host.replaceChildren(svg, readout);
}

function last(one) {
  const points = one.line.length ? one.line : one.dots;
  return points.length ? `${one.name} ${points[points.length - 1][1].toPrecision(4)} at iteration ${points[points.length - 1][0]}` : `${one.name} nothing yet`;
}
