// What the methods say of one photo: groups with labels side by side, and the nearest products.
import { make, percent, photoAddress, pictureOf } from "./common.js";

const LIKELY = 0.5;
const SHOWN = 0.2;

// `answer` is the server's; `carried` the photo's own labels by group, where they are known.
export function render(answer, carried = null) {
  const able = answer.methods.filter((method) => !method.error);
  const parts = answer.methods
    .filter((method) => method.error)
    .map((method) => make("p", { className: "message bad" }, `${method.name}: ${method.error}`));
  if (able.length) parts.push(...labels(answer.groups, able, carried), ...products(answer.groups, able, carried));
  return parts;
}

function labels(groups, methods, carried) {
  const highest = (group) => Math.max(...methods.map((method) => method.labels[group][0][1]));
  const shown = groups.filter((group) => highest(group) >= SHOWN || (carried && carried[group]));
  const rest = groups.filter((group) => !shown.includes(group));
  const list = (names) => make("div", { className: "groups" }, ...names.map((name) => groupOf(name, methods, carried)));
  const parts = [make("h3", {}, "Labels"), list(shown)];
  if (rest.length) {
    const said = `${rest.length} group${rest.length > 1 ? "s" : ""} with no likely label: ${rest.join(", ")}`;
    parts.push(make("details", {}, make("summary", {}, said), list(rest)));
  }
  return parts;
}

function groupOf(name, methods, carried) {
  const own = carried ? carried[name] || [] : null;
  const title = make("h4", {}, name, own === null ? null : make("small", { className: "hint" }, own.length ? `carries ${own.join(", ")}` : "carries none"));
  const cells = methods.map((method) => {
    const lines = method.labels[name].map(([label, probability]) => {
      const likely = probability >= LIKELY;
      const mark = own === null || !likely ? "" : own.includes(label) ? " ✓" : " ✗";
      const kind = (likely ? "likely" : "") + (mark === " ✓" ? " right" : mark ? " wrong" : "");
      return make("li", { className: kind }, make("span", {}, label + mark), make("span", {}, percent(probability)),
        make("span", { className: "bar", method: method.id, share: probability, "aria-hidden": "true" }));
    });
    const whose = make("div", { className: "whose" }, make("span", { className: "swatch", method: method.id }), method.name);
    return make("div", {}, whose, make("ul", { "aria-label": `${name}, ${method.name}` }, ...lines));
  });
  return make("section", { className: "group" }, title, make("div", { className: "by-method" }, ...cells));
}

function products(groups, methods, carried) {
  const select = make("select", {}, ...groups.map((name) => make("option", {}, name)));
  const first = groups.find((name) => (carried ? carried[name] : methods[0].labels[name][0][1] >= LIKELY));
  if (first) select.value = first;
  const place = make("div", { className: "nearest" });
  const draw = () => place.replaceChildren(...methods.map((method) => strip(method, select.value, carried)));
  select.addEventListener("change", draw);
  draw();
  return [
    make("h3", {}, "Nearest products"),
    make("div", { className: "controls" }, make("label", {}, "Frame the shared label of ", select)),
    place,
  ];
}

function strip(method, group, carried) {
  const [likeliest] = method.labels[group];
  const wanted = carried ? carried[group] || [] : [likeliest[0]];
  const what = wanted.length ? `${group}: ${wanted.join(", ")}` : `the photo carries no label of ${group}`;
  const whose = make("div", { className: "whose" }, make("span", { className: "swatch", method: method.id }),
    `${method.name} · framed: ${what}`);
  if (!method.products.length) {
    return make("div", {}, whose, make("p", { className: "message" }, method.no_products || "The shop has no other product."));
  }
  const photos = method.products.map((product) => {
    const theirs = product.labels[group] || [];
    const shared = theirs.some((label) => wanted.includes(label));
    const words = theirs.join(", ") || "–";
    return make("a", { className: `photo${shared ? " yes" : ""}`, href: photoAddress(product.key) },
      make("img", { src: pictureOf(product.key), alt: `Product ${product.product}, ${group}: ${words}`, loading: "lazy", width: 120, height: 120 }),
      make("span", {}, (shared ? "✓ " : "") + words), make("br"), make("span", { className: "score" }, product.score.toFixed(3)));
  });
  return make("div", {}, whose, make("div", { className: "strip", role: "group", "aria-label": `Nearest products, ${method.name}`, tabIndex: 0, "data-method": method.id }, ...photos));
}
