// Details of a row: each record behind its numbers, with the job that made it.

const pairs = (entries) => el("dl", {}, entries.filter(([, value]) => value !== null && value !== undefined && value !== "")
  .map(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
const plain = (value) => (typeof value === "string" ? value : JSON.stringify(value));
const optionsOf = (part) => part && [part.name, `version ${part.version}`,
  ...Object.entries(part.options).map(([name, value]) => `${name} = ${plain(value)}`)].join(" · ");

function showDetails(row, id = null) {
  const dialog = $("details"), records = recordsOf(row);
  const close = el("button", { class: "plain close", onclick: () => dialog.close() }, "Close");
  dialog.replaceChildren(
    el("header", {}, el("h2", { id: "details-title" }, `${row.dataset} · ${row.name}`), close),
    numbers(row, records),
    ...records.map((record) => recordView(record, record.id === id || records.length === 1)),
  );
  dialog.showModal();
  dialog.scrollTop = 0;
}

// Each number of the row, with the value from each record.
function numbers(row, records) {
  const columns = DATA.columns.filter((c) => c.group !== "name" && row.cells[c.name]?.[0] !== null && row.cells[c.name]);
  if (!columns.length) return el("p", {}, "No record of this row has a result.");
  const head = ["", "leaderboard", ...records.map((r) => `seed ${seedOf(r)}`)];
  return el("details", { open: true }, el("summary", {}, "The row's numbers, record by record"),
    el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Numbers by record" }, el("table", {},
      el("thead", {}, el("tr", {}, head.map((text) => el("th", { scope: "col", class: "number" }, text)))),
      el("tbody", {}, columns.map((c) => {
        const [value] = row.cells[c.name];
        return el("tr", {}, el("th", { scope: "row" }, heading(c)),
          el("td", { class: "number" }, asColumn(value, c), spreadOf(row.cells[c.name], c)),
          records.map((r) => el("td", { class: "number" }, shown(row.sources[r.id][c.name], 6))));
      })))));
}

function recordView(record, open) {
  const { job, provenance, cost, failure } = record;
  const budget = Object.entries(job.budget).filter(([, v]) => v !== null).map(([k, v]) => `${v} ${k}`).join(", ");
  const versions = Object.entries(provenance.packages).map(([name, version]) => `${name} ${version}`).join(" · ");
  const strategy = provenance.strategy && Object.entries(provenance.strategy)
    .filter(([, v]) => v !== null && v !== "").map(([k, v]) => `${k} ${v}`).join(" · ");
  return el("details", { class: "record", open, "data-record": record.id },
    el("summary", {}, `Record ${record.id}, seed ${seedOf(record)}: ${record.status}`),
    failure ? failureView(failure) : null,
    pairs([
      ["id", record.id], ["label", record.label], ["protocol", plain(record.protocol.version)],
      ["seeds", Object.entries(job.seeds).map(([k, v]) => `${k} ${v}`).join(" · ")], ["budget", budget],
      ["dataset", optionsOf(job.dataset)], ["model", optionsOf(job.model)], ["solver", optionsOf(job.solver)],
      ["generator", optionsOf(job.solver.generator)], ["balancer", optionsOf(job.solver.balancer)],
      ["made", `${provenance.started} to ${provenance.finished}`], ["command", provenance.command.join(" ")],
      ["mobench", provenance.mobench], ["git", provenance.git ?? "not from a checkout"],
      ["python", provenance.python], ["packages", versions],
      ["processor", provenance.processor], ["platform", `${provenance.platform}, ${provenance.threads} threads, ${provenance.device}`],
      ["strategy", strategy],
      ["imported from", record.imported && [record.imported.file, record.imported.source, `sha256 ${record.imported.sha256}`].filter(Boolean).join(" · ")],
      ["cost", cost && Object.entries(cost).map(([k, v]) => `${k} ${shown(v)}`).join(" · ")],
      ["notes", Object.entries(record.notes).map(([k, v]) => `${k}: ${v}`).join(" · ")],
    ]),
    wholeRecord(record));
}

// The complete record; built only when it is opened.
function wholeRecord({ label, ...record }) {
  const box = el("details", {}, el("summary", {}, "The complete record, as JSON"));
  box.addEventListener("toggle", () => {
    if (box.open && box.children.length === 1) box.append(el("pre", { tabindex: "0" }, JSON.stringify(record, null, 1)));
  });
  return box;
}

const failureView = (failure) => [
  el("p", { class: "wrong" }, `${failure.kind}: ${failure.message}`),
  failure.traceback ? el("details", {}, el("summary", {}, "Traceback"), el("pre", { tabindex: "0" }, failure.traceback)) : null,
];

function drawFailures() {
  const bad = Object.values(RECORDS).filter((record) => record.status !== "completed");
  $("failures").hidden = !bad.length;
  $("failures-body").replaceChildren(...bad.map((record) => el("article", { class: "failure" },
    el("h3", {}, `${record.job.dataset.name} · ${record.label} · seed ${seedOf(record)}: ${record.status}`),
    el("p", { class: "quiet" }, `record ${record.id}`), record.failure ? failureView(record.failure) : null)));
}

function drawNotes() {
  const lists = [["Notes", DATA.notes], ["Left out of the leaderboard", DATA.left_out], ["Files that are not records", DATA.unreadable]];
  const shownLists = lists.filter(([, items]) => items.length);
  $("notes-body").replaceChildren(...(shownLists.length
    ? shownLists.flatMap(([title, items]) => [el("h3", {}, title), el("ul", {}, items.map((item) => el("li", {}, withCode(item))))])
    : [el("p", { class: "quiet" }, "Nothing to note: every record is in the leaderboard.")]));
}
