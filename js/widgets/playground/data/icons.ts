/** Little drawings of what each data set is like: dots where its two colours lie, no real points. */

import { signedColor } from "../../../draw/color.ts";
import { s } from "../../../shared/ui/dom.ts";

type Dot = readonly [x: number, y: number, value: number];

/** Of a plane of ±6. An unknown data set gets an empty drawing. */
export function dataIcon(problem: string, data: string): SVGSVGElement {
  const draw = problem === "regression" ? REGRESSION[data] : CLASSIFICATION[data];
  return s(
    "svg",
    { viewBox: "-6.4 -6.4 12.8 12.8", "aria-hidden": "true" },
    ...(draw?.() ?? []).map(([x, y, value]) =>
      s("circle", {
        cx: x.toFixed(2),
        cy: (-y).toFixed(2),
        r: problem === "regression" ? 0.62 : data === "spiral" ? 0.48 : 0.55,
        fill: signedColor(value),
      }),
    ),
  );
}

const CLASSIFICATION: Readonly<Record<string, () => Dot[]>> = {
  circle: () => [[0, 0, 1], ...ring(1.3, 7, 1), ...ring(4.4, 20, -1)],
  xor: () => grid(1.5, 4.6, 1.55).map(([x, y]) => [x, y, Math.sign(x * y)]),
  gauss: () => [...cluster(2.4, 2.4, 1), ...cluster(-2.4, -2.4, -1)],
  spiral: () => [...arm(0, 1), ...arm(Math.PI, -1)],
};

const REGRESSION: Readonly<Record<string, () => Dot[]>> = {
  plane: () => grid(0.8, 5.2, 1.46).map(([x, y]) => [x, y, (x + y) / 9]),
  gauss: () =>
    [-4, 0, 4].flatMap((x, column) =>
      [2.6, -2.6].flatMap((y, row) => {
        const sign = (column + row) % 2 === 0 ? 1 : -1;
        return [[x, y, sign] as Dot, ...ring(1.25, 6, 0.55 * sign, x, y)];
      }),
    ),
};

function ring(radius: number, count: number, value: number, x = 0, y = 0): Dot[] {
  return Array.from({ length: count }, (_, i) => {
    const angle = (2 * Math.PI * i) / count;
    return [x + radius * Math.cos(angle), y + radius * Math.sin(angle), value];
  });
}

function cluster(x: number, y: number, value: number): Dot[] {
  return [[x, y, value], ...ring(1.2, 6, value, x, y), ...ring(2.4, 9, value, x, y)];
}

function arm(phase: number, value: number): Dot[] {
  return Array.from({ length: 19 }, (_, i) => {
    const radius = 0.6 + 5 * Math.sqrt(i / 18);
    const angle = (radius / 5) * 1.5 * 2 * Math.PI + phase;
    return [radius * Math.sin(angle), radius * Math.cos(angle), value];
  });
}

/** Points of a square grid, symmetric to both axes. */
function grid(first: number, last: number, step: number): [x: number, y: number][] {
  const side: number[] = [];
  for (let value = first; value <= last + 1e-9; value += step) side.push(value, -value);
  return side.flatMap((x) => side.map((y): [number, number] => [x, y]));
}
