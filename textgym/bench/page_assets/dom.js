// Elements, numbers and texts. Every text of a bench goes through textContent: it may be hostile.

const $ = (id) => document.getElementById(id);

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name.startsWith("--")) element.style.setProperty(name, value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return element;
}

const h = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);
const s = (tag, attributes = {}, ...children) =>
  fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);

const UNKNOWN = "unknown";

/** A number as Python's textgym.evaluation.report.number writes it, with the sign −. */
function number(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return UNKNOWN;
  const size = Math.abs(value);
  const text = value.toFixed(size < 10 ? 3 : size < 1000 ? 1 : 0);
  return (Number(text) === 0 ? text.replace("-", "") : text).replace("-", "−");
}

/** A number of a token, with the four digits that the page carries. */
function exact(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return UNKNOWN;
  return String(value).replace("-", "−");
}

const interval = ([, low, high]) => `${number(low)} to ${number(high)}`;
const count = (value) => value.toLocaleString("en");

// What would not be seen, or would turn the text around it: controls, bidirectional marks, zero-width characters.
const UNSEEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

function seen(character) {
  const code = character.charCodeAt(0);
  if (code < 32) return String.fromCharCode(0x2400 + code);
  return `⟨${code.toString(16).toUpperCase().padStart(4, "0")}⟩`;
}

/** A text with its invisible characters written out, so that none reorders or hides the rest. */
const visible = (text) => text.replace(UNSEEN, seen);

/** A text on one line, cut: rows show no more, and a megabyte of it would be laid out in vain. */
function snippet(text, most = 240) {
  const start = text.length > most ? `${text.slice(0, most)}…` : text;
  return visible(start.replace(/\s+/g, " "));
}

const cut = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

const cssNumber = (element, name) => parseFloat(getComputedStyle(element).getPropertyValue(name));

function dataOf(id) {
  return JSON.parse($(id).textContent);
}

/** Unpacks gzip in base64, which one script element holds, and frees it. */
async function unpack(id) {
  const element = $(id);
  const packed = element.textContent;
  element.remove();
  let bytes;
  if (Uint8Array.fromBase64) bytes = Uint8Array.fromBase64(packed);
  else {
    const binary = atob(packed);
    bytes = new Uint8Array(binary.length);
    for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  }
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
}

function rowsTable(head, rows) {
  return h("table", {},
    h("thead", {}, h("tr", {}, head.map((cell) => h("th", { scope: "col" }, cell)))),
    h("tbody", {}, rows.map((row) => h("tr", {}, row.map((cell, i) => (i ? h("td", {}, cell) : h("th", { scope: "row" }, cell)))))));
}

/** The numbers behind a plot, for whoever cannot see it. */
function numbersOf(head, rows) {
  return h("details", { class: "numbers" },
    h("summary", {}, "The numbers of this plot"),
    h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "The numbers of this plot" }, rowsTable(head, rows)));
}

function showTip(event, text) {
  const tip = $("tip");
  tip.textContent = text;
  tip.hidden = false;
  const { width, height } = tip.getBoundingClientRect();
  const left = Math.min(Math.max(8, event.clientX + 12), innerWidth - width - 8);
  const top = event.clientY - height - 12 < 8 ? event.clientY + 16 : event.clientY - height - 12;
  tip.style.left = `${left}px`;
  tip.style.top = `${top}px`;
}

const hideTip = () => { $("tip").hidden = true; };

/** Makes an element of a plot say what it is, under a mouse or a finger. */
function tipped(element, text) {
  element.addEventListener("pointerenter", (event) => showTip(event, text));
  element.addEventListener("pointerdown", (event) => showTip(event, text));
  element.addEventListener("pointerleave", ({ pointerType }) => { if (pointerType === "mouse") hideTip(); }); // a finger leaves at once
  return element;
}
