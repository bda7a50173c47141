// The story as a list: the same as the picture, in words.

import {byId, element} from "./dom.js";

const WORDS = {good: "good", bad: "refused", open: "open", note: "note"};
const TOKENS = {access_token: "access", channel_token: "channel"};

export function listSteps(story, stations) {
  const titles = Object.fromEntries(stations.map(({name, title}) => [name, title]));
  const groups = [];
  story.steps.forEach((step, index) => {
    const title = step.stage === "answer" ? "Answer" : titles[step.station];
    if (groups.at(-1)?.title !== title) groups.push({title, station: step.station, items: []});
    groups.at(-1).items.push(line(step, index));
  });
  byId("steps").replaceChildren(
    ...groups.map(({title, station, items}) =>
      element(
        "li",
        {class: "at", "data-station": station},
        element("h4", {}, title),
        element("ul", {}, items),
      ),
    ),
  );
}

function line(step, index) {
  return element(
    "li",
    {class: `step ${step.aside ? "aside" : ""}`, "data-mark": step.mark, "data-index": index},
    element("span", {class: "sign"}, element("span", {class: "hidden"}, `${WORDS[step.mark]}: `)),
    element(
      "span",
      {class: "what"},
      TOKENS[step.token] && element("span", {class: `chip ${TOKENS[step.token]}`}, TOKENS[step.token]),
      step.text,
      step.milliseconds !== undefined && element("span", {class: "time"}, `${step.milliseconds} ms`),
      step.option && element("code", {class: "option"}, step.option),
    ),
  );
}

export function showSteps(upTo) {
  const items = byId("steps").querySelectorAll(".step");
  for (const item of items) {
    const index = Number(item.dataset.index);
    item.classList.toggle("later", index >= upTo);
    item.classList.toggle("current", index === upTo - 1 && upTo < items.length);
  }
  for (const group of byId("steps").children)
    group.classList.toggle("later", !group.querySelector(".step:not(.later)"));
}
