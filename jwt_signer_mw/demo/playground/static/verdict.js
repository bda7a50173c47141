// What came of the request, in the words that matter: where, why, which parameter, what to do.

import {byId, element, prose} from "./dom.js";

export function showVerdict(story, stations, onOption) {
  const box = byId("verdict");
  const [outcome, title] = headline(story, stations);
  box.dataset.outcome = outcome;
  const option = story.outcome === "refused" && story.option;
  box.replaceChildren(
    element("p", {class: "headline"}, element("span", {class: "status"}, String(story.status)), title),
    element(
      "p",
      {class: "why"},
      element("code", {}, story.reason),
      story.detail && story.detail !== story.reason && `: ${story.detail}`,
    ),
    ...(option
      ? [
          element(
            "p",
            {class: "by"},
            "by ",
            element("code", {}, option.name),
            option.value && element("span", {}, " = ", element("code", {}, option.value)),
            option.help && element("span", {class: "note"}, " ", prose(option.help)),
            " ",
            element(
              "button",
              {type: "button", class: "small", onclick: () => onOption(option.name)},
              "Go to it",
            ),
          ),
        ]
      : []),
    ...(story.hint ? [element("p", {class: "hint"}, prose(story.hint))] : []),
  );
  return title;
}

export function showNothing(text, outcome = "none") {
  const box = byId("verdict");
  box.dataset.outcome = outcome;
  box.replaceChildren(element("p", {class: "headline"}, text));
}

function headline(story, stations) {
  if (story.outcome === "refused") {
    const {title} = stations.find(({name}) => name === story.refused_at);
    return [story.status >= 500 ? "failed" : "refused", `Refused at ${title}`];
  }
  const refused = story.tokens.some(({after}) => after && !after.verified);
  if (refused) return ["doubtful", "Forwarded, but the upstream does not believe the new token"];
  if (story.outcome === "answered") return ["doubtful", "Answered by the gateway: no token was looked at"];
  if (story.outcome === "exempt") return ["doubtful", "Exempt: no token was looked at"];
  return [
    "accepted",
    story.remembered ? "Accepted, as remembered from before" : "Accepted, signed anew and forwarded",
  ];
}
