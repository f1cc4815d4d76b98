/** One curve on a canvas: a band from the smallest to the largest value, a line, marks. */

export interface CurvePoints {
  readonly x: Float64Array;
  /** Smallest and largest value of each stretch; equal where a point is a single value. */
  readonly low: Float32Array;
  readonly high: Float32Array;
  readonly smooth: Float32Array | null;
  /** Whether each point is a single value. */
  readonly exact: boolean;
}

export interface CurveLook {
  readonly color: string;
  readonly dash: readonly number[];
  readonly width: number;
  readonly marker: "circle" | "square" | "diamond" | "triangle";
  /** Holds each value until the next, up to this place. */
  readonly heldUntil: number | null;
  readonly best: { readonly x: number; readonly y: number } | null;
}

/** From values to canvas pixels; what is no number stays none. */
export interface Projection {
  readonly x: (value: number) => number;
  readonly y: (value: number) => number;
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
  /** Canvas pixels of one CSS pixel. */
  readonly ratio: number;
}

const BAND_ALPHA = 0.22;
const RAW_ALPHA = 0.38;
const MARKER_SPACE = 9;

export function drawCurve(
  context: CanvasRenderingContext2D,
  points: CurvePoints,
  look: CurveLook,
  at: Projection,
): void {
  const { ratio } = at;
  const smoothed = points.smooth !== null;
  context.save();
  context.strokeStyle = look.color;
  context.fillStyle = look.color;
  context.lineJoin = "round";
  if (!points.exact) {
    context.globalAlpha = smoothed ? BAND_ALPHA * 0.7 : BAND_ALPHA;
    band(context, points, at);
  }
  context.globalAlpha = smoothed ? RAW_ALPHA : 1;
  context.lineWidth = (smoothed ? 1 : look.width) * ratio;
  if (!smoothed) context.setLineDash(look.dash.map((length) => length * ratio));
  line(context, points.x, (i) => middle(points.low[i]!, points.high[i]!), look.heldUntil, at);
  context.globalAlpha = 1;
  if (points.smooth !== null) {
    const { smooth } = points;
    context.lineWidth = (look.width + 0.25) * ratio;
    context.setLineDash(look.dash.map((length) => length * ratio));
    line(context, points.x, (i) => smooth[i]!, look.heldUntil, at);
  }
  context.setLineDash([]);
  if (points.exact) markers(context, points, look, at);
  strays(context, points, at);
  context.restore();
}

/** A ring around the best value, to be drawn over all curves. */
export function drawBest(
  context: CanvasRenderingContext2D,
  look: CurveLook,
  background: string,
  at: Projection,
): void {
  if (look.best === null) return;
  const x = at.x(look.best.x);
  const y = at.y(look.best.y);
  if (!(x >= at.left - 1 && x <= at.right + 1 && Number.isFinite(y))) return;
  context.save();
  star(context, x, Math.max(at.top, Math.min(y, at.bottom)), 6.5 * at.ratio);
  context.fillStyle = look.color;
  context.strokeStyle = background;
  context.lineWidth = 1.5 * at.ratio;
  context.stroke();
  context.fill();
  context.restore();
}

/** The value that a line shows of a stretch. */
export function middle(low: number, high: number): number {
  if (low === high) return low;
  if (!Number.isFinite(high)) return low;
  return Number.isFinite(low) ? (low + high) / 2 : high;
}

function line(
  context: CanvasRenderingContext2D,
  x: Float64Array,
  value: (i: number) => number,
  heldUntil: number | null,
  at: Projection,
): void {
  let drawing = false;
  let before = 0;
  context.beginPath();
  for (let i = 0; i < x.length; i++) {
    const y = at.y(value(i));
    if (Number.isNaN(y)) {
      drawing = false;
      continue;
    }
    const across = at.x(x[i]!);
    if (!drawing) context.moveTo(across, y);
    else {
      if (heldUntil !== null) context.lineTo(across, before);
      context.lineTo(across, y);
    }
    drawing = true;
    before = y;
  }
  if (drawing && heldUntil !== null) context.lineTo(at.x(heldUntil), before);
  context.stroke();
}

function band(context: CanvasRenderingContext2D, points: CurvePoints, at: Projection): void {
  const { x, low, high } = points;
  context.beginPath();
  for (let i = 0; i < x.length;) {
    if (Number.isNaN(low[i]!)) {
      i++;
      continue;
    }
    let end = i;
    while (end < x.length && !Number.isNaN(low[end]!)) end++;
    for (let j = i; j < end; j++) {
      const across = at.x(x[j]!);
      if (j === i) context.moveTo(across, at.y(high[j]!));
      else context.lineTo(across, at.y(high[j]!));
    }
    for (let j = end - 1; j >= i; j--) context.lineTo(at.x(x[j]!), at.y(low[j]!));
    context.closePath();
    i = end;
  }
  context.fill();
}

/** A sign at each value where there is room for it, and at a lone value always. */
function markers(
  context: CanvasRenderingContext2D,
  { x, low }: CurvePoints,
  { marker, width }: CurveLook,
  at: Projection,
): void {
  const across = x.length > 1 ? Math.abs(at.x(x.at(-1)!) - at.x(x[0]!)) / (x.length - 1) : Infinity;
  if (across < MARKER_SPACE * at.ratio) return;
  const size = (1.5 + width / 2) * at.ratio;
  for (let i = 0; i < x.length; i++) {
    const y = at.y(low[i]!);
    const place = at.x(x[i]!);
    if (!Number.isFinite(y) || place < at.left - size || place > at.right + size) continue;
    sign(context, marker, place, y, size);
    context.fill();
  }
}

/** What has no place on the axis: a cross at the foot for NaN, a triangle at the top for ∞. */
function strays(context: CanvasRenderingContext2D, points: CurvePoints, at: Projection): void {
  const { x, low, high } = points;
  const size = 4 * at.ratio;
  context.lineWidth = 1.5 * at.ratio;
  for (let i = 0; i < x.length; i++) {
    const lost = Number.isNaN(low[i]!);
    if (!lost && high[i] !== Infinity) continue;
    const place = at.x(x[i]!);
    if (place < at.left || place > at.right) continue;
    context.beginPath();
    if (lost) {
      const y = at.bottom - size - at.ratio;
      context.moveTo(place - size, y - size);
      context.lineTo(place + size, y + size);
      context.moveTo(place - size, y + size);
      context.lineTo(place + size, y - size);
      context.stroke();
    } else {
      sign(context, "triangle", place, at.top + size + at.ratio, size);
      context.fill();
    }
  }
}

function sign(
  context: CanvasRenderingContext2D,
  marker: CurveLook["marker"],
  x: number,
  y: number,
  size: number,
): void {
  context.beginPath();
  if (marker === "circle") {
    context.arc(x, y, size, 0, 2 * Math.PI);
  } else if (marker === "square") {
    context.rect(x - size, y - size, 2 * size, 2 * size);
  } else {
    const top = size * 1.4;
    context.moveTo(x, y - top);
    context.lineTo(x + top, marker === "diamond" ? y : y + size);
    if (marker === "diamond") context.lineTo(x, y + top);
    context.lineTo(x - top, marker === "diamond" ? y : y + size);
    context.closePath();
  }
}

function star(context: CanvasRenderingContext2D, x: number, y: number, size: number): void {
  context.beginPath();
  for (let corner = 0; corner < 10; corner++) {
    const angle = (Math.PI * corner) / 5 - Math.PI / 2;
    const reach = corner % 2 === 0 ? size : size * 0.45;
    const place = [x + reach * Math.cos(angle), y + reach * Math.sin(angle)] as const;
    if (corner === 0) context.moveTo(...place);
    else context.lineTo(...place);
  }
  context.closePath();
}
