// Quality against cost.

const costs = { x: "training s", y: "hypervolume" };

const columnText = (name) => {
  const column = DATA.columns.find((c) => c.name === name);
  const way = { higher: ", higher is better", lower: ", lower is better" }[column?.better] ?? "";
  return column ? heading(column) + way : name;
};

function drawCostFields() {
  const of = (...groups) => DATA.columns.filter((c) => groups.includes(c.group)).map((c) => [c.name, heading(c)]);
  $("costs-fields").replaceChildren(
    choice("costs-x", "across", of("cost"), costs.x, (value) => { costs.x = value; drawCosts(); }),
    choice("costs-y", "up", of("quality", "metric"), costs.y, (value) => { costs.y = value; drawCosts(); }));
}

function drawCosts() {
  const cell = (row, name) => row.cells[name]?.[0] ?? null;
  const rows = rowsOf(state.dataset).filter((row) => cell(row, costs.x) !== null && cell(row, costs.y) !== null);
  const across = rows.map((row) => cell(row, costs.x));
  // costs differ by orders of magnitude
  const log = across.length > 0 && Math.min(...across) > 0 && Math.max(...across) / Math.min(...across) > 10;
  chart($("costs-chart"), {
    x: { label: columnText(costs.x) + (log ? ", logarithmic" : ""), log }, y: { label: columnText(costs.y) },
    series: rows.map((row) => ({
      name: row.name, tag: state.names.has(row.name), open: () => showDetails(row),
      points: [{
        x: cell(row, costs.x), y: cell(row, costs.y), half: row.cells[costs.y][1],
        lines: [costs.x, costs.y].map((name) => `${heading(DATA.columns.find((c) => c.name === name))} ${shown(cell(row, name))}`),
      }],
    })),
  });
}
