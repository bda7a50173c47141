// The page: a scenario is opened, something is changed, the request is sent, and its story is shown.

import {ask} from "./ask.js";
import {showCards} from "./cards.js";
import {byId, element, say} from "./dom.js";
import {Picture} from "./picture.js";
import {Player} from "./player.js";
import {Policy} from "./policy.js";
import {showSides} from "./sides.js";
import {listSteps, showSteps} from "./steps.js";
import {startTheme} from "./theme.js";
import {showNothing, showVerdict} from "./verdict.js";
import {World} from "./world.js";

const narrow = matchMedia("(max-width: 64rem)"); // the story is below the request there
const still = matchMedia("(prefers-reduced-motion: reduce)");

let stage, policy, picture, player, world;
let cards = [],
  scenario = "",
  story = null,
  sending = 0;

// Runs what a button does, says what came of it, and sends the request again if that is wished.
async function act(task, {quiet = false} = {}) {
  try {
    const said = await task();
    if (said) say(said);
    if (byId("again").checked && !quiet) await send();
  } catch (problem) {
    complain(problem);
  }
}

function complain(problem) {
  if (problem.problems?.length) {
    policy.show(problem.problems);
    byId("request-problem").textContent = "The settings can't be used: see what is wrong with them below.";
  } else {
    byId("request-problem").textContent = problem.message;
  }
}

async function send() {
  const turn = ++sending;
  byId("request-problem").textContent = "";
  byId("announced").textContent = ""; // or the same outcome again would not be read out
  delete document.body.dataset.story;
  const headers = [...(await Promise.all(cards.map((card) => card.ready()))).flat(), ...moreHeaders()];
  const told = await ask("send", {
    settings: policy.text,
    method: byId("method").value,
    path: byId("path").value,
    headers,
  });
  if (turn !== sending) return; // somebody was faster
  story = told;
  listSteps(story, stage.stations);
  showNothing("On its way…");
  byId("sides").replaceChildren();
  player.open(story.steps);
  if (narrow.matches) byId("story").scrollIntoView({behavior: still.matches ? "auto" : "smooth"});
}

function moreHeaders() {
  const lines = byId("more")
    .value.split("\n")
    .filter((line) => line.trim());
  return lines.map((line) => {
    const [name, ...rest] = line.split(":");
    return [name.trim(), rest.join(":").trim()];
  });
}

function showUpTo(upTo) {
  picture.show(story, upTo);
  showSteps(upTo);
}

function showEnd() {
  const title = showVerdict(story, stage.stations, (name) => policy.add(name));
  showSides(story);
  document.body.dataset.story = `${story.outcome} ${story.reason}`;
  const by = story.outcome === "refused" && story.option ? `, by ${story.option.name}` : "";
  byId("announced").textContent = `${title}: ${story.status} ${story.reason}${by}.`;
}

function reset() {
  sending++;
  player.close();
  story = null;
  picture.show(null, 0);
  delete document.body.dataset.story;
  byId("steps").replaceChildren();
  byId("sides").replaceChildren(
    element("p", {class: "note"}, "What the client sent, and what reached the upstream application."),
  );
  byId("steps").append(
    element("li", {class: "note"}, "Each step of the gateway, with the parameter behind it."),
  );
  byId("request-problem").textContent = "";
  showNothing("Ready. Change what you like, and send.");
}

async function open(fragment) {
  const given = await ask("open", {fragment});
  reset();
  scenario = given.scenario;
  policy.text = given.settings;
  byId("method").value = given.method;
  byId("path").value = given.path;
  byId("more").value = "";
  cards = showCards(given.tokens, stage, act);
  for (const link of byId("scenarios").querySelectorAll("a")) {
    if (link.dataset.name === scenario) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
  document.body.dataset.scenario = scenario;
}

async function share() {
  const state = {
    scenario,
    method: byId("method").value,
    path: byId("path").value,
    settings: policy.text,
    tokens: cards.map((card) => card.state()),
  };
  const {fragment, left_out: leftOut} = await ask("link", state);
  history.replaceState(null, "", `#${fragment}`);
  const without = leftOut.length ? ` Left out, as it may be secret: ${leftOut.join(", ")}.` : "";
  try {
    await navigator.clipboard.writeText(location.href);
    say(`The link is in the clipboard.${without}`);
  } catch {
    say(`The link is in the address bar.${without}`);
  }
}

function listScenarios() {
  byId("scenarios").replaceChildren(
    ...stage.scenarios.map(({name, title}, index) =>
      element(
        "li",
        {},
        element(
          "a",
          {href: `#scenario=${name}`, "data-name": name, onclick: (event) => choose(event, name)},
          element("span", {class: "number", "aria-hidden": "true"}, String(index + 1)),
          title,
        ),
      ),
    ),
  );
}

// Also where the address stays the same: whoever chooses a scenario wants it as it was.
function choose(event, name) {
  event.preventDefault();
  history.pushState(null, "", `#scenario=${name}`);
  act(() => open(`scenario=${name}`));
}

async function start() {
  startTheme();
  stage = await ask("stage");
  listScenarios();
  byId("method").replaceChildren(...stage.methods.map((method) => element("option", {}, method)));
  policy = new Policy(stage);
  picture = new Picture(stage);
  player = new Player(showUpTo, showEnd);
  world = new World(stage, policy, act);
  byId("request").addEventListener("submit", (event) => {
    event.preventDefault();
    act(send, {quiet: true});
  });
  byId("request").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) byId("request").requestSubmit();
  });
  byId("share").addEventListener("click", () => act(share, {quiet: true}));
  addEventListener("popstate", () => act(() => open(location.hash), {quiet: true}));
  await open(location.hash); // a link sends nothing by itself
  document.body.dataset.ready = "true";
}

start().catch((problem) => showNothing(problem.message, "failed"));
