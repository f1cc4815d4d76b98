/** Lines of equal value through a grid of numbers, by marching squares. */

/** Numbers at the crossings of a grid, row by row; the first row is the lowest. */
export interface Grid {
  readonly values: Float32Array;
  readonly rows: number;
  readonly columns: number;
}

/** Where the lines of each side of a cell are cut: bottom, right, top, left. */
const SIDES = [
  [0, 1],
  [1, 2],
  [3, 2],
  [0, 3],
] as const;
const CORNERS = [
  [0, 0],
  [1, 0],
  [1, 1],
  [0, 1],
] as const;

/**
 * Pieces of the line at a level: x, y and x, y of each one's ends, in steps of the grid from its
 * first value. There is none in a cell at a corner of which there is no number.
 */
export function contour({ values, rows, columns }: Grid, level: number): number[] {
  const pieces: number[] = [];
  const cuts: number[] = [];
  for (let row = 0; row + 1 < rows; row++) {
    for (let column = 0; column + 1 < columns; column++) {
      const first = row * columns + column;
      const [a, b] = [values[first]!, values[first + 1]!];
      const [d, c] = [values[first + columns]!, values[first + columns + 1]!];
      const sum = a + b + c + d;
      const above = [a, b, c, d].filter((value) => value >= level).length;
      if (above === 0 || above === 4 || !Number.isFinite(sum)) continue;
      const corners = [a, b, c, d];
      cuts.length = 0;
      for (const [from, to] of SIDES) {
        const [v, w] = [corners[from]!, corners[to]!];
        if (v >= level === w >= level) continue;
        const share = (level - v) / (w - v);
        const [[x, y], [right, top]] = [CORNERS[from], CORNERS[to]];
        cuts.push(column + x + share * (right - x), row + y + share * (top - y));
      }
      if (cuts.length === 8 && sum / 4 >= level !== a >= level) {
        // A saddle, whose middle is with the corners b and d: they are not cut off, a and c are.
        pieces.push(cuts[0]!, cuts[1]!, cuts[6]!, cuts[7]!, cuts[2]!, cuts[3]!, cuts[4]!, cuts[5]!);
      } else pieces.push(...cuts);
    }
  }
  return pieces;
}
