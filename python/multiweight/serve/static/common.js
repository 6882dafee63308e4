// What the pages share: elements whose contents are text, requests whose errors are one sentence, methods' colours.

import { COLOURS, MORE } from "./colours.js";

const others = [];

export function colour(method) {
  if (COLOURS[method]) return COLOURS[method];
  if (!others.includes(method)) others.push(method);
  return MORE[others.indexOf(method) % MORE.length];
}

// Contents are nodes or text; text is never read as markup.
export function make(tag, properties = {}, ...contents) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "method") made.style.setProperty("--method", colour(value));
    else if (name === "share") made.style.setProperty("--share", `${100 * value}%`);
    else if (name in made) made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...contents.filter((one) => one !== null && one !== undefined));
  return made;
}

export function paintSwatches() {
  for (const one of document.querySelectorAll(".swatch[data-method]")) {
    one.style.setProperty("--method", colour(one.dataset.method));
  }
}

export async function ask(address, options = {}) {
  let response;
  try {
    response = await fetch(address, options);
  } catch {
    throw new Error("The server does not answer: is it still running? Start it again, then try again.");
  }
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(answer.error || `The server answered ${response.status}.`);
  return answer;
}

export function chosenMethods() {
  return [...document.querySelectorAll("input[name=method]:checked")].map((one) => one.value);
}

export function query(pairs) {
  return new URLSearchParams(pairs).toString();
}

export function percent(value) {
  return `${Math.round(100 * value)}%`;
}

export function pictureOf(key, side = 160) {
  return `/pictures/${side}/${encodeURIComponent(key)}.jpg`;
}

export function photoAddress(key) {
  return `/shop?${query({ key })}`;
}
