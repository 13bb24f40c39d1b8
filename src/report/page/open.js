// Opening an image, and going from one to the next.

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
