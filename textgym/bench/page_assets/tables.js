// The tables: aggregates, every agent on every id, capabilities, and what all was made with.

function drawSummary() {
  const { settings } = bench;
  document.title = $("summary-title").textContent = visible(settings.title);
  $("settings").textContent = visible(settings.line);
  $("alerts").replaceChildren(...bench.alerts.map(({ text, items }) => (items.length
    ? h("details", { class: "note" }, h("summary", {}, visible(text)), h("ul", {}, items.map((item) => h("li", {}, visible(item)))))
    : h("p", { class: "note" }, visible(text)))));
  const { measures, rows, note } = bench.aggregates;
  const table = rows.length
    ? h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Aggregates" }, h("table", {},
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "agent"), measures.map(({ title }) => h("th", { scope: "col" }, title)), h("th", { scope: "col" }, "intervals over"))),
      h("tbody", {}, rows.map(({ agent, values, over }) => h("tr", {}, h("th", { scope: "row" }, agentName(agent)),
        values.map((value) => h("td", {}, number(value[0]), h("span", { class: "ends" }, interval(value)))), h("td", {}, over))))))
    : null;
  $("aggregates").replaceChildren(...[table, h("p", { class: "hint after" }, visible(note))].filter(Boolean));
}

function share(table, id, value) {
  if (table.shade === "unit") return Math.min(1, Math.max(0, value));
  if (table.shade === "signed") {
    const most = Math.max(...table.cells.flat().filter(Boolean).map((cell) => Math.abs(cell[0])));
    return most ? Math.abs(value) / most : 0;
  }
  const row = table.cells.map((cells) => cells[id]).filter(Boolean).map((cell) => cell[0]);
  const [low, high] = [Math.min(...row), Math.max(...row)];
  return high > low ? (value - low) / (high - low) : 0;
}

function matrixCell(table, agent, id) {
  const cell = table.cells[agent][id];
  if (!cell) return h("td", { class: "missing" }, h("span", {}, table.absent[agent][id]));
  const [value, , , runs] = cell;
  const kind = table.shade === "signed" ? (value < 0 ? "neg" : "pos") : "heat";
  const all = bench.agents[agent].runs;
  const button = h("button", { type: "button", class: "cell", title: "See its episodes", onclick: () => showEpisodesOf(agent, id) },
    number(value), h("span", { class: "ends" }, interval(cell), runs < all ? h("br") : null, runs < all ? `${runs} of ${all} runs` : null));
  return h("td", table.mixed.includes(id) ? {} : { class: kind, "--t": share(table, id, value).toFixed(3) }, button);
}

const SHADES = {
  unit: ["0 or less", "seq", "1 or more"],
  row: ["lowest of the row", "seq", "highest of the row"],
  signed: ["gold is ahead", "div", "reward is ahead"],
};

function drawMatrix() {
  const table = bench.tables[$("metric").selectedIndex];
  if (!table) return;
  $("metric-note").textContent = visible(table.note);
  const ids = bench.ids.map((item, id) => h("tr", {},
    h("th", { scope: "row", title: item.summary }, visible(item.id), table.mixed.includes(id) ? h("span", { class: "ends" }, "different vocabularies: not comparable") : null),
    bench.agents.map((_, agent) => matrixCell(table, agent, id))));
  $("matrix").replaceChildren(h("table", {},
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "id"), bench.agents.map((_, agent) => h("th", { scope: "col" }, agentName(agent))))),
    h("tbody", {}, ids)));
  const [low, ramp, high] = SHADES[table.shade];
  $("matrix-scale").replaceChildren(h("span", {}, low), h("span", { class: `ramp ${ramp}`, "aria-hidden": "true" }), h("span", {}, high));
}

function drawTags() {
  const agents = shown();
  $("tags").replaceChildren(rowsTable(["capability", "ids", ...agents.map(agentName)], bench.tags.map(({ tag, ids, values }) => [
    visible(tag), h("span", { title: ids.join(", ") }, String(ids.length)),
    ...agents.map((agent) => (values[agent] ? [number(values[agent][0]), h("span", { class: "ends" }, interval(values[agent]))] : "missing"))])));
}

const factTable = (head, rows) => fill(rowsTable(head, rows), { class: "texts" }, []);
const factList = (facts) => h("dl", { class: "facts" }, facts.map(([name, value]) => [h("dt", {}, visible(name)), h("dd", {}, visible(value))]));

function drawFacts() {
  const { settings, facts } = bench;
  const copy = h("button", { type: "button", class: "quiet" }, "Copy");
  copy.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(settings.command);
      copy.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren($("command"));
      copy.textContent = "Selected";
    }
  });
  $("facts").replaceChildren(
    h("p", { class: "label" }, "Command"),
    h("pre", { class: "text-block", id: "command" }, visible(settings.command)), copy,
    h("h3", {}, "Settings"), factList(facts.settings),
    h("h3", {}, "Agents"),
    h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Agents" }, factTable(["agent", "run", "source", "hash", "tokens per second"],
      facts.agents.map(([agent, ...rest]) => [agentName(agent), ...rest.map(visible)]))),
    h("h3", {}, "Ids"),
    h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Ids" }, factTable(["id", "reward", "γ", "gold metric", "hash of the task", "vocabularies", "hash of the prompts"],
      facts.ids.map((row) => row.map(visible)))),
    h("h3", {}, "Versions"), factList(facts.versions));
}
