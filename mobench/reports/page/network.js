// Run trained networks in the page at exactly the selected preference.

const live = { session: null, id: null, busy: false, wanted: null, runtime: null, cards: [] };

// Use a plain loop: Uint8Array.from with a function is about a hundred times slower.
function decoded(base64) {
  const text = atob(base64), bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

const bytesOf = (id) => decoded($(id).textContent);

const unpacked = async (id) =>
  new Uint8Array(await new Response(new Blob([bytesOf(id)]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer());

async function startRuntime() {
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmPaths = { mjs: URL.createObjectURL(new Blob([bytesOf("ort-mjs")], { type: "text/javascript" })) };
  ort.env.wasm.wasmBinary = await unpacked("ort-wasm");
}

const networksHere = () => DATA.live.networks.filter((network) => network.dataset === state.dataset);

function drawLive() {
  const networks = networksHere();
  live.session = null;
  live.id = null;
  if (!networks.length) return drawNoNetwork();
  const samples = DATA.live.samples[state.dataset];
  live.cards = drawCards(samples);
  $("live-body").replaceChildren(
    el("div", { class: "fields" },
      choice("live-network", "network", networks.map((n) => [n.id, `${n.name}, seed ${n.seed}`]), networks[0].id, openNetwork),
      el("p", { id: "live-status", class: "quiet", role: "status" }, "starting …")),
    el("p", { id: "live-sum", class: "figures" }),
    el("div", { class: "cards" }, live.cards.map((card) => card.node)),
    el("p", { id: "live-about", class: "quiet" }));
  // start after the page has been painted
  setTimeout(() => openNetwork(networks[0].id), 30);
}

function drawNoNetwork() {
  const reasons = [...new Set(DATA.live.left_out.filter((one) => one.dataset === state.dataset).map((one) => one.reason))];
  $("live-body").replaceChildren(
    el("p", { class: "quiet" }, "The page carries no network of this dataset."), el("ul", { class: "quiet" }, reasons.map((r) => el("li", {}, withCode(r)))));
}

async function openNetwork(id) {
  const network = DATA.live.networks.find((one) => one.id === id);
  live.id = id;
  $("live-status").textContent = "starting …";
  const { first, shape } = DATA.live.samples[network.dataset];
  $("live-about").textContent =
    `${network.parameters.toLocaleString("en-GB")} parameters, stored as halves: on these pictures no probability differs from the trained ` +
    `network's by more than ${shown(network.difference, 2)}. Pictures of the test split: its first ${first}, then ${shape[0] - first} ` +
    "whose answers change most between the ends of the front. Bars are probabilities of the classes.";
  try {
    live.runtime ??= startRuntime();
    await live.runtime;
    const session = await ort.InferenceSession.create(await unpacked(`model-${id}`));
    if (live.id !== id) return; // another network was chosen in the meantime
    live.session = session;
    runLive();
  } catch (error) {
    $("live-status").textContent = `The network cannot be run in this browser: ${error.message}`;
    throw error;
  }
}

// Run one preference at a time; of the preferences that arrive during a run, only the last is used.
async function runLive() {
  live.wanted = state.preference;
  if (live.busy || !live.session) return;
  live.busy = true;
  try {
    while (live.wanted) {
      const [preference, id, session] = [live.wanted, live.id, live.session];
      live.wanted = null;
      const samples = DATA.live.samples[state.dataset];
      const began = performance.now();
      const outputs = await session.run({
        image: pixelsOf(samples),
        preference: new ort.Tensor("float32", Float32Array.from(preference), [preference.length]),
      });
      const took = performance.now() - began;
      if (live.id !== id) continue;
      tellAnswers(samples, outputs, preference, took);
    }
  } finally {
    live.busy = false;
  }
}

function pixelsOf(samples) {
  samples.pixels ??= new Float32Array(decoded(samples.images).buffer);
  return new ort.Tensor("float32", samples.pixels, samples.shape);
}

function softmax(values) {
  const top = Math.max(...values), raised = values.map((v) => Math.exp(v - top)), sum = raised.reduce((a, b) => a + b, 0);
  return raised.map((v) => v / sum);
}

function tellAnswers(samples, outputs, preference, took) {
  const sums = Object.entries(samples.classes).map(([head, n]) => {
    const logits = outputs[head].data, targets = samples.targets[head];
    let right = 0, loss = 0;
    live.cards.forEach((card, i) => {
      const probabilities = softmax([...logits.slice(i * n, (i + 1) * n)]);
      right += card.heads[head](probabilities);
      loss -= Math.log(Math.max(probabilities[targets[i]], 1e-12));
    });
    return `${head}: ${right} of ${targets.length} right, loss ${(loss / targets.length).toFixed(3)}`;
  });
  $("live-sum").textContent = `On these pictures  ·  ${sums.join("  ·  ")}`;
  $("live-status").textContent = `answered at ${preferenceText(preference)} in ${took.toFixed(0)} ms`;
  $("live-status").dataset.preference = preference.join(",");
}

function drawCards(samples) {
  return Array.from({ length: samples.shape[0] }, (_, i) => {
    const parts = Object.entries(samples.classes).map(([head, n]) => [head, headView(head, n, samples.targets[head][i])]);
    return {
      node: el("figure", { class: "card" }, picture(samples, i), el("figcaption", {}, parts.map(([, view]) => view.node))),
      heads: Object.fromEntries(parts.map(([head, view]) => [head, view.tell])),
    };
  });
}

// One task of one image: its label, the network's prediction, and a bar for each class.
function headView(head, n, target) {
  const said = el("span", { class: "answer" });
  const bars = Array.from({ length: n }, (_, k) =>
    el("span", { class: `bar${k === target ? " true" : ""}` }, el("i"), el("b", {}, String(k))));
  const node = el("div", { class: "head", "data-head": head },
    el("p", {}, el("span", { class: "quiet" }, `${head} is ${target}`), said), el("div", { class: "bars", "aria-hidden": "true" }, bars));
  const tell = (probabilities) => {
    const best = probabilities.indexOf(Math.max(...probabilities)), right = best === target;
    bars.forEach((bar, k) => {
      bar.firstChild.style.height = `${Math.max(1, 100 * probabilities[k])}%`;
      bar.classList.toggle("best", k === best);
    });
    node.dataset.probabilities = probabilities.map((p) => p.toFixed(6)).join(",");
    said.textContent = `${right ? "✓" : "✗"} says ${best} (${(100 * probabilities[best]).toFixed(0)} %)`;
    said.classList.toggle("wrong", !right);
    return right ? 1 : 0;
  };
  return { node, tell };
}

function picture(samples, i) {
  const [, channels, height, width] = samples.shape, size = height * width;
  pixelsOf(samples);
  const own = samples.pixels.subarray(i * channels * size, (i + 1) * channels * size);
  const low = own.reduce((a, b) => Math.min(a, b)), high = own.reduce((a, b) => Math.max(a, b));
  const canvas = el("canvas", { width, height, role: "img", "aria-label": `test picture ${i + 1}` });
  const context = canvas.getContext("2d"), image = context.createImageData(width, height);
  for (let p = 0; p < size; p++) {
    for (let c = 0; c < 3; c++) image.data[4 * p + c] = (255 * (own[(channels === 3 ? c : 0) * size + p] - low)) / (high - low || 1);
    image.data[4 * p + 3] = 255;
  }
  context.putImageData(image, 0, 0);
  return canvas;
}
