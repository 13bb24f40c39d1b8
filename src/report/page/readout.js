// What is said of an image: values under the pointer, classes, numbers.

/** Where a pixel of the picture lies among the lines of a plane; null where it is outside. */
function along(pixel, start, length, n) {
  const place = ((pixel + 0.5 - start) / length) * n;
  if (place < 0 || place >= n) return null;
  const center = Math.min(n - 1, Math.max(0, place - 0.5));
  const before = Math.floor(center + 1e-9);
  const weight = Math.max(0, center - before);
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
  const corner = (y, x) => {
    const number = plane.numbers[y * plane.width + x];
    return number === NONE ? null : valueAtPlace(plane, number / HIGHEST);
  };
  const corners = [row.before, row.after].map((y) => [corner(y, column.before), corner(y, column.after)]);
  if (corners.flat().includes(null)) return null;
  const [above, below] = corners.map(([before, after]) => before + (after - before) * column.weight);
  return above + (below - above) * row.weight;
}

/** A value of a plane with the digits that are known. */
function planeText(plane, quantity, value) {
  if (!quantity.isBounded) return short(value, quantity.isSigned ? 4 : 3);
  const length = plane.bound - plane.low;
  const above = Math.min(1, placeOf(plane, value) + 1 / plane.steps);
  const step = hasSquareRoot(plane) ? valueAtPlace(plane, above) - value : length / plane.steps;
  // Steps of the square root are tiny beside 0.
  const digits = Math.ceil(-Math.log10(Math.max(step, length / HIGHEST)));
  return value.toFixed(Math.min(20, Math.max(0, digits)));
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
  if (page.hasSeveral && values?.measures.size) {
    const held = heldAt(values, size, cursor);
    parts.push(["labels", held.length ? held.join(", ") : "none"]);
  }
  for (const quantity of page.quantities) {
    const plane = quantity.channel === view.channel && values?.measures.get(quantity.name);
    if (!plane) continue;
    const value = valueAt(plane, size, cursor);
    if (value === null) {
      parts.push([title(quantity.measure), "none"]);
      continue;
    }
    const std = quantity.role === "prediction" && values.measures.get(ofRole("std", quantity.channel)?.name);
    const text = std ? plusMinus(value, valueAt(std, size, cursor)) : planeText(plane, quantity, value);
    parts.push([title(quantity.measure), withUnit(text, quantity.unit)]);
  }
  return parts;
}

/** The names of the labels that a pixel has. */
function heldAt(values, size, cursor) {
  const held = [];
  for (const { name, role, channel } of page.quantities) {
    const plane = role === "prediction" && channel !== null && values.measures.get(name);
    if (plane && valueAt(plane, size, cursor) >= page.threshold) held.push(channelName(channel));
  }
  return held;
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
  if (!values?.classes && !page.hasSeveral) return;
  const pairs = [];
  for (let i = 0; i < shares.length; i += 2) pairs.push([shares[i], shares[i + 1]]);
  pairs.sort((a, b) => b[1] - a[1]);
  for (const [id, share] of pairs) {
    const { name, color } = page.classes[id] ?? { name: `class ${id}`, color: "#888888" };
    box.append(
      element(
        "li",
        {},
        page.hasSeveral ? null : element("span", { class: "swatch", style: `background:${color}` }),
        name,
        element("span", { class: "share" }, `${short(share, 3)} %`),
      ),
    );
  }
}

const DETERMINISTIC = "deterministic_";

/** Adds the interval of a value, and what the pass without dropout says. */
function addPrediction(add, image, quantity) {
  const prefix = prefixOf(quantity);
  const both = (of) => page.runs.map((run) => of(run));
  if (first.numbers[`${prefix}interval_low`]) {
    const name = page.interval ? `interval of ${short(100 * page.interval, 4)} %` : "interval";
    add(name, both((run) => withUnit(intervalText(run, image, prefix), quantity.unit)));
  }
  const start = prefix + DETERMINISTIC;
  for (const column of Object.keys(first.numbers).filter((name) => name.startsWith(start))) {
    const text = `${title(column.slice(start.length))} without dropout`;
    add(text, both((run) => withUnit(short(run.numbers[column]?.[image]), quantity.unit)));
  }
}

/** The likely labels of the image; choosing one shows its maps and numbers. */
function showChips() {
  const box = byId("chips");
  const labels = page.isMap ? [] : labelsOf(first, view.image);
  box.hidden = labels.length === 0;
  box.replaceChildren(
    ...labels.map((label) => {
      const isChosen = label.id === view.channel;
      const choose = () => chooseChannel(isChosen ? firstChannel : label.id);
      return element("button", { type: "button", class: "chip-button", "aria-pressed": String(isChosen), onclick: choose }, chip(label));
    }),
  );
}

function showNumbers() {
  showChips();
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
  const ofClasses = page.hasSeveral ? [] : ["probability", "deterministic_probability"];
  for (const name of [...ofClasses, "calibrated_probability", "set_size", "wrong"]) {
    if (!first.numbers[name]) continue;
    const text = name === "wrong" ? "share of wrong pixels" : title(name).replace("deterministic probability", "probability without dropout");
    add(text, both((run) => short(run.numbers[name]?.[image])));
  }
  if (first.predictionSet?.[image]) {
    const ids = first.predictionSet[image].split(/[ ;,]+/).map((id) => className(Number(id)));
    add("prediction set", [ids.join(", "), ...(other ? [""] : [])]);
  }
  for (const quantity of page.quantities.filter(({ channel }) => channel === view.channel)) {
    const { unit, role, columns } = quantity;
    for (const column of columns) {
      const isValue = role === "prediction" && column === quantity.name;
      const text = (run) => (isValue ? valueText(run, image, quantity) : withUnit(short(run.numbers[column]?.[image]), unit));
      add(columnTitle(quantity, column), both((run) => (image in run.errors ? "–" : text(run))));
    }
    if (role === "prediction") addPrediction(add, image, quantity);
  }
  if (first.numbers.samples) add("samples", both((run) => short(run.numbers.samples?.[image])));
  byId("numbers").replaceChildren(...rows);
  byId("numbers-head").hidden = !other;
}
