// Keeps the tables up to date, and sends what the person does. Text is set as text, never as HTML.
"use strict";

const main = document.getElementById("tabs");
const state = document.getElementById("state");
const summary = document.getElementById("summary");
const jump = document.getElementById("jump");
let version = main.dataset.version;
const ordered = new Map();

function make(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

const rows = (count) => `${count} row${count === 1 ? "" : "s"}`;

function line(tab, { row, cells }, known) {
  const fresh = known && !known.has(key(cells.map(([text]) => text)));
  const tr = make("tr", { "data-row": row, ...(fresh ? { class: "fresh" } : {}) });
  cells.forEach(([text, kind], column) => tr.append(make("td", { class: kind, "data-column": column }, text)));
  const remove = make("button", { type: "button", "data-delete": row, "aria-label": `Delete row ${row}` }, "×");
  tr.append(make("td", { class: "acts" }, remove));
  return tr;
}

const key = (texts) => JSON.stringify(texts);

function texts(tr) {
  return [...tr.querySelectorAll("td[data-column]")].map((cell) => cell.textContent);
}

function section(tab, old) {
  const known = old && new Set([...old.querySelectorAll("tbody tr[data-row]")].map((tr) => key(texts(tr))));
  const head = tab.columns.map((column, at) =>
    make("th", { scope: "col" },
      make("button", { type: "button", "data-column": at, title: `Sort the sheet by ${column}` }, column)));
  head.push(make("th", { scope: "col" }, make("span", { class: "unseen" }, "Delete")));
  const shown = tab.rows.length < tab.total ? `, newest ${tab.rows.length} shown` : "";
  const caption = make("caption", {}, make("span", { class: "name" }, tab.title), " ",
    make("span", { class: "count" }, rows(tab.total) + shown));
  const body = make("tbody", {}, ...tab.rows.map((row) => line(tab, row, known)));
  if (!tab.rows.length) {
    body.append(make("tr", { class: "none" }, make("td", { colspan: tab.columns.length + 1 }, "No rows yet")));
  }
  const scroll = make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": tab.title },
    make("table", {}, caption, make("thead", {}, make("tr", {}, ...head)), body));
  return make("section", { class: "tab", "data-tab": tab.title, id: `tab-${tab.title}` }, scroll);
}

function show(sheet) {
  const old = new Map([...main.children].map((node) => [node.dataset.tab, node]));
  const scrolls = new Map([...old].map(([title, node]) => [title, node.firstChild]));
  const nodes = sheet.tabs.map((tab) => section(tab, old.get(tab.title)));
  const places = nodes.map((node) => scrolls.get(node.dataset.tab)).map((s) => s && [s.scrollLeft, s.scrollTop]);
  main.replaceChildren(...nodes);
  nodes.forEach((node, at) => {
    if (places[at]) [node.firstChild.scrollLeft, node.firstChild.scrollTop] = places[at];
  });
  summary.textContent = sheet.summary;
  version = sheet.version;
  links();
}

function links() {
  jump.replaceChildren(...[...main.children].map((node) => {
    return make("a", { href: `#${encodeURIComponent(node.id)}` }, node.dataset.tab);
  }));
}

function say(text, off) {
  if (state.textContent !== text) state.textContent = text;
  state.classList.toggle("off", off);
}

async function poll() {
  // A cell that is being edited is left alone.
  if (main.querySelector("input")) return;
  const answer = await fetch("/sandbox/sheet.json", { headers: { "if-none-match": `"${version}"` }, cache: "no-store" });
  if (answer.status === 200 && !main.querySelector("input")) show(await answer.json());
  say("live", false);
}

async function tick() {
  try {
    if (!document.hidden) await poll();
  } catch {
    say("not reachable", true);
  }
  setTimeout(tick, 1000);
}

async function act(action) {
  const answer = await fetch("/sandbox/person", {
    method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(action),
  });
  if (!answer.ok) say((await answer.json()).error, true);
  else await poll();
}

function typed(text, kind) {
  if (text === "") return null;
  if (kind === "bool" && /^(true|false)$/i.test(text)) return text.toLowerCase() === "true";
  if (kind === "number" && Number.isFinite(Number(text))) return Number(text);
  return text;
}

main.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  const tab = button.closest(".tab").dataset.tab;
  if (button.dataset.delete) {
    act({ do: "delete_row", tab, row: Number(button.dataset.delete) });
  } else {
    const column = Number(button.dataset.column);
    const before = ordered.get(tab);
    const descending = before === `${column}+`;
    ordered.set(tab, `${column}${descending ? "-" : "+"}`);
    act({ do: "sort", tab, column, descending });
  }
});

main.addEventListener("dblclick", (event) => {
  const cell = event.target.closest("td[data-column]");
  if (!cell || cell.querySelector("input")) return;
  const before = cell.textContent;
  const input = make("input", { "aria-label": "Cell" });
  input.value = before;
  cell.replaceChildren(input);
  input.focus();
  let done = false;
  const end = (save) => {
    if (done) return;
    done = true;
    const value = input.value;
    cell.replaceChildren(save ? value : before);
    if (!save || value === before) return;
    const tab = cell.closest(".tab").dataset.tab;
    const row = Number(cell.parentNode.dataset.row);
    act({ do: "set_cell", tab, row, column: Number(cell.dataset.column), value: typed(value, cell.className) });
  };
  input.addEventListener("keydown", (pressed) => {
    if (pressed.key === "Enter") end(true);
    if (pressed.key === "Escape") end(false);
  });
  input.addEventListener("blur", () => end(true));
});

links();
tick();
