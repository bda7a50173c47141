// The picture: the stations of a request, the providers that are asked, and the way back.

import {byId, drawn} from "./dom.js";
import {placesFor} from "./places.js";

const SIGNS = {
  good: "M -7 0.5 L -2 5.5 L 7.5 -5.5",
  bad: "M -6 -6 L 6 6 M 6 -6 L -6 6",
  open: "M 0 -6 V 2 M 0 6 V 6.5",
  note: "M -5 0 H 5",
};
const WORST = ["note", "good", "open", "bad"]; // the last of these is what a station shows

export class Picture {
  constructor(stage) {
    this.stations = stage.stations;
    this.providers = stage.providers.map(({name}) => name);
    this.box = byId("picture");
    this.story = null;
    this.upTo = 0;
    this.draw();
    new ResizeObserver(() => this.box.clientWidth !== this.drawnFor && this.draw()).observe(this.box);
  }

  draw() {
    this.drawnFor = this.box.clientWidth;
    const places = (this.places = placesFor(this.drawnFor, this.stations, this.providers));
    const [width, height] = places.size;
    this.nodes = Object.fromEntries(this.stations.map((station) => [station.name, this.station(station)]));
    this.boxes = Object.fromEntries(places.providers.map((box) => [box.name, this.provider(box)]));
    this.pulse = drawn("circle", {class: "pulse", r: 7});
    this.backLine = drawn("path", {class: "back"});
    this.backText = drawn("text", {class: "back-text"});
    this.title = drawn("title", {id: "picture-title"}, "The way of the request");
    const svg = drawn(
      "svg",
      {
        viewBox: `0 0 ${width} ${height}`,
        role: "img",
        "aria-labelledby": "picture-title",
        class: places.kind,
      },
      this.title,
      drawn("rect", {class: "gateway", rx: 14, ...places.gateway}),
      drawn("text", {class: "gateway-label", ...places.label}, "GATEWAY"),
      drawn("path", {class: "road", d: places.road}),
      (this.travelled = drawn("path", {class: "road done"})),
      this.backLine,
      Object.values(this.boxes).map(({group}) => group),
      Object.values(this.nodes).map(({group}) => group),
      this.pulse,
      this.backText,
    );
    this.box.replaceChildren(svg);
    this.show(this.story, this.upTo);
  }

  station({name, title}) {
    const {at, radius, text} = this.places;
    const where = text(at[name]);
    const sign = drawn("path", {class: "sign", transform: `translate(${at[name].x} ${at[name].y})`});
    const label = drawn("text", {class: "label", x: where.x, y: where.y, "text-anchor": where.anchor}, title);
    const more = drawn("text", {class: "more", x: where.x, y: where.y + 17, "text-anchor": where.anchor});
    const group = drawn(
      "g",
      {class: "station", "data-station": name},
      drawn("circle", {cx: at[name].x, cy: at[name].y, r: radius}),
      sign,
      label,
      more,
    );
    return {group, sign, more};
  }

  provider(box) {
    const call = drawn("text", {class: "call", x: box.x + 14, y: box.y + 44});
    const took = drawn("text", {
      class: "call",
      x: box.x + box.width - 10,
      y: box.y + 24,
      "text-anchor": "end",
    });
    const group = drawn(
      "g",
      {class: "provider", "data-provider": box.name},
      drawn("path", {class: "wire", d: this.places.call(box)}),
      drawn("rect", {rx: 10, x: box.x, y: box.y, width: box.width, height: box.height}),
      drawn(
        "text",
        {class: "label", x: box.x + 14, y: box.y + 24},
        this.places.kind === "wide" ? `provider ${box.name}` : box.name,
      ),
      call,
      took,
    );
    return {group, call, took};
  }

  // What is known after the first `upTo` steps of the story.
  show(story, upTo) {
    this.story = story;
    this.upTo = upTo;
    const steps = (story?.steps ?? []).slice(0, upTo);
    const isOver = story !== null && upTo >= story.steps.length;
    for (const {name} of this.stations)
      this.mark(
        name,
        steps.filter((step) => step.station === name),
        isOver,
      );
    this.current(steps.at(-1), isOver);
    this.calls(steps);
    this.wayBack(isOver);
  }

  mark(name, steps, isOver) {
    const {group, sign, more} = this.nodes[name];
    const worst = WORST.findLast((mark) => steps.some((step) => step.mark === mark));
    const state = worst ?? (isOver ? "skipped" : "waiting");
    group.setAttribute("data-state", name === "client" && worst ? "good" : state);
    sign.setAttribute("d", name === "client" && worst ? SIGNS.good : (SIGNS[state] ?? ""));
    more.textContent = steps.length
      ? summary(name, steps)
      : name === "consumer" && isOver && !this.story.refused_at
        ? "not mapped"
        : "";
  }

  current(step, isOver) {
    const {at, kind} = this.places;
    const where = step ? at[step.station] : at.client;
    const furthest = this.stations.findLast(
      ({name}) =>
        this.nodes[name].group.dataset.state !== "waiting" &&
        this.nodes[name].group.dataset.state !== "skipped",
    );
    const end = furthest ? at[furthest.name] : at.client;
    const along = kind === "wide" ? `H ${end.x}` : `V ${end.y}`;
    this.travelled.setAttribute("d", `M ${at.client.x} ${at.client.y} ${along}`);
    this.pulse.setAttribute("transform", `translate(${where.x} ${where.y})`);
    this.pulse.classList.toggle("shown", Boolean(step) && !isOver);
    for (const [name, {group}] of Object.entries(this.nodes))
      group.classList.toggle("current", step?.station === name);
  }

  calls(steps) {
    const isWide = this.places.kind === "wide";
    for (const [name, {group, call, took}] of Object.entries(this.boxes)) {
      const made = steps.map((step) => step.call).filter((one) => one?.provider === name);
      const last = made.at(-1);
      group.setAttribute("data-state", last ? (last.status === 200 ? "good" : "bad") : "waiting");
      const times = made.length > 1 ? ` ×${made.length}` : "";
      const time = last ? `${last.milliseconds} ms` : "";
      const what = last ? `${last.path} ${last.status || "failed"}${times}` : "not asked";
      call.textContent = isWide && last ? `${last.method} ${what} · ${time}` : what;
      took.textContent = isWide ? "" : time;
    }
  }

  wayBack(isOver) {
    const {at, back, backText} = this.places;
    const story = this.story;
    const from = story?.refused_at || "upstream";
    const where = backText(at[from]);
    this.backLine.setAttribute("d", isOver ? back(at[from]) : "");
    this.backText.textContent = isOver ? `${story.status} ${story.reason.replaceAll("_", " ")}` : "";
    for (const one of [this.backLine, this.backText]) one.setAttribute("data-outcome", story?.outcome ?? "");
    for (const [name, value] of Object.entries({x: where.x, y: where.y, "text-anchor": where.anchor}))
      this.backText.setAttribute(name, value);
    this.title.textContent = isOver
      ? described(story, this.stations)
      : "The way of the request: from the client through the gateway to the upstream application";
  }
}

// A few words below a station.
function summary(name, steps) {
  const good = steps.filter(({mark}) => mark === "good").length;
  const stages = new Set(steps.map(({stage}) => stage));
  if (steps.some(({mark}) => mark === "bad")) return name === "upstream" ? "refused it" : "refused";
  const told = {
    extract: () =>
      `${steps.filter(({stage, mark}) => stage === "classified" && mark === "good").length || "no"} token${steps.filter(({stage}) => stage === "classified").length === 1 ? "" : "s"}`,
    verify: () =>
      stages.has("introspection")
        ? stages.has("signature")
          ? "both ways"
          : "introspected"
        : good
          ? "signature"
          : "not checked",
    checks: () => `${good} passed`,
    consumer: () => (good ? "found" : "nobody"),
    resign: () => "signed anew",
    rewrite: () => "headers",
    upstream: () => "verified it",
  };
  return told[name]?.() ?? "";
}

function described(story, stations) {
  const title = (name) => stations.find((station) => station.name === name).title;
  return story.refused_at
    ? `The request was refused at ${title(story.refused_at)}, with ${story.status} ${story.reason}.`
    : `The request passed every station of the gateway and reached the upstream application, which answered ${story.status}.`;
}
