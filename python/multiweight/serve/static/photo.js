// Photos dropped, pasted or chosen: each is sent alone, and its answer stands above the earlier ones.
import { ask, chosenMethods, make, paintSwatches, query } from "./common.js";
import { render } from "./answer.js";

const MOST_BYTES = 20 * 1024 * 1024;
const drop = document.getElementById("drop");
const files = document.getElementById("files");
const status = document.getElementById("status");
const answers = document.getElementById("answers");
let waiting = Promise.resolve();

function send(chosen) {
  // One after the other: a folder of photos must not fill the server's queue.
  for (const file of chosen) {
    const place = make("article", { className: "answer", "aria-label": file.name || "pasted photo" });
    answers.prepend(place);
    waiting = waiting.then(() => one(file, place));
  }
}

async function one(file, place) {
  const name = file.name || "pasted photo";
  const title = make("h2", {}, name);
  const fact = make("p", { className: "hint" }, "The nets look at it …");
  const head = make("header", {}, make("div", {}, title, fact));
  place.replaceChildren(head);
  status.textContent = `${name}: sent`;
  try {
    if (file.size > MOST_BYTES) throw new Error(`the photo has ${Math.round(file.size / 2 ** 20)} MB, at most 20 are taken: send a smaller one`);
    const methods = chosenMethods();
    if (!methods.length) throw new Error("no method is ticked: tick one, then send the photo again");
    const begun = performance.now();
    const answer = await ask(`/api/photo?${query(methods.map((id) => ["method", id]))}`, { method: "POST", body: file });
    const picture = make("img", { alt: `Your photo ${name}` });
    picture.src = URL.createObjectURL(file);
    head.prepend(picture);
    fact.textContent = `Answered in ${((performance.now() - begun) / 1000).toFixed(2)} s.`;
    place.append(...render(answer));
    status.textContent = `${name}: answered`;
  } catch (error) {
    fact.remove();
    place.append(make("p", { className: "message bad", role: "alert" }, error.message));
    status.textContent = `${name}: no answer`;
  }
}

if (drop) {
  paintSwatches();
  files.addEventListener("change", () => { send([...files.files]); files.value = ""; });
  for (const kind of ["dragenter", "dragover"]) {
    document.addEventListener(kind, (event) => { event.preventDefault(); drop.classList.add("over"); });
  }
  document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) drop.classList.remove("over"); });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    if (event.dataTransfer.files.length) send([...event.dataTransfer.files]);
    else status.textContent = "That was no file: drop a photo's file.";
  });
  document.addEventListener("paste", (event) => {
    const pasted = [...event.clipboardData.files];
    if (pasted.length) send(pasted);
    else status.textContent = "The clipboard holds no photo.";
  });
}
