// Before and after: the headers and the tokens, as the client sent them and as the upstream got them.

import {byId, element} from "./dom.js";

const TITLES = {access_token: "Access token", channel_token: "Channel token"};
const FATES = {removed: "taken out", written: "new", kept: ""};
const CHANGES = {added: "added", removed: "removed", changed: "changed", same: "", only: ""};

export function showSides(story) {
  const {before, after} = story.headers;
  byId("sides").replaceChildren(
    element("h4", {}, "Headers"),
    element(
      "div",
      {class: "two"},
      headers("The client sent", before),
      after
        ? headers("The upstream got", after)
        : nothing("The upstream got", "Nothing: the request did not get there."),
    ),
    ...story.tokens.flatMap(token),
  );
}

function headers(title, rows) {
  const list = rows.map(({name, value, fate}) =>
    element(
      "div",
      {class: `header ${fate}`},
      element("dt", {}, name, FATES[fate] && element("span", {class: "fate"}, FATES[fate])),
      element("dd", {class: "code"}, value),
    ),
  );
  return element(
    "div",
    {},
    element("p", {class: "side-title"}, title),
    rows.length
      ? element("dl", {class: "headers"}, list)
      : element("p", {class: "note"}, "No headers of interest."),
  );
}

function nothing(title, text) {
  return element(
    "div",
    {class: "nothing"},
    element("p", {class: "side-title"}, title),
    element("p", {class: "note"}, text),
  );
}

function token(one) {
  const rows = one.claims.map(({name, before, after, change}) =>
    element(
      "tr",
      {class: change},
      element(
        "th",
        {scope: "row"},
        name,
        CHANGES[change] && element("span", {class: "fate"}, CHANGES[change]),
      ),
      element("td", {class: "code"}, before ?? ""),
      one.after && element("td", {class: "code"}, after ?? ""),
    ),
  );
  const was = one.introspected
    ? "opaque; the provider told"
    : one.opaque
      ? "opaque"
      : `JWT ${words(one.before.header)}`;
  const is = one.after && (one.after.verified ? `JWT ${words(one.after.header)}` : `refused: ${one.problem}`);
  const head = element(
    "tr",
    {},
    element("th", {scope: "col"}, "Claim"),
    element("th", {scope: "col"}, "Before", element("span", {class: "kind"}, was)),
    one.after &&
      element(
        "th",
        {scope: "col"},
        "After",
        element("span", {class: one.after.verified ? "kind" : "kind bad"}, is),
      ),
  );
  return [
    element("h4", {}, TITLES[one.slot]),
    one.before.is_known
      ? element(
          "div",
          {
            class: "scroll",
            role: "region",
            tabindex: 0,
            "aria-label": `${TITLES[one.slot]}, before and after`,
          },
          element("table", {}, element("thead", {}, head), element("tbody", {}, rows)),
        )
      : element("p", {class: "note"}, "An opaque token: only its provider knows what is in it."),
  ];
}

function words(header) {
  const shown = header
    .filter(({name}) => name === "alg" || name === "kid")
    .map(({name, value}) => {
      const text = String(value).replaceAll('"', "");
      return name === "alg" ? text : `kid ${text.length > 12 ? `${text.slice(0, 8)}…` : text}`;
    });
  return shown.join(", ");
}
