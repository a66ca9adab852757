// The list of episodes: columns of the index, an order over them, and only the rows that are in sight as elements.

let columns = null; // the unpacked index
let order = []; // numbers of the episodes that pass the filters, sorted
let texts = []; // what the search looks at, made when it is first used
let active = 0; // place in `order` of the row that the keyboard is on
const sorting = { by: "", down: false };

const SORTS = {
  agent: ["agent", (e) => cellOf(e).agent],
  id: ["id", (e) => cellOf(e).id],
  index: ["number", (e) => columns.index[e]],
  reward: ["reward", (e) => columns.reward[e]],
  success: ["success", (e) => columns.success[e] ?? -1],
  finish: ["ending", (e) => columns.finishes[columns.finish[e]]],
  length: ["length", (e) => columns.length[e]],
};

const cellOf = (episode) => bench.cells[columns.cell[episode]];
const form = () => $("filters");
const option = (value, text) => h("option", { value }, text);

function runName({ agent, run }) {
  const { label, runs } = bench.agents[agent];
  return visible(runs > 1 ? `${label}, run ${run}` : label);
}

function prepareFilters() {
  const { elements } = form();
  elements.agent.append(option("", "all"), ...bench.agents.map(({ label }, i) => option(i, visible(label))));
  elements.id.append(option("", "all"), ...bench.ids.map(({ id }, i) => option(i, visible(id))));
  elements.sort.append(option("", "as played"), ...Object.entries(SORTS).map(([name, [title]]) => option(name, title)));
  let timer = 0;
  form().addEventListener("input", (event) => {
    clearTimeout(timer);
    timer = setTimeout(applyFilters, event.target.name === "text" ? 120 : 0);
  });
  form().addEventListener("reset", () => setTimeout(() => setSort("", false)));
  form().addEventListener("submit", (event) => event.preventDefault());
  elements.sort.addEventListener("input", () => setSort(elements.sort.value, sorting.down));
  $("order").addEventListener("click", () => setSort(sorting.by, !sorting.down));
  const heads = { agent: "Agent", id: "Id", index: "No.", reward: "Reward", success: "Success", finish: "Ending", length: "Tokens" };
  $("grid-head").append(h("span", { role: "presentation" }), ...Object.entries(heads).map(([name, title]) => h("span", { role: "columnheader", class: ["index", "reward", "length"].includes(name) ? "num" : null },
    h("button", { type: "button", "data-sort": name, onclick: () => setSort(name, sorting.by === name && !sorting.down) }, title))),
  h("span", { role: "columnheader" }, "Completion"));
}

function setSort(by, down) {
  sorting.by = by;
  sorting.down = down;
  form().elements.sort.value = by;
  $("order").textContent = down ? "↓" : "↑";
  $("order").setAttribute("aria-label", `Order: ${down ? "descending" : "ascending"}`);
  for (const button of $("grid-head").querySelectorAll("button")) {
    const sorted = button.dataset.sort === by;
    if (sorted) button.dataset.sorted = down ? "down" : "up";
    else delete button.dataset.sorted;
    button.parentElement.setAttribute("aria-sort", sorted ? (down ? "descending" : "ascending") : "none");
  }
  applyFilters();
}

function textOf(episode) {
  if (!texts.length) {
    const prompts = columns.prompts.map(([prompt, references]) => [prompt, ...references].join("\n").toLowerCase());
    texts = columns.completion.map((completion, i) => `${prompts[columns.prompt[i]]}\n${completion.toLowerCase()}`);
  }
  return texts[episode];
}

function applyFilters() {
  if (!columns) return;
  const { agent, id, finish, success, low, high, text } = Object.fromEntries(new FormData(form()));
  const sought = text.toLowerCase();
  const wanted = success === "none" ? null : Number(success);
  order = [];
  for (let e = 0; e < columns.cell.length; e++) {
    const cell = cellOf(e);
    if (agent !== "" && cell.agent !== Number(agent)) continue;
    if (id !== "" && cell.id !== Number(id)) continue;
    if (finish !== "" && columns.finish[e] !== Number(finish)) continue;
    if (success !== "" && columns.success[e] !== wanted) continue;
    if (low !== "" && columns.reward[e] < Number(low)) continue;
    if (high !== "" && columns.reward[e] > Number(high)) continue;
    if (sought && !textOf(e).includes(sought)) continue;
    order.push(e);
  }
  if (sorting.by) {
    const key = SORTS[sorting.by][1];
    const keys = new Map(order.map((e) => [e, key(e)]));
    const sign = sorting.down ? -1 : 1;
    order.sort((a, b) => sign * (keys.get(a) < keys.get(b) ? -1 : keys.get(a) > keys.get(b) ? 1 : 0) || a - b);
  } else if (sorting.down) order.reverse();
  active = 0;
  $("rows").scrollTop = 0;
  $("found").textContent = `${count(order.length)} of ${count(columns.cell.length)} episodes`;
  $("grid").setAttribute("aria-rowcount", order.length + 1);
  drawRows(true);
}

const verdict = (success) => h("span", { role: "gridcell", "data-c": "success", class: success === null ? null : success ? "yes" : "no" }, success === null ? "–" : success ? "yes" : "no");

function rowOf(place) {
  const e = order[place];
  const cell = cellOf(e);
  const field = (name, text, kind) => h("span", { role: "gridcell", "data-c": name, class: kind }, text);
  return h("div", { class: place === active ? "row active" : "row", role: "row", id: `row-${place}`, "aria-rowindex": place + 2, "aria-selected": String(place === active), "data-place": place },
    h("span", { role: "presentation", class: "mark-box" }, swatch(cell.agent)),
    field("agent", runName(cell)), field("id", visible(bench.ids[cell.id].id)), field("index", String(columns.index[e]), "num"),
    field("reward", number(columns.reward[e]), "num"), verdict(columns.success[e]), field("finish", visible(columns.finishes[columns.finish[e]])),
    field("length", innerWidth <= 720 ? `${columns.length[e]} tokens` : String(columns.length[e]), "num"),
    field("text", snippet(columns.completion[e]), "text"));
}

let drawn = [-1, -1];

function drawRows(anew = false) {
  const rows = $("rows");
  const height = cssNumber($("grid"), "--row");
  const first = Math.max(0, Math.floor(rows.scrollTop / height) - 6);
  const last = Math.min(order.length, Math.ceil((rows.scrollTop + rows.clientHeight) / height) + 6);
  if (!anew && first === drawn[0] && last === drawn[1]) return;
  drawn = [first, last];
  const spacer = $("spacer");
  spacer.style.height = `${order.length * height}px`;
  const made = [];
  for (let place = first; place < last; place++) {
    const row = rowOf(place);
    row.style.top = `${place * height}px`;
    made.push(row);
  }
  spacer.replaceChildren(...made);
  if (order.length) rows.setAttribute("aria-activedescendant", `row-${active}`);
  else rows.removeAttribute("aria-activedescendant");
}

function moveTo(place) {
  active = Math.min(order.length - 1, Math.max(0, place));
  const rows = $("rows");
  const height = cssNumber($("grid"), "--row");
  const top = active * height;
  if (top < rows.scrollTop) rows.scrollTop = top;
  else if (top + height > rows.scrollTop + rows.clientHeight) rows.scrollTop = top + height - rows.clientHeight;
  drawRows(true);
}

function prepareRows() {
  const rows = $("rows");
  rows.addEventListener("scroll", () => drawRows());
  rows.addEventListener("click", (event) => {
    const row = event.target.closest("[data-place]");
    if (!row) return;
    moveTo(Number(row.dataset.place));
    openEpisode(order[active]);
  });
  rows.addEventListener("keydown", (event) => {
    const page = Math.max(1, Math.floor(rows.clientHeight / cssNumber($("grid"), "--row")) - 1);
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
    if (event.key in steps) moveTo(active + steps[event.key]);
    else if (event.key === "Enter" && order.length) openEpisode(order[active]);
    else return;
    event.preventDefault();
  });
}

function showEpisodesOf(agent, id) {
  form().reset();
  form().elements.agent.value = agent;
  form().elements.id.value = id;
  $("episodes").scrollIntoView();
  $("rows").focus({ preventScroll: true });
}

async function loadEpisodes() {
  try {
    columns = await unpack("index");
  } catch (error) {
    $("found").textContent = `The episodes could not be unpacked: ${error.message}. Open the page in a current browser, or make it again.`;
    return;
  }
  form().elements.finish.append(option("", "all"), ...columns.finishes.map((reason, i) => option(i, visible(reason))));
  applyFilters();
}
