// Plays a story step by step; without motion, where people want none, it is all there at once.

import {byId} from "./dom.js";

const PACE = 170; // milliseconds between two steps,
const LONGEST = 3000; // unless a story would take longer than this
const still = matchMedia("(prefers-reduced-motion: reduce)");

export class Player {
  // `show(upTo)` draws the first steps; `end()` is called when all are there.
  constructor(show, end) {
    this.show = show;
    this.end = end;
    this.timer = 0;
    this.range = byId("moment");
    this.range.addEventListener("input", () => this.jump(Number(this.range.value)));
    byId("replay").addEventListener("click", () => this.play());
  }

  open(steps) {
    this.steps = steps;
    this.range.max = steps.length;
    this.range.disabled = byId("replay").disabled = false;
    this.play();
  }

  close() {
    clearTimeout(this.timer);
    this.steps = [];
    this.range.disabled = byId("replay").disabled = true;
    byId("count").textContent = "";
  }

  play() {
    this.jump(still.matches ? this.steps.length : 1);
    const pace = Math.min(PACE, LONGEST / this.steps.length);
    const next = () => {
      const upTo = Number(this.range.value) + 1;
      if (upTo > this.steps.length) return;
      this.at(upTo);
      this.timer = setTimeout(next, pace);
    };
    this.timer = setTimeout(next, pace);
  }

  jump(upTo) {
    clearTimeout(this.timer);
    this.at(upTo);
  }

  at(upTo) {
    this.range.value = upTo;
    this.range.setAttribute(
      "aria-valuetext",
      upTo ? `${upTo} of ${this.steps.length}: ${this.steps[upTo - 1].text}` : "the start",
    );
    byId("count").textContent = `${upTo} / ${this.steps.length}`;
    this.show(upTo);
    if (upTo === this.steps.length) this.end();
  }
}
