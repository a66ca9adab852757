// The page: reads what Python computed, draws it at once, and unpacks the list of episodes; the blocks of their tokens,
// most of the file, stand behind this script and may still be on their way.

const bench = dataOf("data");

const THEMES = ["auto", "light", "dark"];
let theme = "auto";

function applyTheme() {
  document.documentElement.dataset.theme = theme; // page.css picks the colours
  $("theme").setAttribute("aria-label", { auto: "Colours: as the system has them", light: "Colours: light", dark: "Colours: dark" }[theme]);
  $("theme").firstElementChild.textContent = { auto: "◐", light: "☀", dark: "☾" }[theme];
}

function drawPlots() {
  hideTip();
  drawDots();
  drawRadar();
  drawTags();
  drawProfiles();
  drawGaps();
  drawCurves();
}

applyTheme();
$("theme").addEventListener("click", () => {
  theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
  applyTheme();
});

document.addEventListener("pointerdown", hideTip, true);
document.addEventListener("scroll", hideTip, { passive: true });

drawSummary();
drawLegend(drawPlots);
$("metric").append(...bench.tables.map(({ title }) => h("option", {}, visible(title))));
$("metric").addEventListener("change", drawMatrix);
drawMatrix();
drawPlots();
drawFacts();
$("carried").textContent = bench.carried;
prepareFilters();
prepareRows();
prepareEpisode();

let width = innerWidth;
addEventListener("resize", () => {
  if (innerWidth !== width) drawPlots(); // a phone's address bar changes the height alone
  width = innerWidth;
  drawRows(true);
});
loadEpisodes();
