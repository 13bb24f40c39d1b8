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
