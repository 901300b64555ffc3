// The layout: dagre lays out each group of connected boxes, and the groups are packed into the width of the page.

const BOX_WIDTH = 196;
const BOX_HEIGHT = 46;

// The groups of boxes that arrows connect, in the order of their first boxes.
function connectedGroups(ids, edges) {
  const near = new Map(ids.map((id) => [id, []]));
  for (const [source, target] of edges) {
    near.get(source).push(target);
    near.get(target).push(source);
  }
  const groups = [];
  const seen = new Set();
  for (const id of ids) {
    if (seen.has(id)) continue;
    seen.add(id);
    const group = [id];
    for (const each of group) {
      for (const other of near.get(each)) {
        if (seen.has(other)) continue;
        seen.add(other);
        group.push(other);
      }
    }
    groups.push(group);
  }
  return groups;
}

// dagre ends an arrow anywhere at a box. Here it ends in the middle of a side.
function atSides(points, source, target) {
  const side = (box, other) => ({ x: box.x + (other.x >= box.x ? BOX_WIDTH : -BOX_WIDTH) / 2, y: box.y });
  // Of the points between, every second one is in a column of boxes, where the arrow passes straight.
  const sign = target.x >= source.x ? 1 : -1;
  const straight = ({ x, y }) => [{ x: x - (sign * BOX_WIDTH) / 2, y }, { x: x + (sign * BOX_WIDTH) / 2, y }];
  const between = points.slice(1, -1).filter((_, n) => n % 2 === 1);
  return [side(source, target), ...between.flatMap(straight), side(target, source)];
}

function laidOut(ids, edges) {
  const graph = new dagre.graphlib.Graph({ multigraph: true });
  graph.setGraph({ rankdir: "LR", nodesep: 14, edgesep: 10, ranksep: 46 });
  for (const id of ids) graph.setNode(id, { width: BOX_WIDTH, height: BOX_HEIGHT });
  for (const [source, target, kind] of edges) graph.setEdge(source, target, {}, kind);
  dagre.layout(graph);
  const { width, height } = graph.graph();
  const corner = ({ x, y }) => ({ x: x - BOX_WIDTH / 2, y: y - BOX_HEIGHT / 2 });
  return {
    boxes: new Map(ids.map((id) => [id, corner(graph.node(id))])),
    arrows: edges.map(([source, target, kind]) => atSides(graph.edge(source, target, kind).points, graph.node(source), graph.node(target))),
    edges, width, height,
  };
}

class Layout {
  constructor() {
    this.order = new Map();
    this.groups = new Map();
    this.width = 0;
  }

  // Lay out the boxes and arrows. Groups that have not changed keep their place, unless the width has changed.
  update(ids, edges, width) {
    for (const id of ids) if (!this.order.has(id)) this.order.set(id, this.order.size);
    const present = new Set(ids);
    for (const id of this.order.keys()) if (!present.has(id)) this.order.delete(id);
    const before = width === this.width ? this.groups : new Map();
    this.groups = new Map();
    this.width = width;
    // Earlier boxes come first, so that dagre keeps their order.
    const sorted = [...ids].sort((a, b) => this.order.get(a) - this.order.get(b));
    const inGroup = new Map();
    const groups = connectedGroups(sorted, edges);
    groups.forEach((group, n) => group.forEach((id) => inGroup.set(id, n)));
    const edgesOf = groups.map(() => []);
    for (const edge of edges) edgesOf[inGroup.get(edge[0])].push(edge);
    groups.forEach((group, n) => this.addGroup(group.sort((a, b) => this.order.get(a) - this.order.get(b)), edgesOf[n], before));
    return { ...placeAll([...this.groups.values()], width), ...this.drawing() };
  }

  addGroup(ids, edges, before) {
    const key = JSON.stringify([ids, edges]);
    const known = before.get(key);
    if (known) return this.groups.set(key, known);
    const fresh = laidOut(ids, edges);
    // The place of the group that had the first of these boxes.
    for (const old of before.values()) if (old.boxes.has(ids[0])) fresh.wanted = { x: old.x, y: old.y };
    return this.groups.set(key, fresh);
  }

  drawing() {
    const boxes = new Map();
    const arrows = [];
    for (const group of this.groups.values()) {
      for (const [id, { x, y }] of group.boxes) boxes.set(id, { x: group.x + x, y: group.y + y });
      group.arrows.forEach((points, n) => {
        arrows.push({ edge: group.edges[n], points: points.map(({ x, y }) => ({ x: group.x + x, y: group.y + y })) });
      });
    }
    return { boxes, arrows };
  }
}
