// Keeps the tables up to date, and sends what the person does. The server has escaped what it sends.
"use strict";

const main = document.getElementById("providers");
const state = document.getElementById("state");
let shown = null;

function say(text, off) {
  if (state.textContent !== text) state.textContent = text;
  state.classList.toggle("off", off);
}

async function poll() {
  const answer = await fetch("/sandbox/providers", { cache: "no-store" });
  const page = await answer.text();
  if (!answer.ok || page === shown) return;
  const fresh = new DOMParser().parseFromString(page, "text/html").getElementById("providers");
  const focused = document.activeElement?.dataset?.do;
  const places = new Map([...main.children].map((node) => [node.id, node.firstChild.scrollTop]));
  main.replaceChildren(...fresh.children);
  for (const node of main.children) node.firstChild.scrollTop = places.get(node.id) ?? 0;
  if (focused) main.querySelector(`[data-do="${CSS.escape(focused)}"]`)?.focus();
  shown = page;
}

async function tick() {
  try {
    if (!document.hidden) await poll();
  } catch {
    say("not reachable", true);
  }
  setTimeout(tick, 1000);
}

main.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-do]");
  if (!button) return;
  button.disabled = true;
  const answer = await fetch("/sandbox/providers", {
    method: "POST", headers: { "content-type": "application/json" }, body: button.dataset.do,
  });
  if (answer.ok) say("live", false);
  else say((await answer.json()).error, true);
  button.disabled = false;
  await poll();
});

tick();
