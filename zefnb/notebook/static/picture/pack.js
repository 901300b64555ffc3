// Places rectangles next to each other. Those that have a place keep it, so that the picture does not jump.

const PACK_GAP = 18;

const overlaps = (a, b) =>
  a.x < b.x + b.width + PACK_GAP && b.x < a.x + a.width + PACK_GAP && a.y < b.y + b.height + PACK_GAP && b.y < a.y + a.height + PACK_GAP;

// Sets `x` and `y` of each rectangle without them: the uppermost free place within the width, then the leftmost one.
// `wanted` is tried first.
function placeAll(rectangles, width) {
  for (const rectangle of rectangles) if (rectangle.x === undefined) makeRoom(rectangle, rectangles);
  const placed = rectangles.filter(({ x }) => x !== undefined);
  for (const rectangle of rectangles) {
    if (rectangle.x !== undefined) continue;
    const free = (place) => !placed.some((other) => overlaps({ ...rectangle, ...place }, other));
    const { wanted } = rectangle;
    const place = wanted && free(wanted) ? wanted : firstFree(rectangle, placed, width, free);
    Object.assign(rectangle, { x: place.x, y: place.y });
    placed.push(rectangle);
  }
  return {
    width: Math.max(0, ...placed.map((each) => each.x + each.width)),
    height: Math.max(0, ...placed.map((each) => each.y + each.height)),
  };
}

// A rectangle that has grown stays where it is, if all those in its way have fewer boxes: these move.
function makeRoom(rectangle, rectangles) {
  const { wanted, boxes } = rectangle;
  if (!wanted) return;
  const inTheWay = rectangles.filter((other) => other.x !== undefined && overlaps({ ...rectangle, ...wanted }, other));
  if (!inTheWay.every((other) => other.boxes.size < boxes.size)) return;
  for (const other of inTheWay) other.x = other.y = undefined;
  Object.assign(rectangle, wanted);
}

function firstFree(rectangle, placed, width, free) {
  const ascending = (a, b) => a - b;
  const xs = [...new Set([0, ...placed.map((each) => each.x + each.width + PACK_GAP)])].sort(ascending);
  const ys = [...new Set([0, ...placed.map((each) => each.y + each.height + PACK_GAP)])].sort(ascending);
  for (const y of ys) {
    for (const x of xs) {
      if ((x === 0 || x + rectangle.width <= width) && free({ x, y })) return { x, y };
    }
  }
  return { x: 0, y: ys.at(-1) };
}
