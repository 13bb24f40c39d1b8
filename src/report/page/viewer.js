// One image, closely: layers over the picture, values under the pointer, a threshold.

const viewer = byId("viewer");
const stages = page.runs.map((run) => makeStage(run));
const view = {
  image: null,
  layer: null,
  measure: overviewMeasure(),
  channel: firstChannel,
  opacity: 0.6,
  marks: false,
  thresholds: new Map(),
  zoom: 1,
  x: 0,
  y: 0,
  cursor: null,
};

function makeStage(run) {
  const picture = element("img", { alt: "", class: "picture", draggable: "false" });
  const layer = element("canvas", { class: "layer" });
  const marks = element("canvas", { class: "layer marks" });
  const cross = element("span", { class: "cross", hidden: true });
  const sheet = element("div", { class: "sheet" }, picture, layer, marks, cross);
  const problem = element("p", { class: "problem", hidden: true });
  const name = other ? element("p", { class: "stage-name" }, run.name) : null;
  const root = element("div", { class: "stage", tabindex: "0", role: "group" }, sheet, problem, name);
  return { run, root, sheet, picture, layer, marks, cross, problem, values: null, size: [1, 1] };
}

/** The measure of the first layer and of the threshold: that of the thumbnails, if it has one. */
function overviewMeasure() {
  const layers = page.quantities.filter((quantity) => quantity.bound !== null);
  return (layers.find(({ name }) => name === page.overview) ?? layers[0])?.measure ?? null;
}

const isMeasure = (key) => page.quantities.some((quantity) => quantity.measure === key);

/** The layers that there are for the image. */
function layers() {
  const values = stages.map((stage) => stage.values);
  const some = (has) => values.some((one) => one && has(one));
  const made = [{ key: "picture", text: "picture" }];
  if (some((one) => one.classes)) made.push({ key: "classes", text: "classes" });
  for (const { name, measure, channel, bound } of page.quantities) {
    if (channel === view.channel && bound !== null && some((one) => one.measures.has(name))) {
      made.push({ key: measure, text: title(measure) });
    }
  }
  if (some((one) => one.classes && one.labels)) made.push({ key: "truth", text: "right and wrong" });
  return made;
}

function showLayers() {
  const all = layers();
  if (!all.some((layer) => layer.key === view.layer)) {
    view.layer = all.some((layer) => layer.key === view.measure) ? view.measure : "picture";
  }
  const buttons = all.map(({ key, text }, i) =>
    element(
      "label",
      { class: "choice" },
      element("input", {
        type: "radio",
        name: "layer",
        value: key,
        checked: key === view.layer,
        onchange: () => chooseLayer(key),
      }),
      text,
      element("kbd", {}, i < 9 ? String(i + 1) : ""),
    ),
  );
  byId("layers").replaceChildren(...buttons);
  byId("layer-controls").hidden = all.length < 2;
}

function chooseLayer(key) {
  view.layer = key;
  if (isMeasure(key)) view.measure = key;
  for (const input of document.getElementsByName("layer")) input.checked = input.value === key;
  draw();
}

/** Shows another label or target. */
function chooseChannel(channel) {
  view.channel = channel;
  byId("viewer-channel").value = String(channel);
  showLayers();
  showNumbers();
  draw();
}

function placeCanvas(canvas, plane, size) {
  const [left, top, width, height] = plane.place ?? [0, 0, size[0], size[1]];
  canvas.style.cssText = `left:${left}px;top:${top}px;width:${width}px;height:${height}px`;
  // Between pixels that are fewer than those of the picture, values pass over into each other.
  canvas.classList.toggle("between", plane.width < width);
}

/** Draws the chosen layer and the marks of every stage. */
function draw() {
  for (const stage of stages) {
    const { values, layer, marks, picture } = stage;
    layer.hidden = marks.hidden = true;
    picture.style.visibility = "visible";
    if (!values) continue;
    const quantity = quantityOf(view.layer, view.channel);
    const plane = quantity ? values.measures.get(quantity.name) : values.classes;
    const isShown = plane && view.layer !== "picture" && (view.layer !== "truth" || values.labels);
    if (isShown) {
      layer.hidden = false;
      placeCanvas(layer, plane, stage.size);
      if (quantity) paintQuantity(layer, plane, quantity, view.opacity);
      else if (view.layer === "classes") paintClasses(layer, plane, view.opacity);
      else paintTruth(layer, plane, values.labels, view.opacity);
      // A map whose place is not known is no layer over the picture.
      if (!plane.place) picture.style.visibility = "hidden";
    }
    const marked = values.measures.get(markedQuantity()?.name);
    if (view.marks && marked) {
      marks.hidden = false;
      placeCanvas(marks, marked, stage.size);
      paintMarks(marks, marked, thresholdNumber(marked));
    }
  }
  showThreshold();
  showScale();
  showReadout();
  showLegend();
}

let willDraw = false;
function drawSoon() {
  if (willDraw) return;
  willDraw = true;
  requestAnimationFrame(() => {
    willDraw = false;
    draw();
  });
}
