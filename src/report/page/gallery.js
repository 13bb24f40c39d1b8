// The gallery: only the cards on the screen and a few beside it exist.

const hasChips = page.hasSeveral;
const CARD = { gap: 14, text: hasChips ? 102 : 50 };
/** Labels on a card. */
const MOST_CHIPS = 6;
/** Targets in the text of a card. */
const MOST_TARGETS = 3;
const BEYOND = 2;
const gallery = byId("gallery");
let cards = new Map();

/** Height of most pictures to their width: those few that differ much are cut. */
const aspect = (() => {
  const { width, height } = first.numbers;
  if (!width || !height) return 0.62;
  const known = height.map((tall, i) => tall / width[i]).filter((value) => value > 0);
  known.sort((a, b) => a - b);
  return Math.min(1.2, Math.max(0.4, known[Math.floor(known.length / 2)] ?? 0.62));
})();

function grid() {
  const width = gallery.clientWidth || 1;
  const room = width + CARD.gap;
  const least = width < 560 ? 160 : 210;
  const perCard = (other ? 2 : 1) * least + CARD.gap;
  const columns = Math.max(1, Math.floor(room / perCard));
  const card = room / columns - CARD.gap;
  const picture = Math.round((other ? card / 2 : card) * aspect);
  return { columns, card, picture, line: picture + CARD.text + CARD.gap };
}

function thumbnail(run, image) {
  const source = pictureAddress(run, "thumbnails", image);
  if (!source) {
    const text = image in run.errors ? "failed" : "no picture";
    return element("span", { class: "no-picture" }, text);
  }
  const picture = element("img", {
    "data-source": source,
    alt: "",
    decoding: "async",
  });
  if (Math.max(first.numbers.width?.[image] ?? 99, first.numbers.height?.[image] ?? 99) < 64) {
    picture.classList.add("tiny");
  }
  picture.onerror = () => {
    const text = element("span", { class: "no-picture" });
    text.textContent = "picture is missing";
    picture.replaceWith(text);
  };
  return picture;
}

function badges(image) {
  const made = [];
  const decision = first.decision?.[image];
  if (decision) made.push(element("span", { class: `badge ${decision}` }, title(decision)));
  if (first.labels && isWrong(image)) made.push(element("span", { class: "badge wrong" }, "wrong"));
  if (image in first.errors) made.push(element("span", { class: "badge failed" }, "failed"));
  return made;
}

function cardText(image) {
  if (image in first.errors) return first.errors[image];
  const parts = [];
  if (!page.isMap && first.numbers.class) {
    const name = page.classes[first.numbers.class[image]]?.name ?? "–";
    parts.push(`${name} ${short(first.numbers.probability?.[image], 3)}`);
  }
  if (!page.isMap && !page.hasSeveral) {
    const values = page.quantities.filter(({ role }) => role === "prediction").slice(0, MOST_TARGETS);
    for (const value of values) {
      const name = hasChannels ? `${channelName(value.channel)} ` : "";
      parts.push(`${name}${valueText(first, image, value)}`);
      const interval = hasChannels ? "" : intervalText(first, image, prefixOf(value));
      if (interval) parts.push(interval);
    }
  }
  const { key } = chosen;
  const isSaid = !page.isMap && !page.hasSeveral && ["prediction", "std"].includes(key.quantity?.role);
  if (key.key !== "path" && !isSaid) {
    const isNamed = hasChannels && key.quantity && key.quantity.channel !== null;
    const ofChannel = isNamed ? ` of ${channelName(key.quantity.channel)}` : "";
    // The unit of entropies is left out.
    const unit = key.quantity && !key.quantity.isBounded ? key.quantity.unit : "";
    const value = withUnit(short(key.of(image), 3), unit);
    parts.push(`${value} ${key.text.replace(/, mean$/, "")}${ofChannel}`);
  }
  return parts.join(" · ");
}

/** The likely labels of an image, those that hold highlighted. */
function chips(image) {
  const found = labelsOf(first, image).slice(0, MOST_CHIPS);
  return element("span", { class: "chips" }, ...found.map(chip));
}

function chip({ id, text, holds }) {
  const said = holds ? element("span", { class: "unseen" }, " (predicted)") : null;
  return element("span", { class: holds ? "label-chip holds" : "label-chip" }, `${channelName(id)} ${text}`, said);
}

/** The pictures of an image's card; those of the card before stay as they are. */
function pictures(image, before) {
  const shownBefore = before?.querySelector(".pictures");
  if (shownBefore) return shownBefore;
  const made = element("span", { class: "pictures" }, thumbnail(first, image));
  if (other) made.append(thumbnail(other, image));
  return made;
}

function card(image, place, size, before) {
  const name = page.paths[image];
  const left = (place % size.columns) * (size.card + CARD.gap);
  const top = Math.floor(place / size.columns) * size.line;
  return element(
    "a",
    {
      class: "card",
      href: `#image=${encodeURIComponent(name)}`,
      "data-image": image,
      style: `left:${left}px;top:${top}px;width:${size.card}px`,
      title: name,
    },
    pictures(image, before),
    element("span", { class: "card-name" }, name),
    hasChips ? chips(image) : null,
    element("span", { class: "card-text" }, cardText(image), ...badges(image)),
  );
}

/** Pictures of cards that only pass by are not loaded: those that stay are, after a moment. */
const PASSING = 80;

function loadPictures() {
  for (const picture of gallery.querySelectorAll("img[data-source]")) {
    picture.src = picture.dataset.source;
    delete picture.dataset.source;
  }
}

/** Gives up what is still being loaded for cards that are gone. */
function giveUp(gone) {
  for (const picture of gone.querySelectorAll("img")) {
    if (!picture.complete) picture.removeAttribute("src");
  }
}

let loading = 0;
function loadSoon(isScrolling) {
  clearTimeout(loading);
  if (isScrolling) loading = setTimeout(loadPictures, PASSING);
  else loadPictures();
}

/** Shows the cards that are to be seen now. */
function showCards(anew) {
  const size = grid();
  gallery.style.height = `${Math.ceil(shown.length / size.columns) * size.line}px`;
  const top = gallery.getBoundingClientRect().top;
  const from = Math.max(0, Math.floor(-top / size.line) - BEYOND) * size.columns;
  const lines = Math.ceil(window.innerHeight / size.line) + 2 * BEYOND + 1;
  const to = Math.min(shown.length, from + lines * size.columns);
  gallery.style.setProperty("--picture", `${size.picture}px`);
  const old = new Map([...cards.values()].map((one) => [Number(one.dataset.image), one]));
  const before = anew ? new Map() : cards;
  const focused = document.activeElement?.dataset?.image;
  const now = new Map();
  for (let place = from; place < to; place++) {
    const image = shown[place];
    now.set(place, before.get(place) || card(image, place, size, old.get(image)));
  }
  const isSame = !anew && before.size === now.size && [...now.keys()].every((k) => before.has(k));
  if (isSame) return;
  for (const [place, gone] of cards) if (now.get(place) !== gone) giveUp(gone);
  cards = now;
  gallery.replaceChildren(...now.values());
  loadSoon(!anew);
  if (focused) gallery.querySelector(`[data-image="${focused}"]`)?.focus({ preventScroll: true });
}

let isWaiting = false;
function showSoon() {
  if (isWaiting) return;
  isWaiting = true;
  requestAnimationFrame(() => {
    isWaiting = false;
    showCards(false);
  });
}

function update() {
  arrange();
  const all = page.paths.length;
  const [some, every] = [shown.length, all].map((count) => count.toLocaleString("en"));
  byId("count").textContent = shown.length === all ? `${every} images` : `${some} of ${every} images`;
  byId("nothing").hidden = shown.length > 0;
  showRange();
  showCards(true);
}

/** Moves between cards as between cells. */
function moveFocus(event) {
  const current = event.target.closest?.("[data-image]");
  if (!current) return;
  const { columns, line } = grid();
  const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns };
  const step = steps[event.key];
  if (!step) return;
  const place = shown.indexOf(Number(current.dataset.image)) + step;
  if (place < 0 || place >= shown.length) return;
  event.preventDefault();
  const top = gallery.getBoundingClientRect().top + Math.floor(place / columns) * line;
  if (top < 90) window.scrollBy(0, top - 90);
  if (top + line > window.innerHeight) window.scrollBy(0, top + line - window.innerHeight + 8);
  showCards(false);
  cards.get(place)?.focus({ preventScroll: true });
}
