// Runs and their curves, read again every two seconds while the page is seen.
import { ask, make } from "./common.js";
import { draw } from "./chart.js";

const EVERY = 2000;
const $ = (id) => document.getElementById(id);
const hidden = new Set();
let before = "", runs = [];

function time(seconds) {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

function card(run) {
  const box = make("input", { type: "checkbox", checked: !hidden.has(run.id), "aria-label": `Draw the curves of ${run.name}` });
  box.addEventListener("change", () => { if (box.checked) hidden.delete(run.id); else hidden.add(run.id); curves(); });
  const facts = [];
  if (run.problem) facts.push(run.problem);
  else {
    facts.push(`iteration ${run.iteration.toLocaleString("en")}` + (run.iterations ? ` of ${run.iterations.toLocaleString("en")}` : ""));
    const speed = [];
    if (run.images_per_second) speed.push(`${run.images_per_second} images/s`);
    if (run.lr) speed.push(`rate ${run.lr}`);
    if (speed.length) facts.push(speed.join(" · "));
    if (run.seconds_left !== null && run.seconds_left !== undefined) facts.push(`${time(run.seconds_left)} left`);
  }
  return make("article", { className: "run", "data-run": run.id },
    make("h2", {}, make("label", {}, box, make("span", { className: "swatch", method: run.id }), run.name), make("span", { className: `stage ${run.stage}` }, run.stage)),
    make("div", { className: "bar", method: run.id, share: run.iterations ? Math.min(1, run.iteration / run.iterations) : 0, "aria-hidden": "true" }),
    ...facts.map((fact) => make("p", {}, fact)));
}

function curves() {
  const shown = runs.filter((run) => !hidden.has(run.id) && run.curves.train);
  $("map-section").hidden = !runs.some((run) => run.curves.map && run.curves.map.length);
  draw($("loss"), shown.map((run) => ({ id: run.id, name: run.curves.train.length ? run.name : `${run.name} (weighted)`, line: run.curves.train.length ? run.curves.train : run.curves.train_weighted, dots: run.curves.test })), "Loss by iteration");
  if (!$("map-section").hidden) draw($("map"), shown.map((run) => ({ id: run.id, name: run.name, line: run.curves.map, dots: [] })), "mAP by iteration");
}

function settings() {
  const names = [...new Set(runs.flatMap((run) => Object.keys(run.settings)))];
  const text = (value) => (value === null || value === undefined ? "–" : String(value));
  const same = (name) => runs.every((run) => text(run.settings[name]) === text(runs[0].settings[name]));
  const row = (name, values) => make("tr", {}, make("td", {}, name), ...values.map((value) => make("td", { className: "n" }, text(value))));
  const differing = names.filter((name) => !same(name));
  $("settings").replaceChildren(
    make("thead", {}, make("tr", {}, make("th", {}, "Setting"), ...runs.map((run) => make("th", { className: "n" }, run.name)))),
    make("tbody", {}, ...differing.map((name) => row(name, runs.map((run) => run.settings[name]))),
      ...[...new Set(runs.flatMap((run) => Object.keys(run.gamma || {})))].map((group) =>
        row(`gamma ${group}`, runs.map((run) => (run.gamma && group in run.gamma ? Number(run.gamma[group]).toPrecision(3) : "–"))))));
  $("common").replaceChildren(make("tbody", {}, ...names.filter(same).map((name) => row(name, [runs[0].settings[name]]))));
}

async function look() {
  try {
    const found = await ask("/api/runs");
    $("status").hidden = found.length > 0;
    if (!found.length) $("status").textContent = "No run yet: write a net and train it (make train-multilabel).";
    const text = JSON.stringify(found);
    if (text !== before) {
      before = text;
      runs = found;
      $("runs").replaceChildren(...runs.map(card));
      curves();
      settings();
    }
  } catch (error) {
    $("status").hidden = false;
    $("status").textContent = error.message;
  }
}

async function loop() {
  if (document.visibilityState === "visible") await look();
  setTimeout(loop, EVERY);
}

window.addEventListener("resize", curves);
loop();
