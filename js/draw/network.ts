/** Where the nodes and links of a dense network stand: geometry alone, no canvas. */

export interface Box {
  readonly x: number;
  readonly y: number;
  readonly size: number;
}

export interface Link {
  /** Layer of the destination: 0 is the first hidden one, the last is the output. */
  readonly layer: number;
  readonly from: number;
  readonly to: number;
  /** Position in the list of parameters. */
  readonly parameter: number;
  readonly x0: number;
  readonly y0: number;
  readonly x1: number;
  readonly y1: number;
}

export interface NetworkLayout {
  readonly width: number;
  readonly height: number;
  /** All features, used or not, in the order of the menu. */
  readonly features: readonly Box[];
  /** Units by layer; the last layer is the output. */
  readonly layers: readonly (readonly Box[])[];
  /** Middle of each hidden layer's column. */
  readonly columns: readonly number[];
  /** Distance between the middles of two columns. */
  readonly pitch: number;
  readonly links: readonly Link[];
}

export interface LayoutOptions {
  readonly width: number;
  readonly height: number;
  /** How many features there are to choose from, and which of them feed the network. */
  readonly featureCount: number;
  readonly used: readonly number[];
  readonly hidden: readonly number[];
  /** Left of the features, for their names. */
  readonly labelWidth: number;
  readonly largestNode: number;
  /** Height of the middle of the output. */
  readonly outputY: number;
}

const SMALLEST_NODE = 12;
/** Share of a row that its node takes. */
const FILL = 0.82;
/** Between a node and the links that enter it: there the bias has its place. */
const ENTRY = 2;
const BIAS_SIZE = 5;

export function layoutNetwork(options: LayoutOptions): NetworkLayout {
  const { width, height, featureCount, used, hidden, labelWidth, outputY } = options;
  const featureRow = height / Math.max(1, featureCount);
  const featureSize = nodeSize(featureRow, options.largestNode);
  const features = column(labelWidth, featureCount, featureRow, featureSize);

  const outputSize = Math.min(options.largestNode, height);
  const left = labelWidth + featureSize;
  const right = width - outputSize;
  const pitch = (right - left) / (hidden.length + 1);
  const most = Math.max(1, ...hidden);
  const row = Math.min(featureRow, height / most);
  // At least half of a column belongs to the links, or nobody sees them.
  const size = Math.max(SMALLEST_NODE, Math.min(nodeSize(row, options.largestNode), pitch / 2));
  const columns = hidden.map((_, layer) => left + (layer + 1) * pitch);
  const layers = hidden.map((count, layer) => column(columns[layer]! - size / 2, count, row, size));
  const output = { x: right, y: outputY - outputSize / 2, size: outputSize };
  layers.push([output]);

  const inputs = used.map((feature) => features[feature]!);
  return {
    width,
    height,
    features,
    layers,
    columns,
    pitch,
    links: connect([inputs, ...layers]),
  };
}

/** For each layer of weights its [out, in] shape and where it and its biases begin. */
export function parameterLayout(sizes: readonly number[]) {
  const layers = [];
  let weight = 0;
  for (let i = 1; i < sizes.length; i++) {
    const [inputs, outputs] = [sizes[i - 1]!, sizes[i]!];
    const bias = weight + inputs * outputs;
    layers.push({ inputs, outputs, weight, bias });
    weight = bias + outputs;
  }
  return layers;
}

/** The control points of a link's curve share its middle, so that it leaves and enters level. */
export function middle(link: Link): number {
  return (link.x0 + link.x1) / 2;
}

/** A point of a link, `t` from 0 to 1. */
export function along(link: Link, t: number): readonly [x: number, y: number] {
  const u = 1 - t;
  const [a, b, c, d] = [u * u * u, 3 * u * u * t, 3 * u * t * t, t * t * t];
  return [
    a * link.x0 + (b + c) * middle(link) + d * link.x1,
    (a + b) * link.y0 + (c + d) * link.y1,
  ];
}

const SAMPLES = 24;

/** The link nearest to a point, if one is within `reach`. */
export function linkAt(
  links: readonly Link[],
  x: number,
  y: number,
  reach: number,
): Link | undefined {
  let nearest: Link | undefined;
  let shortest = reach * reach;
  for (const link of links) {
    if (x < link.x0 - reach || x > link.x1 + reach) continue;
    if (y < Math.min(link.y0, link.y1) - reach || y > Math.max(link.y0, link.y1) + reach) continue;
    let [px, py] = [link.x0, link.y0];
    for (let i = 1; i <= SAMPLES; i++) {
      const [qx, qy] = along(link, i / SAMPLES);
      const distance = squaredDistance(x, y, px, py, qx, qy);
      if (distance < shortest) {
        shortest = distance;
        nearest = link;
      }
      [px, py] = [qx, qy];
    }
  }
  return nearest;
}

/** The mark of a unit's bias: a small square at its lower left. */
export function biasBox({ x, y, size }: Box): Box {
  return { x: x - BIAS_SIZE - 2, y: y + size - BIAS_SIZE, size: BIAS_SIZE };
}

/** The unit whose bias is marked at a point, give or take `reach`. */
export function biasAt(
  layers: NetworkLayout["layers"],
  x: number,
  y: number,
  reach: number,
): { layer: number; unit: number } | undefined {
  for (const [layer, units] of layers.entries()) {
    const unit = units.findIndex((node) => {
      const box = biasBox(node);
      const inside = (place: number, start: number) =>
        place >= start - reach && place <= start + box.size + reach;
      return inside(x, box.x) && inside(y, box.y);
    });
    if (unit >= 0) return { layer, unit };
  }
  return undefined;
}

function nodeSize(row: number, largest: number): number {
  return Math.max(SMALLEST_NODE, Math.min(largest, Math.floor(row * FILL)));
}

function column(x: number, count: number, row: number, size: number): Box[] {
  return Array.from({ length: count }, (_, i) => ({ x, y: i * row + (row - size) / 2, size }));
}

function connect(layers: readonly (readonly Box[])[]): Link[] {
  const links: Link[] = [];
  parameterLayout(layers.map((layer) => layer.length)).forEach(({ inputs, weight }, layer) => {
    layers[layer + 1]!.forEach((to, j) => {
      // Ends are spread over the side of the node, so that one can tell them apart and hit them.
      const spread = Math.min(to.size * 0.6, 3 * inputs);
      layers[layer]!.forEach((from, i) => {
        links.push({
          layer,
          from: i,
          to: j,
          parameter: weight + j * inputs + i,
          x0: from.x + from.size,
          y0: from.y + from.size / 2,
          x1: to.x - ENTRY,
          y1: to.y + to.size / 2 + ((i + 0.5) / inputs - 0.5) * spread,
        });
      });
    });
  });
  return links;
}

function squaredDistance(
  x: number,
  y: number,
  ax: number,
  ay: number,
  bx: number,
  by: number,
): number {
  const [dx, dy] = [bx - ax, by - ay];
  const length = dx * dx + dy * dy;
  const t = length === 0 ? 0 : Math.max(0, Math.min(1, ((x - ax) * dx + (y - ay) * dy) / length));
  return (x - ax - t * dx) ** 2 + (y - ay - t * dy) ** 2;
}
