// What pages do beyond plain HTML: copy buttons, times that keep counting, and the live page.
// Everything works without this file; nothing here decides anything.
"use strict";

// --- Copy buttons -------------------------------------------------------------------------------
// One listener for the page, so that pieces that arrive later have working buttons too.
function showCopyButtons(root) {
  if (navigator.clipboard) {
    for (const button of root.querySelectorAll("button.copy[hidden]")) {
      button.hidden = false;
      button.parentElement.classList.add("has-copy");
    }
  }
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button.copy");
  if (!button) return;
  await navigator.clipboard.writeText(button.parentElement.querySelector("pre").textContent);
  const word = button.firstChild;
  const before = word.textContent;
  if (before === button.dataset.copied) return;
  word.textContent = button.dataset.copied;
  setTimeout(() => { word.textContent = before; }, 2000);
});

// --- Times --------------------------------------------------------------------------------------
const language = document.documentElement.lang || "en";
const relative = new Intl.RelativeTimeFormat(language, { numeric: "always", style: "short" });
const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];

function ago(seconds) {
  const [unit, length] = UNITS.find(([, each]) => seconds >= each) || UNITS[3];
  return relative.format(-Math.floor(seconds / length), unit);
}

function tookSoFar(seconds) {
  const number = (value, unit) => new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "short" }).format(value);
  const minutes = Math.floor(seconds / 60);
  return (minutes ? `${number(minutes, "minute")} ` : "") + number(seconds % 60, "second");
}

function tellTimes(root) {
  const now = Date.now();
  for (const time of root.querySelectorAll("time[data-ago], time[data-since]")) {
    const seconds = Math.max(0, Math.floor((now - Date.parse(time.dateTime)) / 1000));
    const isAgo = "ago" in time.dataset;
    if (isAgo && !time.title) time.title = time.textContent;
    const words = isAgo ? ago(seconds) : tookSoFar(seconds);
    if (time.textContent !== words) time.textContent = words;
  }
}

// --- The live page ------------------------------------------------------------------------------
// Each piece is an element with an id and takes the place of the one on the page. What the reader has
// opened stays open, and what has the focus keeps it.
function put(piece) {
  const old = document.getElementById(piece.id);
  if (!old) return;
  for (const details of old.querySelectorAll("details[id]")) {
    const twin = piece.querySelector(`#${CSS.escape(details.id)}`);
    if (twin) twin.open = details.open;
  }
  const focused = old.contains(document.activeElement) ? document.activeElement : null;
  const path = focused && pathTo(old, focused);
  old.replaceWith(piece);
  showCopyButtons(piece);
  tellTimes(piece);
  if (path) follow(piece, path)?.focus({ preventScroll: true });
  if (piece.matches("li, tr")) piece.classList.add("has-changed");
}

function pathTo(root, node) {
  if (node.id) return node.id;
  const path = [];
  for (let at = node; at !== root; at = at.parentElement) {
    path.unshift([...at.parentElement.children].indexOf(at));
  }
  return path;
}

function follow(root, path) {
  if (typeof path === "string") return document.getElementById(path);
  return path.reduce((at, index) => at?.children[index], root);
}

function watch(address) {
  const connection = document.getElementById("connection");
  const source = new EventSource(address);
  const show = (state) => {
    const time = new Date().toLocaleTimeString(language);
    connection.className = `connection is-${state}`;
    connection.querySelector(".words").textContent =
      connection.dataset[state] + (state === "lost" ? ` ${time}` : "");
  };
  const stop = (state) => { source.close(); show(state); };

  source.onopen = () => show("live");
  source.onerror = () => {
    if (!connection.classList.contains("is-lost")) show("lost");
    // The browser gives up by itself when it is answered with anything but a stream.
    if (source.readyState === EventSource.CLOSED) show("gone");
  };
  source.addEventListener("fragments", (event) => {
    const template = document.createElement("template");
    template.innerHTML = event.data;
    for (const piece of [...template.content.children]) put(piece);
    const header = document.getElementById("run-header");
    document.title = header.dataset.title;
    const announcement = document.getElementById("announcement");
    if (announcement.textContent !== header.dataset.say) announcement.textContent = header.dataset.say;
  });
  source.addEventListener("over", () => stop("over"));
  source.addEventListener("gone", () => stop("gone"));
  addEventListener("pagehide", () => source.close());
}

// --- Start --------------------------------------------------------------------------------------
showCopyButtons(document);
tellTimes(document);
setInterval(() => tellTimes(document), 1000);
document.getElementById("error-summary")?.focus();
if (document.body.dataset.events) watch(document.body.dataset.events);
