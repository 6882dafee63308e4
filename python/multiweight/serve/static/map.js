// The features of a method in two dimensions, a dot a photo, coloured by a group's labels.
import { ask, make, photoAddress, pictureOf, query } from "./common.js";

const COLOURS = ["#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9", "#f0e442", "#7a5195", "#8c6d31", "#b2182b", "#e377c2", "#17becf", "#7fbf5a", "#ff9896", "#9e8fd0", "#b0a160"];
const NONE = "#9aa0a6";
const $ = (id) => document.getElementById(id);
let map = null, asked = 0;

const colourOf = (n) => (n < 0 ? NONE : COLOURS[n % COLOURS.length]);

async function load() {
  const mine = ++asked;
  $("map-status").textContent = "The map is computed where it is not there yet …";
  try {
    const found = await ask(`/api/map/${encodeURIComponent($("map-method").value)}?${query({ group: $("map-group").value })}`);
    if (mine !== asked) return;
    map = found;
    $("map").hidden = false;
    $("map-status").textContent = `${map.points.length.toLocaleString("en")} photos`;
    draw();
    legend();
  } catch (error) {
    if (mine === asked) $("map-status").textContent = error.message;
  }
}

function draw() {
  if (!map) return;
  const canvas = $("map-canvas"), box = $("map").clientWidth, scale = window.devicePixelRatio || 1;
  canvas.width = box * scale;
  canvas.height = Math.min(box, 620) * scale;
  canvas.style.setProperty("height", `${canvas.height / scale}px`);
  const pen = canvas.getContext("2d");
  pen.globalAlpha = 0.85;
  for (const [, x, y, label] of map.points) {
    pen.fillStyle = colourOf(label);
    pen.beginPath();
    pen.arc(...place(x, y, canvas), (label < 0 ? 2.5 : 4) * scale, 0, 7);
    pen.fill();
  }
}

function place(x, y, canvas) {
  const room = canvas.width * 0.02;
  return [room + x * (canvas.width - 2 * room), room + y * (canvas.height - 2 * room)];
}

function legend() {
  const counts = new Map();
  for (const [, , , label] of map.points) counts.set(label, (counts.get(label) || 0) + 1);
  const items = [...counts.keys()].sort((a, b) => a - b).map((label) => {
    const swatch = make("span", { className: "swatch" });
    swatch.style.setProperty("--method", colourOf(label));
    return make("span", {}, swatch, `${label < 0 ? "no label" : map.labels[label]} (${counts.get(label)})`);
  });
  $("map-legend").replaceChildren(...items);
}

function nearest(event) {
  const canvas = $("map-canvas"), box = canvas.getBoundingClientRect(), scale = canvas.width / box.width;
  const at = [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
  let best = null, least = (24 * scale) ** 2;
  for (const point of map.points) {
    const [x, y] = place(point[1], point[2], canvas);
    const far = (x - at[0]) ** 2 + (y - at[1]) ** 2;
    if (far < least) { least = far; best = point; }
  }
  return best;
}

function show(event) {
  const point = map && nearest(event), card = $("map-photo");
  card.hidden = !point;
  if (!point) return;
  const words = point[3] < 0 ? "no label" : map.labels[point[3]];
  card.href = photoAddress(point[0]);
  const picture = card.querySelector("img");
  if (!picture.src.endsWith(pictureOf(point[0]))) picture.src = pictureOf(point[0]);
  picture.alt = words;
  card.querySelector("span").textContent = words;
  const [x, y] = place(point[1], point[2], $("map-canvas")).map((v) => v / (window.devicePixelRatio || 1));
  const width = $("map").clientWidth;
  card.style.setProperty("left", `${Math.min(x + 10, width - 110)}px`);
  card.style.setProperty("top", `${y + 10}px`);
}

if ($("map-draw")) {
  $("map-draw").addEventListener("click", load);
  for (const id of ["map-method", "map-group"]) $(id).addEventListener("change", () => { if (map) load(); });
  $("map-canvas").addEventListener("pointermove", show);
  $("map-canvas").addEventListener("click", (event) => { show(event); const point = map && nearest(event); if (point && event.pointerType === "mouse") location.href = photoAddress(point[0]); });
  window.addEventListener("resize", draw);
}
