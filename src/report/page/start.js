// Wires the controls and shows the page.

function option(value, text) {
  return element("option", { value }, text);
}

function setUpToolbar() {
  const sort = byId("sort");
  const groups = new Map();
  for (const { key, text, quantity } of keys) {
    const group = hasChannels && quantity ? channelName(quantity.channel) : "";
    if (!groups.has(group)) groups.set(group, group ? element("optgroup", { label: group }) : sort);
    groups.get(group).append(option(key, text));
  }
  sort.append(...[...groups.values()].filter((group) => group !== sort));
  sort.value = chosen.key.key;
  const direction = byId("direction");
  const sayDirection = () => {
    const isName = chosen.key.key === "path";
    const words = isName ? ["Z to A", "A to Z"] : ["largest first", "smallest first"];
    direction.textContent = chosen.descending ? words[0] : words[1];
  };
  sort.addEventListener("change", () => {
    chosen.key = keys.find(({ key }) => key === sort.value);
    chosen.descending = chosen.key.key !== "path";
    sayDirection();
    update();
  });
  direction.addEventListener("click", () => {
    chosen.descending = !chosen.descending;
    sayDirection();
    update();
  });
  sayDirection();
  byId("search").addEventListener("input", (event) => {
    chosen.text = event.target.value.toLowerCase();
    update();
  });
  const choose = (id, entries, set) => {
    const select = byId(id);
    select.append(...entries.map(([value, text]) => option(value, text)));
    select.closest("label").hidden = entries.length < 2;
    select.addEventListener("change", () => {
      set(select.value);
      update();
    });
  };
  const hasClasses = first.shares || first.numbers.class || first.holding;
  byId("class-title").textContent = page.hasSeveral ? "Label" : "Class";
  const classes = hasClasses ? page.classes.map(({ name }, id) => [String(id), name]) : [];
  choose("class", classes.length ? [["", page.hasSeveral ? "any label" : "every class"], ...classes] : [], (value) => {
    chosen.class = value === "" ? null : Number(value);
  });
  const decisions = [...new Set((first.decision || []).filter(Boolean))].sort();
  choose("decision", decisions.length ? [["", "every decision"], ...decisions.map((d) => [d, title(d)])] : [], (value) => {
    chosen.decision = value || null;
  });
  const hasTruth = first.labels || first.numbers.wrong;
  const states = ["all", "predicted", "failed", ...(hasTruth ? ["wrong", "right"] : [])];
  const holds = (state) => state === "all" || page.paths.some((_, i) => STATES[state].holds(i));
  choose("state", states.filter(holds).map((state) => [state, STATES[state].text]), (value) => {
    chosen.state = value;
  });
  byId("range").addEventListener("click", () => {
    chosen.range = null;
    update();
  });
}

function setUpDistributions() {
  const select = byId("aggregation");
  const endings = Object.keys(AGGREGATIONS).filter((ending) =>
    page.quantities.some((quantity) => quantity.columns.includes(quantity.name + ending)),
  );
  select.append(...endings.map((ending) => option(ending, AGGREGATIONS[ending])));
  select.closest("label").hidden = endings.length < 2;
  select.addEventListener("change", showDistributions);
  chooseChannels("distribution-channel", showDistributions);
  showDistributions();
}

/** Fills a choice of a label or target, which is hidden if there is none. */
function chooseChannels(id, onChange) {
  const select = byId(id);
  const choices = channelChoices();
  select.append(...choices.map(([value, text]) => option(value, text)));
  select.value = String(firstChannel);
  select.closest("label").hidden = choices.length < 2;
  select.closest("label").firstChild.textContent = channelKind === "label" ? "Label " : "Target ";
  select.addEventListener("change", onChange);
}

function setUpViewer() {
  chooseChannels("viewer-channel", () => chooseChannel(channelOf(byId("viewer-channel").value)));
  // Numbers of two runs need more room.
  if (other) viewer.style.setProperty("--panel", "420px");
  byId("stages").append(...stages.map((stage) => stage.root));
  stages.forEach(listenTo);
  byId("previous").addEventListener("click", () => step(-1));
  byId("next").addEventListener("click", () => step(1));
  byId("close").addEventListener("click", () => viewer.close());
  byId("zoom-in").addEventListener("click", () => zoomBy(1.5));
  byId("zoom-out").addEventListener("click", () => zoomBy(1 / 1.5));
  byId("fit").addEventListener("click", fit);
  byId("opacity").addEventListener("input", (event) => {
    view.opacity = Number(event.target.value) / 100;
    drawSoon();
  });
  byId("threshold").addEventListener("input", (event) => {
    view.thresholds.set(view.measure, Number(event.target.value) / 1000);
    view.marks = true;
    drawSoon();
  });
  byId("marks").addEventListener("change", (event) => {
    view.marks = event.target.checked;
    draw();
  });
  viewer.addEventListener("keydown", viewerKey);
  viewer.addEventListener("close", () => {
    const image = view.image;
    view.image = null;
    if (location.hash) history.replaceState(null, "", location.pathname + location.search);
    gallery.querySelector(`[data-image="${image}"]`)?.focus({ preventScroll: true });
  });
  window.addEventListener("resize", () => {
    if (viewer.open) move();
    showCards(true);
  });
}

function followHash() {
  const named = location.hash.match(/^#image=(.*)$/);
  if (!named) {
    if (viewer.open) viewer.close();
    return;
  }
  let name = named[1];
  try {
    name = decodeURIComponent(name);
  } catch {
    // A link that somebody cut short names no image.
  }
  const image = page.paths.indexOf(name);
  if (image >= 0) openImage(image);
}

setUpToolbar();
setUpDistributions();
setUpViewer();
gallery.addEventListener("keydown", moveFocus);
window.addEventListener("scroll", showSoon, { passive: true });
window.addEventListener("hashchange", followHash);
update();
followHash();
document.documentElement.dataset.ready = "true";
