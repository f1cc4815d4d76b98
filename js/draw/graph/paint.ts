/** Draw what is in sight of a graph that has its places, in as much detail as one can see. */

import type { Rectangle } from "./camera.ts";
import { BACK, FORWARD } from "./layered.ts";
import { ARRIVES, LEAVES, type OpenGroup, type Placed } from "./nested.ts";
import type { Pen } from "./pen.ts";
import { ENTRY, EXIT, type Groups } from "./tree.ts";

/** How an item is shown. */
export interface ItemLook {
  readonly title: string;
  /** A second line of a closed box; "" for none. */
  readonly detail: string;
  /** Said at the right end, such as ×12; "" for none. */
  readonly badge: string;
  /** Said above the right end, without room of its own, such as NaN; "" for none. */
  readonly flag: string;
  /** What goes along the lines that leave it, such as a shape. */
  readonly carries: string;
  /** Null is the colour of the paper. */
  readonly fill: string | null;
  /** Of the text on that; null is the theme's. */
  readonly ink: string | null;
  /** Of the border; null is the theme's. */
  readonly edge: string | null;
  /** Dashed is what nothing depends on, or what is not torch's. */
  readonly dashed: boolean;
  /** Round ends, for what comes in and goes out. */
  readonly round: boolean;
  /** An arrow back onto itself. */
  readonly loops: boolean;
  /** A part of the width, 0 to 1, that is grey, such as the units that are dead. */
  readonly gauge: number;
  readonly dim: boolean;
}

export interface PaintStyle {
  readonly font: string;
  readonly text: string;
  readonly muted: string;
  readonly line: string;
  readonly background: string;
  readonly surface: string;
  /** Of what is chosen. */
  readonly mark: string;
  readonly group: string;
  readonly gauge: string;
  readonly flag: string;
}

export interface Picture {
  readonly groups: Groups;
  readonly placed: Placed;
  readonly looks: readonly ItemLook[];
  readonly style: PaintStyle;
  /** The colour of a line by the item that it leaves; null is the theme's. */
  readonly strokes: ((item: number) => string | null) | null;
  readonly chosen: number;
  /** Lines that stand out, by group. */
  readonly marked: ReadonlyMap<number, ReadonlySet<number>>;
  /** How far the dashes of lines have moved; null for lines without any. */
  readonly dashes: number | null;
}

const RADIUS = 6;
const TEXT = 12;
/** Sizes on the screen, in pixels, below which details are left out. */
const LEGIBLE = 6.5;
const TINY = 5;

/**
 * @param sight what of the drawing is seen.
 * @param zoom pixels of the screen for each unit of the drawing.
 */
export function paint(pen: Pen, picture: Picture, sight: Rectangle, zoom: number): void {
  for (const group of picture.placed.groups) {
    if (overlaps(picture.placed, group.group, sight)) paintGroup(pen, picture, group, sight, zoom);
  }
  const { placed, chosen, style } = picture;
  if (chosen >= 0 && !Number.isNaN(placed.x[chosen]!)) {
    pen.globalAlpha = 1;
    pen.setLineDash([]);
    pen.strokeStyle = style.mark;
    pen.lineWidth = Math.max(2.5, 2.5 / zoom);
    outline(pen, picture, chosen, pen.lineWidth / 2);
    pen.stroke();
  }
}

/** The item at a point of the drawing, the innermost; −1 for none. */
export function itemAt({ placed }: Picture, px: number, py: number): number {
  let found = -1;
  const down = placed.direction === "down";
  const start = down ? placed.y : placed.x;
  const at = down ? py : px;
  for (const { group, items, reach } of placed.groups) {
    if (!inside(placed, group, px, py)) continue;
    for (let i = firstFrom(items, start, at - reach); i < items.length; i++) {
      const item = items[i]!;
      if (start[item]! > at) break;
      if (inside(placed, item, px, py)) found = item;
    }
  }
  return found;
}

function inside({ x, y, wide, tall }: Placed, item: number, px: number, py: number): boolean {
  return (
    px >= x[item]! && px <= x[item]! + wide[item]! && py >= y[item]! && py <= y[item]! + tall[item]!
  );
}

function overlaps({ x, y, wide, tall }: Placed, item: number, sight: Rectangle): boolean {
  return (
    x[item]! <= sight.x + sight.width &&
    x[item]! + wide[item]! >= sight.x &&
    y[item]! <= sight.y + sight.height &&
    y[item]! + tall[item]! >= sight.y
  );
}

/** The first of sorted items that begins at a place or behind it. */
function firstFrom(items: Int32Array, start: Float32Array, at: number): number {
  let [low, high] = [0, items.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (start[items[middle]!]! < at) low = middle + 1;
    else high = middle;
  }
  return low;
}

function paintGroup(
  pen: Pen,
  picture: Picture,
  group: OpenGroup,
  sight: Rectangle,
  zoom: number,
): void {
  paintLines(pen, picture, group, sight, zoom);
  const { placed } = picture;
  const down = placed.direction === "down";
  const start = down ? placed.y : placed.x;
  const [from, to] = down ? [sight.y, sight.y + sight.height] : [sight.x, sight.x + sight.width];
  // Of what is smaller than a pixel one in each pixel is enough.
  let last = -Infinity;
  for (let i = firstFrom(group.items, start, from - group.reach); i < group.items.length; i++) {
    const item = group.items[i]!;
    if (start[item]! > to) break;
    if (!overlaps(placed, item, sight)) continue;
    const size = (down ? placed.tall : placed.wide)[item]! * zoom;
    if (size < 0.7) {
      if ((start[item]! - last) * zoom < 0.7) continue;
      last = start[item]!;
    }
    paintItem(pen, picture, item, zoom);
  }
}

function paintItem(pen: Pen, picture: Picture, item: number, zoom: number): void {
  const { placed, looks, style } = picture;
  const open = placed.open.has(item);
  const look = looks[item]!;
  const [x, y, wide, tall] = [
    placed.x[item]!,
    placed.y[item]!,
    placed.wide[item]!,
    placed.tall[item]!,
  ];
  pen.globalAlpha = look.dim ? 0.3 : 1;
  const paper = open ? style.group : (look.fill ?? style.surface);
  if (Math.min(wide, tall) * zoom < TINY) {
    pen.fillStyle = look.fill ?? look.edge ?? style.muted;
    pen.fillRect(x, y, wide, tall);
    return;
  }
  pen.setLineDash(look.dashed ? [5, 3] : []);
  outline(pen, picture, item, 0);
  pen.fillStyle = paper;
  pen.fill();
  if (look.gauge > 0) {
    pen.fillStyle = style.gauge;
    pen.fillRect(x + 3, y + tall - 7, (wide - 6) * look.gauge, 4);
  }
  pen.strokeStyle = look.edge ?? style.line;
  pen.lineWidth = look.edge === null ? 1.25 : 2;
  outline(pen, picture, item, 0);
  pen.stroke();
  pen.setLineDash([]);
  if (open && look.fill !== null) {
    // An open group shows its own colour as a band beside its name.
    pen.fillStyle = look.fill;
    pen.fillRect(x + 1, y + 8, 4, 12);
  }
  if (look.loops) loop(pen, picture, item);
  if (look.flag !== "") flag(pen, look.flag, [x + wide, y], style, zoom);
  const ink = open ? style.text : (look.ink ?? style.text);
  if (open) heading(pen, look, [x, y, wide], ink, style, zoom);
  else label(pen, look, [x, y, wide, tall], ink, style, zoom);
}

function outline(pen: Pen, { placed, looks }: Picture, item: number, more: number): void {
  const [wide, tall] = [placed.wide[item]! + 2 * more, placed.tall[item]! + 2 * more];
  const radius = looks[item]!.round ? tall / 2 : RADIUS + more;
  pen.beginPath();
  pen.roundRect(placed.x[item]! - more, placed.y[item]! - more, wide, tall, radius);
}

function flag(
  pen: Pen,
  text: string,
  [right, top]: readonly [right: number, top: number],
  style: PaintStyle,
  zoom: number,
): void {
  const size = Math.min(2 * TEXT, Math.max(TEXT * 0.85, 8.5 / zoom));
  if (size * zoom < LEGIBLE) return;
  pen.font = `700 ${size}px ${style.font}`;
  pen.textAlign = "right";
  pen.textBaseline = "alphabetic";
  // Readable where a line passes.
  const { width } = pen.measureText(text);
  pen.fillStyle = style.background;
  pen.fillRect(right - width - 2, top - 4 - size * 0.8, width + 4, size);
  pen.fillStyle = style.flag;
  pen.fillText(text, right, top - 4);
}

/** The name of an open group, above what is in it. */
function heading(
  pen: Pen,
  look: ItemLook,
  [x, y, wide]: readonly [x: number, y: number, wide: number],
  ink: string,
  style: PaintStyle,
  zoom: number,
): void {
  // As far as it is seen, a name may be larger than what it names.
  const size = Math.min(TEXT * 1.6, Math.max(TEXT, 9 / zoom));
  if (size * zoom < LEGIBLE) return;
  pen.textAlign = "left";
  pen.textBaseline = "middle";
  pen.fillStyle = ink;
  pen.font = `600 ${size}px ${style.font}`;
  const name = look.badge === "" ? look.title : `${look.title} ${look.badge}`;
  const room = wide - 20;
  const shown = fit(pen, name, room);
  pen.fillText(shown, x + 10, y + 14);
  const used = pen.measureText(shown).width;
  if (look.detail === "" || shown !== name) return;
  pen.font = `${size * 0.9}px ${style.font}`;
  const detail = fit(pen, look.detail, room - used - 10);
  pen.fillStyle = style.muted;
  if (detail !== "…") pen.fillText(detail, x + 10 + used + 8, y + 14);
}

/** What a closed box says: its name, and if there is room what it is. */
function label(
  pen: Pen,
  look: ItemLook,
  [x, y, wide, tall]: readonly [x: number, y: number, wide: number, tall: number],
  ink: string,
  style: PaintStyle,
  zoom: number,
): void {
  const two = look.detail !== "";
  const size = Math.min(tall * (two ? 0.36 : 0.6), Math.max(TEXT, 8.5 / zoom));
  if (size * zoom < LEGIBLE) return;
  const badge = look.badge;
  pen.textBaseline = "middle";
  pen.fillStyle = ink;
  pen.font = `600 ${size}px ${style.font}`;
  let room = wide - 14;
  if (badge !== "") {
    pen.textAlign = "right";
    pen.fillText(badge, x + wide - 8, y + tall * (two ? 0.32 : 0.5));
    room -= pen.measureText(badge).width + 6;
  }
  pen.textAlign = badge === "" ? "center" : "left";
  const at = badge === "" ? x + wide / 2 : x + 8;
  pen.fillText(fit(pen, look.title, room), at, y + tall * (two ? 0.32 : 0.52));
  if (!two) return;
  pen.font = `${size * 0.9}px ${style.font}`;
  pen.fillText(fit(pen, look.detail, wide - 14), at, y + tall * 0.7);
}

/** As much of a text as there is room for. */
export function fit(pen: Pick<Pen, "measureText">, text: string, room: number): string {
  if (pen.measureText(text).width <= room) return text;
  let [low, high] = [0, text.length];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (pen.measureText(`${text.slice(0, middle)}…`).width <= room) low = middle;
    else high = middle - 1;
  }
  return `${text.slice(0, low)}…`;
}

function loop(pen: Pen, { placed, style }: Picture, item: number): void {
  const [x, y] = [placed.x[item]! + placed.wide[item]!, placed.y[item]!];
  pen.strokeStyle = style.muted;
  pen.lineWidth = 1.5;
  pen.beginPath();
  pen.moveTo(x - 18, y);
  pen.bezierCurveTo(x - 14, y - 16, x + 16, y - 10, x + 1, y + 12);
  pen.stroke();
  pen.fillStyle = style.muted;
  pen.beginPath();
  arrow(pen, x + 1, y + 12, -0.75, 0.66);
  pen.fill();
}

// -- lines

function paintLines(
  pen: Pen,
  picture: Picture,
  { group, lines }: OpenGroup,
  sight: Rectangle,
  zoom: number,
): void {
  const { groups, placed, looks, style, strokes, dashes } = picture;
  const { edge, course, starts, points, begins, reach } = lines;
  if (edge.length === 0) return;
  const inside = groups.inside(group);
  const down = placed.direction === "down";
  const [from, to] = down ? [sight.y, sight.y + sight.height] : [sight.x, sight.x + sight.width];
  // Lines closer than a pixel are a surface.
  if (zoom < 0.02) return;
  let first = 0;
  for (let high = edge.length; first < high;) {
    const middle = (first + high) >> 1;
    if (begins[middle]! < from - reach) first = middle + 1;
    else high = middle;
  }
  const marked = picture.marked.get(group);
  const plain = new Map<string, number[]>();
  const seen = new Set<number>();
  const labels: [line: number, item: number][] = [];
  for (let line = first; line < edge.length; line++) {
    if (begins[line]! > to) break;
    const source = inside.from[edge[line]!]!;
    const target = inside.to[edge[line]!]!;
    const stands = marked?.has(edge[line]!) === true;
    const dim = [source, target].some((item) => item >= 0 && looks[item]!.dim);
    const origin = source >= 0 ? source : -1;
    const own = strokes === null || origin < 0 ? null : strokes(origin);
    const stroke = stands ? style.mark : (own ?? style.muted);
    const key = `${stands ? 2 : dim ? 0 : 1}${stroke}`;
    const known = plain.get(key);
    if (known === undefined) plain.set(key, [line]);
    else known.push(line);
    if (source >= 0 && course[line] !== BACK && !seen.has(source)) {
      seen.add(source);
      if (looks[source]!.carries !== "" && !dim) labels.push([line, source]);
    }
  }
  pen.setLineDash(dashes === null || zoom < 0.2 ? [] : [6, 3]);
  pen.lineDashOffset = -(dashes ?? 0);
  for (const [key, group] of [...plain].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const stands = key.startsWith("2");
    pen.globalAlpha = key.startsWith("0") ? 0.25 : stands ? 1 : 0.85;
    pen.strokeStyle = key.slice(1);
    pen.lineWidth = (stands || strokes !== null ? 2.25 : 1.25) * Math.max(1, 0.5 / zoom);
    pen.beginPath();
    for (const line of group) {
      trace(pen, points.subarray(starts[line], starts[line + 1]), down, course[line]!);
    }
    pen.stroke();
    if (zoom < 0.25) continue;
    pen.fillStyle = key.slice(1);
    pen.beginPath();
    for (const line of group) {
      if (course[line] === LEAVES || inside.to[edge[line]!] === EXIT) continue;
      const end = starts[line + 1]!;
      const back = course[line] === BACK;
      const [dx, dy] = back ? (down ? [-1, 0] : [0, -1]) : down ? [0, 1] : [1, 0];
      arrow(pen, points[end - 2]!, points[end - 1]!, dx, dy);
    }
    pen.fill();
  }
  pen.setLineDash([]);
  if (TEXT * 0.85 * zoom < LEGIBLE) return;
  pen.globalAlpha = 1;
  pen.font = `${TEXT * 0.85}px ${style.font}`;
  pen.textBaseline = "middle";
  pen.fillStyle = style.muted;
  for (const [line, item] of labels) {
    const at = starts[line]!;
    pen.textAlign = "left";
    if (down) pen.fillText(looks[item]!.carries, points[at]! + 5, points[at + 1]! + 10);
    else pen.fillText(looks[item]!.carries, points[at]! + 4, points[at + 1]! - 8);
  }
  stubs(pen, picture, lines, inside, first, to);
}

/** Where a line that is not drawn through comes from. */
function stubs(
  pen: Pen,
  { placed, looks, style }: Picture,
  { edge, course, starts, points }: OpenGroup["lines"],
  inside: ReturnType<Groups["inside"]>,
  first: number,
  to: number,
): void {
  const down = placed.direction === "down";
  const beside = new Map<number, number>();
  for (let line = first; line < edge.length; line++) {
    const at = starts[line]!;
    if (points[at + (down ? 1 : 0)]! > to) break;
    if (course[line] !== ARRIVES) continue;
    const source = inside.from[edge[line]!]!;
    if (source === ENTRY) continue;
    // Several that arrive at one item stand one above the other.
    const target = inside.to[edge[line]!]!;
    const place = beside.get(target) ?? 0;
    beside.set(target, place + 1);
    pen.textAlign = "left";
    pen.fillStyle = style.muted;
    pen.fillText(`⤷ ${looks[source]!.title}`, points[at]! + 6, points[at + 1]! - 2 - 11 * place);
  }
}

function trace(pen: Pen, points: Float32Array, down: boolean, course: number): void {
  pen.moveTo(points[0]!, points[1]!);
  for (let k = 2; k < points.length; k += 2) {
    const [ax, ay, bx, by] = [points[k - 2]!, points[k - 1]!, points[k]!, points[k + 1]!];
    const straight = Math.abs(down ? ax - bx : ay - by) < 0.5;
    if (straight || course !== FORWARD) pen.lineTo(bx, by);
    else if (down) pen.bezierCurveTo(ax, (ay + by) / 2, bx, (ay + by) / 2, bx, by);
    else pen.bezierCurveTo((ax + bx) / 2, ay, (ax + bx) / 2, by, bx, by);
  }
}

function arrow(pen: Pen, x: number, y: number, dx: number, dy: number): void {
  const [length, half] = [7, 3.5];
  pen.moveTo(x, y);
  pen.lineTo(x - length * dx - half * dy, y - length * dy + half * dx);
  pen.lineTo(x - length * dx + half * dy, y - length * dy - half * dx);
  pen.closePath();
}
