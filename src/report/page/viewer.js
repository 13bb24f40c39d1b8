// One image, closely: layers over the picture, values under the pointer, a threshold.

const viewer = byId("viewer");
const stages = page.runs.map((run) => makeStage(run));
const view = {
  image: null,
  layer: null,
  measure: page.measures.find((measure) => measure.bound)?.name ?? null,
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

const measureOf = (name) => page.measures.find((measure) => measure.name === name);

/** The layers that there are for the image. */
function layers() {
  const values = stages.map((stage) => stage.values);
  const some = (has) => values.some((one) => one && has(one));
  const made = [{ key: "picture", text: "picture" }];
  if (some((one) => one.classes)) made.push({ key: "classes", text: "classes" });
  for (const measure of page.measures) {
    if (some((one) => one.measures.has(measure.name))) {
      made.push({ key: measure.name, text: title(measure.name) });
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
  if (measureOf(key)) view.measure = key;
  for (const input of document.getElementsByName("layer")) input.checked = input.value === key;
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
    const measure = measureOf(view.layer);
    const plane = measure ? values.measures.get(view.layer) : values.classes;
    const isShown = plane && view.layer !== "picture" && (view.layer !== "truth" || values.labels);
    if (isShown) {
      layer.hidden = false;
      placeCanvas(layer, plane, stage.size);
      if (measure) paintMeasure(layer, plane, measure.ramp, view.opacity);
      else if (view.layer === "classes") paintClasses(layer, plane, view.opacity);
      else paintTruth(layer, plane, values.labels, view.opacity);
      // A map whose place is not known is no layer over the picture.
      if (!plane.place) picture.style.visibility = "hidden";
    }
    const marked = values.measures.get(view.measure);
    if (view.marks && marked) {
      marks.hidden = false;
      placeCanvas(marks, marked, stage.size);
      paintMarks(marks, marked, thresholdNumber());
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

// Threshold

const shareOf = (name) => view.thresholds.get(name) ?? 0.5;

/** A place of the slider as a share of the bound; small values have room where colours give it. */
function thresholdShare() {
  const place = shareOf(view.measure);
  return measureOf(view.measure)?.ramp === "squareRoot" ? place * place : place;
}

const thresholdNumber = () => Math.round(thresholdShare() * HIGHEST);

function showThreshold() {
  const measure = measureOf(view.measure);
  const planes = stages.map((stage) => stage.values?.measures.get(view.measure));
  const box = byId("threshold-controls");
  box.hidden = !planes.some(Boolean);
  if (box.hidden || !measure) return;
  byId("threshold-name").textContent = title(measure.name);
  byId("threshold").value = Math.round(1000 * shareOf(view.measure));
  const value = thresholdShare() * measure.bound;
  byId("threshold-value").textContent = `${value.toFixed(4)} ${measure.unit}`;
  byId("threshold").setAttribute("aria-valuetext", `${short(value)} ${measure.unit}`);
  byId("marks").checked = view.marks;
  const shares = planes.filter(Boolean).map((plane) => {
    plane.counts = plane.counts || countsAbove(plane);
    const { above, n } = plane.counts;
    return n ? `${((100 * above[thresholdNumber()]) / n).toFixed(2)} %` : "–";
  });
  byId("threshold-share").textContent = `${shares.join(" and ")} of the pixels are above`;
}

function showScale() {
  const measure = measureOf(view.layer) || measureOf(view.measure);
  const box = byId("scale");
  box.hidden = !measure?.bound || byId("layer-controls").hidden;
  if (box.hidden) return;
  const canvas = byId("scale-colors");
  const numbers = Uint16Array.from({ length: 255 }, (_, i) => Math.round((i * HIGHEST) / 254));
  paint(canvas, { width: 255, height: 1, numbers }, (number) => opaque(ramps[measure.ramp][level(number)]));
  byId("scale-title").textContent = `${title(measure.name)}${measure.unit ? `, ${measure.unit}` : ""}`;
  const [middle, end] = [measure.bound / 2, measure.bound].map((value) => short(value, 3));
  byId("scale-ends").replaceChildren(
    ...["0", middle, end].map((text) => element("span", {}, text)),
  );
  const mark = byId("scale-mark");
  mark.hidden = !view.marks || measure.name !== view.measure;
  mark.style.left = `${100 * thresholdShare()}%`;
  const plane = stages[0].values?.measures.get(measure.name);
  byId("scale-note").hidden = !plane || plane.steps > 254;
}

// Under the pointer

/** Where a pixel of the picture lies among the lines of a plane; null where it is outside. */
function along(pixel, start, length, n) {
  const place = ((pixel + 0.5 - start) / length) * n;
  if (place < 0 || place >= n) return null;
  const centre = Math.min(n - 1, Math.max(0, place - 0.5));
  const before = Math.floor(centre + 1e-9);
  const weight = Math.max(0, centre - before);
  const after = weight > 1e-9 ? Math.min(n - 1, before + 1) : before;
  return { within: Math.floor(place), before, after, weight };
}

function placesIn(plane, size, [x, y]) {
  const [left, top, width, height] = plane.place ?? [0, 0, size[0], size[1]];
  const [column, row] = [along(x, left, width, plane.width), along(y, top, height, plane.height)];
  return column && row ? [column, row] : null;
}

/** The number of the pixel that a pixel of the picture lies in: classes are not mixed. */
function numberAt(plane, size, cursor) {
  const places = placesIn(plane, size, cursor);
  return places ? plane.numbers[places[1].within * plane.width + places[0].within] : NONE;
}

/** The value between the four pixels around, as maps are brought to the size of the picture. */
function valueAt(plane, size, cursor) {
  const places = placesIn(plane, size, cursor);
  if (!places) return null;
  const [column, row] = places;
  const corner = (y, x) => plane.numbers[y * plane.width + x];
  const corners = [row.before, row.after].map((y) => [corner(y, column.before), corner(y, column.after)]);
  if (corners.flat().includes(NONE)) return null;
  const [above, below] = corners.map(([before, after]) => before + (after - before) * column.weight);
  return ((above + (below - above) * row.weight) / HIGHEST) * plane.bound;
}

function readAt(stage, cursor) {
  const { values, size } = stage;
  const parts = [];
  const className = (id) => page.classes[id]?.name ?? `class ${id}`;
  if (values?.classes) {
    const id = numberAt(values.classes, size, cursor);
    parts.push(["class", id === NONE ? "none" : className(id)]);
  }
  if (values?.labels) {
    const id = numberAt(values.labels, size, cursor);
    parts.push(["label", id === NONE ? "none" : className(id)]);
  }
  for (const [name, plane] of values?.measures ?? []) {
    const value = valueAt(plane, size, cursor);
    const text = value === null ? "none" : value.toFixed(plane.steps > 254 ? 5 : 3);
    parts.push([title(name), value === null ? text : `${text} ${measureOf(name)?.unit ?? ""}`.trim()]);
  }
  return parts;
}

function showReadout() {
  const box = byId("readout");
  const cursor = view.cursor;
  const isThere = cursor && stages.some((stage) => stage.values?.measures.size || stage.values?.classes);
  byId("readout-hint").hidden = Boolean(isThere) || byId("layer-controls").hidden;
  box.hidden = !isThere;
  for (const { cross } of stages) cross.hidden = !cursor;
  if (!isThere) return;
  const rows = [element("div", {}, element("dt", {}, "position"), element("dd", {}, `${cursor[0]}, ${cursor[1]}`))];
  const [ours, theirs] = [readAt(stages[0], cursor), other ? readAt(stages[1], cursor) : []];
  ours.forEach(([name, value], i) => {
    const second = theirs.find(([also]) => also === name);
    const cells = [element("dd", { "data-value": name }, value)];
    if (other) cells.push(element("dd", { "data-other": name }, second ? second[1] : "–"));
    rows.push(element("div", {}, element("dt", {}, name), ...cells));
  });
  box.replaceChildren(...rows);
  for (const { cross } of stages) {
    cross.style.left = `${cursor[0]}px`;
    cross.style.top = `${cursor[1]}px`;
  }
}

function showLegend() {
  const box = byId("legend");
  const values = stages[0].values;
  const image = view.image;
  const shares = first.shares?.[image] ?? [];
  box.replaceChildren();
  if (view.layer === "truth") {
    const swatch = (color, text) =>
      element("li", {}, element("span", { class: "swatch", style: `background:${color}` }), text);
    box.append(swatch("#0072b2", "right"), swatch("#e69f00", "wrong"));
    return;
  }
  if (!values?.classes) return;
  const pairs = [];
  for (let i = 0; i < shares.length; i += 2) pairs.push([shares[i], shares[i + 1]]);
  pairs.sort((a, b) => b[1] - a[1]);
  for (const [id, share] of pairs) {
    const { name, color } = page.classes[id] ?? { name: `class ${id}`, color: "#888888" };
    box.append(
      element(
        "li",
        {},
        element("span", { class: "swatch", style: `background:${color}` }),
        name,
        element("span", { class: "share" }, `${short(share, 3)} %`),
      ),
    );
  }
}

function showNumbers() {
  const image = view.image;
  const rows = [];
  const add = (name, values) =>
    rows.push(element("tr", {}, element("th", { scope: "row" }, name), ...values.map((v) => element("td", {}, v))));
  const both = (of) => page.runs.map((run) => of(run));
  const className = (id) => (id === null || id === undefined ? "–" : (page.classes[id]?.name ?? `class ${id}`));
  if (!page.isMap && first.numbers.class) {
    add("class", both((run) => className(run.numbers.class?.[image])));
    if (first.labels) add("label", [className(first.labels[image]), ...(other ? [""] : [])]);
    add("class without dropout", both((run) => className(run.numbers.deterministic_class?.[image])));
  }
  for (const name of ["probability", "deterministic_probability", "calibrated_probability", "set_size", "wrong"]) {
    if (!first.numbers[name]) continue;
    const text = name === "wrong" ? "share of wrong pixels" : title(name).replace("deterministic probability", "probability without dropout");
    add(text, both((run) => short(run.numbers[name]?.[image])));
  }
  if (first.predictionSet?.[image]) {
    const ids = first.predictionSet[image].split(/[ ;,]+/).map((id) => className(Number(id)));
    add("prediction set", [ids.join(", "), ...(other ? [""] : [])]);
  }
  for (const measure of page.measures) {
    for (const column of measure.columns) {
      add(columnTitle(measure, column), both((run) => short(run.numbers[column]?.[image])));
    }
  }
  if (first.numbers.samples) add("samples", both((run) => short(run.numbers.samples?.[image])));
  byId("numbers").replaceChildren(...rows);
  byId("numbers-head").hidden = !other;
}

// Size and place

function naturalSize(stage) {
  const image = view.image;
  const run = stage.run;
  const [width, height] = [run.numbers.width?.[image], run.numbers.height?.[image]];
  if (width && height) return [width, height];
  const plane = stage.values?.classes ?? [...(stage.values?.measures.values() ?? [])][0];
  return plane ? [plane.width, plane.height] : [1, 1];
}

function fitted(stage) {
  const box = stage.root.getBoundingClientRect();
  return Math.min(box.width / stage.size[0], box.height / stage.size[1]);
}

function move() {
  for (const stage of stages) {
    const box = stage.root.getBoundingClientRect();
    const scale = fitted(stage) * view.zoom;
    const [width, height] = [stage.size[0] * scale, stage.size[1] * scale];
    const left = (box.width - width) / 2 + view.x * box.width;
    const top = (box.height - height) / 2 + view.y * box.height;
    stage.sheet.style.width = `${stage.size[0]}px`;
    stage.sheet.style.height = `${stage.size[1]}px`;
    stage.sheet.style.transform = `translate(${left}px, ${top}px) scale(${scale})`;
    stage.sheet.classList.toggle("pixels", scale >= 2);
    stage.cross.style.setProperty("--pixel", String(1 / scale));
  }
  byId("zoom-value").textContent = `${Math.round(100 * fitted(stages[0]) * view.zoom)} %`;
}

function zoomBy(factor, point) {
  const before = view.zoom;
  view.zoom = Math.min(64, Math.max(1, view.zoom * factor));
  const by = view.zoom / before;
  const box = stages[0].root.getBoundingClientRect();
  const [x, y] = point ?? [0, 0];
  view.x = x / box.width - (x / box.width - view.x) * by;
  view.y = y / box.height - (y / box.height - view.y) * by;
  keepInside();
  move();
}

function keepInside() {
  const most = Math.max(0, (view.zoom - 1) / 2 + 0.2 * Math.min(1, view.zoom - 1));
  view.x = Math.min(most, Math.max(-most, view.x));
  view.y = Math.min(most, Math.max(-most, view.y));
}

function fit() {
  Object.assign(view, { zoom: 1, x: 0, y: 0 });
  move();
}

function pixelAt(stage, event) {
  const box = stage.sheet.getBoundingClientRect();
  const x = Math.floor(((event.clientX - box.left) / box.width) * stage.size[0]);
  const y = Math.floor(((event.clientY - box.top) / box.height) * stage.size[1]);
  const isInside = x >= 0 && y >= 0 && x < stage.size[0] && y < stage.size[1];
  return isInside ? [x, y] : null;
}

function listenTo(stage) {
  const pointers = new Map();
  const fromMiddle = (event) => {
    const box = stage.root.getBoundingClientRect();
    return [event.clientX - box.left - box.width / 2, event.clientY - box.top - box.height / 2];
  };
  stage.root.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoomBy(Math.exp(-event.deltaY * 0.0015), fromMiddle(event));
  });
  stage.root.addEventListener("dblclick", (event) => {
    if (view.zoom > 1) fit();
    else zoomBy(3, fromMiddle(event));
  });
  stage.root.addEventListener("pointerdown", (event) => {
    pointers.set(event.pointerId, event);
    stage.root.setPointerCapture(event.pointerId);
    view.cursor = pixelAt(stage, event);
    showReadout();
  });
  stage.root.addEventListener("pointermove", (event) => {
    const before = pointers.get(event.pointerId);
    if (!before) {
      view.cursor = pixelAt(stage, event);
      showReadout();
      return;
    }
    const others = [...pointers.values()].filter((one) => one.pointerId !== event.pointerId);
    pointers.set(event.pointerId, event);
    const box = stage.root.getBoundingClientRect();
    if (others.length) {
      const apart = (one) => Math.hypot(one.clientX - others[0].clientX, one.clientY - others[0].clientY);
      if (apart(before) > 0) zoomBy(apart(event) / apart(before), fromMiddle(event));
      return;
    }
    view.x += (event.clientX - before.clientX) / box.width;
    view.y += (event.clientY - before.clientY) / box.height;
    keepInside();
    move();
  });
  const end = (event) => pointers.delete(event.pointerId);
  stage.root.addEventListener("pointerup", end);
  stage.root.addEventListener("pointercancel", end);
  stage.root.addEventListener("pointerleave", () => {
    if (pointers.size) return;
    view.cursor = null;
    showReadout();
  });
}

// Opening

async function openImage(image) {
  view.image = image;
  view.cursor = null;
  const name = page.paths[image];
  const place = shown.indexOf(image);
  byId("viewer-name").textContent = name;
  byId("viewer-place").textContent = place < 0 ? "" : `${(place + 1).toLocaleString("en")} of ${shown.length.toLocaleString("en")}`;
  byId("previous").disabled = place <= 0;
  byId("next").disabled = place < 0 || place + 1 >= shown.length;
  byId("error").textContent = first.errors[image] ?? "";
  byId("error").hidden = !(image in first.errors);
  if (!viewer.open) {
    viewer.showModal();
    stages[0].root.focus({ preventScroll: true });
  }
  Object.assign(view, { zoom: 1, x: 0, y: 0 });
  showNumbers();
  for (const stage of stages) {
    stage.values = null;
    stage.layer.hidden = stage.marks.hidden = true;
    stage.size = naturalSize(stage);
    const source = pictureAddress(stage.run, "images", image);
    stage.picture.hidden = !source;
    stage.picture.alt = source ? `picture of ${name}` : "";
    if (source) stage.picture.src = source;
    else stage.picture.removeAttribute("src");
    stage.root.setAttribute("aria-label", `${name}; Shift and arrow keys move the pointer`);
  }
  move();
  viewer.dataset.ready = "";
  const values = await Promise.all(page.runs.map((run) => valuesOf(run, image)));
  if (view.image !== image) return;
  stages.forEach((stage, i) => {
    stage.values = values[i];
    stage.size = naturalSize(stage);
    const isGone = other && i > 0 && stage.run.data[image] === "-";
    const hasNothing = stage.picture.hidden && !values[i].classes && !values[i].measures.size;
    const noPlace = [...values[i].measures.values()].some((plane) => !plane.place);
    const said =
      values[i].problem ??
      (isGone ? "not in this run" : null) ??
      (hasNothing && !(image in first.errors) ? "neither the picture nor its maps are here" : null) ??
      (stage.picture.hidden && !(image in first.errors) ? "the picture is not here, its maps are" : null) ??
      (noPlace ? "where the maps lie on the picture is not known: the network saw a part of it" : null);
    stage.problem.textContent = said ?? "";
    stage.problem.hidden = !said;
  });
  showLayers();
  move();
  draw();
  viewer.dataset.ready = name;
  for (const step of [1, -1]) {
    const next = shown[place + step];
    const source = place >= 0 && next !== undefined && pictureAddress(first, "images", next);
    if (source) new Image().src = source;
  }
}

function step(by) {
  const place = shown.indexOf(view.image) + by;
  if (place < 0 || place >= shown.length) return;
  history.replaceState(null, "", `#image=${encodeURIComponent(page.paths[shown[place]])}`);
  openImage(shown[place]);
}

function moveCursor(dx, dy) {
  const [width, height] = stages[0].size;
  const [x, y] = view.cursor ?? [Math.floor(width / 2) - dx, Math.floor(height / 2) - dy];
  view.cursor = [Math.min(width - 1, Math.max(0, x + dx)), Math.min(height - 1, Math.max(0, y + dy))];
  showReadout();
}

function viewerKey(event) {
  const isRange = event.target.type === "range" || event.target.type === "radio";
  const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const arrow = arrows[event.key];
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (arrow && event.shiftKey && !isRange) moveCursor(...arrow);
  else if (arrow && !isRange && arrow[0]) step(arrow[0]);
  else if (event.key === "+" || event.key === "=") zoomBy(1.5);
  else if (event.key === "-") zoomBy(1 / 1.5);
  else if (event.key === "0") fit();
  else if (event.key === "t" && !byId("threshold-controls").hidden) {
    view.marks = !view.marks;
    draw();
  } else if (/^[1-9]$/.test(event.key)) {
    const layer = layers()[Number(event.key) - 1];
    if (layer) chooseLayer(layer.key);
  } else return;
  event.preventDefault();
}
