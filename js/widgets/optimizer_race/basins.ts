/** The map of basins as colours: which end, and how soon. */

/** Has not arrived anywhere; has left what is shown: as `dl_lab/theory/basins.py` says. */
const NOWHERE = 254;
const AWAY = 255;

/** One number for both: the end's, and behind the point how late it was reached. */
export function codes(
  labels: ArrayLike<number>,
  arrivals: ArrayLike<number>,
  steps: number,
): Float32Array {
  return Float32Array.from(labels, (label, i) => {
    return label + Math.min(0.99, arrivals[i]! / Math.max(1, steps));
  });
}

/** What colours such numbers: an end has its colour, the fainter the later it was reached. */
export function mapColor(colors: readonly string[], dark: boolean): (code: number) => number {
  const page = dark ? 0x18 : 0xff;
  const grey = dark ? 0x40 : 0xc8;
  const packed = (red: number, green: number, blue: number) =>
    ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
  return (code) => {
    const label = Math.floor(code);
    if (label === AWAY) return packed(grey / 2, grey / 2, grey / 2);
    if (label === NOWHERE) return packed(grey, grey, grey);
    const hex = colors[label % colors.length]!;
    const late = Math.sqrt(code - label);
    const mixed = [1, 3, 5].map((at) => {
      const own = parseInt(hex.slice(at, at + 2), 16);
      return Math.round(own + (page - own) * (0.25 + 0.65 * late));
    });
    return packed(mixed[0]!, mixed[1]!, mixed[2]!);
  };
}
