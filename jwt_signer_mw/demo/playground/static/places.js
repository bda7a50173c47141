// Where everything is in the picture: along a line where there is room, else from top to bottom.

const WIDE = 620; // CSS pixels from which the stations fit side by side

const GATEWAY = ["extract", "verify", "checks", "consumer", "resign", "rewrite"];

export function placesFor(width, stations, providers) {
  return width >= WIDE ? wide(stations, providers) : tall(width, stations, providers);
}

function wide(stations, providers) {
  const gap = 122,
    y = 196,
    left = 52;
  const at = Object.fromEntries(stations.map(({name}, index) => [name, {x: left + index * gap, y}]));
  const end = at.rewrite.x + 54;
  return {
    kind: "wide",
    size: [958, 322],
    radius: 21,
    at,
    gateway: {x: at.extract.x - 54, y: 128, width: end - at.extract.x + 54, height: 140},
    label: {x: at.extract.x - 40, y: 149},
    text: ({x}) => ({x, y: y + 42, anchor: "middle"}),
    providers: providers.map((name, index) => ({name, x: 68 + index * 262, y: 12, width: 238, height: 58})),
    call: (box) => {
      const from = box.x + box.width / 2,
        to = at.verify;
      return `M ${from} ${box.y + box.height} C ${from} 112, ${to.x} 96, ${to.x} ${to.y - 25}`;
    },
    road: `M ${at.client.x} ${y} H ${at.upstream.x}`,
    back: ({x}) => `M ${x} ${y + 70} V 282 q 0 14 -14 14 H ${at.client.x + 14} q -14 0 -14 -14 V ${y + 70}`,
    backText: ({x}) => ({x: (x + at.client.x) / 2, y: 314, anchor: "middle"}),
  };
}

function tall(width, stations, providers) {
  const gap = 66,
    x = 62,
    top = 36;
  const at = Object.fromEntries(
    stations.map(({name}, index) => [
      name,
      {x, y: top + index * gap + (index > 0 ? 14 : 0) + (index > 6 ? 14 : 0)},
    ]),
  );
  const boxWidth = Math.min(168, width - 176),
    boxLeft = width - boxWidth - 12;
  const boxTop = at.verify.y - (providers.length * 66 - 8) / 2;
  return {
    kind: "tall",
    size: [width, at.upstream.y + 40],
    radius: 19,
    at,
    gateway: {x: 26, y: at.extract.y - 38, width: width - 28, height: GATEWAY.length * gap + 12},
    label: {x: width - 84, y: at.rewrite.y + 30},
    text: ({y}) => ({x: x + 32, y: y + 1, anchor: "start"}),
    providers: providers.map((name, index) => ({
      name,
      x: boxLeft,
      y: boxTop + index * 66,
      width: boxWidth,
      height: 58,
    })),
    call: (box) => {
      // above or below the words beside the station
      const way = box.y < at.verify.y - 29 ? -1 : 1,
        y = at.verify.y + way * 31;
      return `M ${box.x} ${y} H ${x + 36} Q ${x + 20} ${y}, ${x + 14} ${at.verify.y + way * 14}`;
    },
    road: `M ${x} ${at.client.y} V ${at.upstream.y}`,
    back: ({y}) => `M ${x - 24} ${y} H 24 q -14 0 -14 -14 V ${at.client.y + 14} q 0 -14 14 -14 H ${x - 26}`,
    backText: () => ({x: x + 32, y: at.client.y + 19, anchor: "start"}),
  };
}
