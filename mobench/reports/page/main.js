// Draw the page, and redraw its parts when a choice changes.

function drawTop() {
  const names = [...new Set(DATA.rows.map((row) => row.dataset))];
  const n = Object.keys(RECORDS).length, solvers = new Set(DATA.rows.map((row) => row.solver)).size;
  $("summary").textContent = `${n} ${n === 1 ? "record" : "records"} · ${solvers} ${solvers === 1 ? "solver" : "solvers"}` +
    ` · ${names.length} ${names.length === 1 ? "dataset" : "datasets"}`;
  for (const name of names) $("dataset").append(el("option", { value: name }, name));
  $("dataset-field").hidden = names.length < 2;
  $("dataset").addEventListener("change", () => chooseDataset($("dataset").value));
  return names;
}

on(["dataset"], drawFrontFields);
on(["dataset", "names"], drawLegend);
on(["dataset", "names", "seed", "split", "x", "y"], drawFronts);
on(["dataset"], drawPreference);
on(["preference"], sayPreference);
on(["preference"], markFronts);
on(["dataset", "names", "seed", "split", "preference"], drawReadout);
on(["dataset"], drawLive);
on(["preference"], runLive);
on(["dataset"], drawBoard);
on(["dataset", "names"], drawCurves);
on(["dataset", "names"], drawCosts);

const datasetNames = drawTop();
drawBoardFields();
drawCurveFields();
drawCostFields();
drawFailures();
drawNotes();
if (datasetNames.length) chooseDataset(datasetNames[0]);

let lastWidth = document.documentElement.clientWidth;
addEventListener("resize", () => {
  const width = document.documentElement.clientWidth;
  if (width === lastWidth || !datasetNames.length) return;
  lastWidth = width;
  drawFronts();
  drawCurves();
  drawCosts();
});
