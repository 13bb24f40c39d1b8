// The threshold, and the scale that it stands on.

const shareOf = (name) => view.thresholds.get(name) ?? 0.5;

/** A place of the slider as a share of the bound; small values have room where colors give it. */
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
