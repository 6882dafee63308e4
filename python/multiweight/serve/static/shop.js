// The shop's photos by group and label, and one of them with its neighbours.
import { ask, make, percent, photoAddress, pictureOf, query } from "./common.js";
import { render } from "./answer.js";

const $ = (id) => document.getElementById(id);
const address = new URLSearchParams(location.search);
const labelsOf = Object.fromEntries([...$("labels").content.querySelectorAll("ul")].map((list) =>
  [list.dataset.group, [...list.children].map((item) => item.textContent)]));
let start = Number(address.get("start")) || 0;
let asked = 0;

function fillLabels() {
  const names = labelsOf[$("group").value] || [];
  $("label").replaceChildren(make("option", { value: "" }, "any"), ...names.map((name) => make("option", {}, name)));
  $("label").disabled = !names.length;
}

function told(error) {
  $("photos").replaceChildren(make("p", { className: "message bad", role: "alert" }, error.message));
  $("paging").hidden = true;
}

async function browse() {
  const [group, label, method] = ["group", "label", "method"].map((id) => $(id).value);
  history.replaceState(null, "", `/shop?${query({ group, label, method, start })}`);
  const mine = ++asked;
  try {
    const found = await ask(`/api/shop?${query({ group, label, method, start })}`);
    if (mine !== asked) return;
    $("status").textContent = found.problem || `${found.total.toLocaleString("en")} photos`;
    $("photos").replaceChildren(...found.photos.map((photo) => card(photo, group)));
    $("paging").hidden = found.total <= found.page;
    $("place").textContent = `${found.start + 1} to ${found.start + found.photos.length}`;
    $("back").disabled = found.start === 0;
    $("on").disabled = found.start + found.page >= found.total;
    $("back").onclick = () => { start = Math.max(0, found.start - found.page); browse(); };
    $("on").onclick = () => { start = found.start + found.page; browse(); };
  } catch (error) {
    if (mine === asked) told(error);
  }
}

function card(photo, group) {
  const carried = Object.entries(photo.labels).filter(([name]) => !group || name === group);
  const words = carried.map(([, labels]) => labels.join(", ")).join(" · ") || "–";
  const lines = [make("span", {}, words)];
  if (photo.predicted) lines.push(make("br"), ...said(photo, group));
  return make("a", { className: "photo", href: photoAddress(photo.key) },
    make("img", { src: pictureOf(photo.key), alt: `Product ${photo.product}: ${words}`, loading: "lazy", width: 160, height: 160 }), ...lines);
}

// The likeliest label of the group, or of every group from one half on.
function said(photo, group) {
  const guesses = Object.entries(photo.predicted)
    .filter(([name, [[, probability]]]) => (group ? name === group : probability >= 0.5))
    .map(([name, [[label, probability]]]) => {
      const right = (photo.labels[name] || []).includes(label);
      return make("span", { className: right ? "right" : "wrong" }, `${right ? "✓" : "✗"} ${label} ${percent(probability)} `);
    });
  return guesses.length ? guesses : [make("span", { className: "hint" }, "nothing likely")];
}

async function detail(key) {
  $("browse").hidden = true;
  $("heading").textContent = "A photo of the shop";
  $("status").textContent = "The nets look at it …";
  try {
    const answer = await ask(`/api/shop/${encodeURIComponent(key)}`);
    const { photo } = answer;
    const facts = Object.entries(photo.labels).map(([group, labels]) => make("li", {}, `${group}: ${labels.join(", ")}`));
    const head = make("header", {}, make("img", { src: pictureOf(key, 480), alt: `Product ${photo.product}` }),
      make("div", {}, make("h2", {}, `Product ${photo.product}`), make("ul", { className: "facts", "aria-label": "The labels it carries" }, ...facts)));
    $("status").replaceChildren(make("a", { href: "/shop" }, "All photos"));
    $("answers").replaceChildren(make("article", { className: "answer" }, head, ...render(answer, photo.labels)));
  } catch (error) {
    $("status").replaceChildren(make("a", { href: "/shop" }, "All photos"));
    told(error);
  }
}

if (address.get("key")) {
  detail(address.get("key"));
} else {
  $("group").value = address.get("group") || "";
  fillLabels();
  $("label").value = address.get("label") || "";
  $("method").value = address.get("method") || "";
  $("group").addEventListener("change", () => { fillLabels(); start = 0; browse(); });
  for (const id of ["label", "method"]) $(id).addEventListener("change", () => { start = id === "label" ? 0 : start; browse(); });
  browse();
}
