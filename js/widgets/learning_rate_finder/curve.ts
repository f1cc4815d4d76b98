/** The path of a curve, with no more points than can be told apart. */

const MOST_POINTS = 300;

/** `M0,1L2,3…` through all points, or through the lowest and highest of each stretch. */
export function curvePath(
  x: (index: number) => number,
  y: (index: number) => number,
  count: number,
): string {
  const points = kept(y, count).map((i) => `${x(i).toFixed(1)},${y(i).toFixed(1)}`);
  return points.length === 0 ? "" : `M${points.join("L")}`;
}

function kept(y: (index: number) => number, count: number): number[] {
  if (count <= MOST_POINTS) return Array.from({ length: count }, (_, i) => i);
  const stretches = MOST_POINTS / 2;
  const found: number[] = [];
  for (let stretch = 0; stretch < stretches; stretch++) {
    const from = Math.floor((stretch * count) / stretches);
    const to = Math.floor(((stretch + 1) * count) / stretches);
    let low = from;
    let high = from;
    for (let i = from; i < to; i++) {
      if (y(i) < y(low)) low = i;
      if (y(i) > y(high)) high = i;
    }
    found.push(Math.min(low, high));
    if (low !== high) found.push(Math.max(low, high));
  }
  return found;
}

/** The index whose value is nearest; the values rise. */
export function nearest(
  values: Float32Array,
  place: (value: number) => number,
  at: number,
): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) {
    if (Math.abs(place(values[i]!) - at) < Math.abs(place(values[best]!) - at)) best = i;
  }
  return best;
}
