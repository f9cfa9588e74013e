// Validation during training, one line per run.

const curves = { against: "seconds" };

function drawCurveFields() {
  $("curves-fields").replaceChildren(
    choice("curves-x", "against", [["seconds", "seconds of training"], ["step", "steps"]], curves.against, (value) => {
      curves.against = value;
      drawCurves();
    }),
    el("p", { class: "quiet" }, "One line per run and seed of the solvers chosen above."));
}

function drawCurves() {
  const rows = rowsOf(state.dataset);
  const rowOf = (line) => rows.find((row) => row.solver === line.solver && row.model === line.model);
  const nameOf = (line) => rowOf(line)?.name;
  const lines = DATA.curves.filter((line) => line.dataset === state.dataset && (state.names.has(nameOf(line)) || about().objectives.length < 2));
  const series = lines.filter(nameOf).map((line, place, all) => ({
    name: nameOf(line), title: `${nameOf(line)}, seed ${line.seed}`, line: true, open: () => openRun(rowOf(line), line.seed), tag: all.findIndex((one) => nameOf(one) === nameOf(line)) === place,
    points: line.value.map((value, i) => ({
      x: line[curves.against][i], y: value,
      lines: [`${line.what} ${shown(value)}`, `step ${line.step[i]}`, `${shown(line.seconds[i], 3)} s of training`],
    })),
  }));
  chart($("curves-chart"), {
    x: { label: curves.against === "step" ? "steps" : "seconds of training" }, y: { label: lines[0]?.what ?? "validation" }, series,
    empty: "No run of the chosen solvers has validation checks.",
  });
}

const openRun = (row, seed) => showDetails(row, completed(row).find((record) => seedOf(record) === seed)?.id);
