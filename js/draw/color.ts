/** Signed values as colours, the same in every widget: orange (−1), neutral (0), blue (+1). */

export type Rgb = readonly [red: number, green: number, blue: number];

export const NEGATIVE: Rgb = [0xf5, 0x93, 0x22];
export const NEUTRAL: Rgb = [0xe8, 0xea, 0xeb];
export const POSITIVE: Rgb = [0x08, 0x77, 0xbd];

/** The colour of a value; beyond −1 and +1 that of the end. */
export function signedRgb(value: number): Rgb {
  const size = Math.min(1, Math.abs(value));
  const end = value < 0 ? NEGATIVE : POSITIVE;
  return [
    mix(NEUTRAL[0], end[0], size),
    mix(NEUTRAL[1], end[1], size),
    mix(NEUTRAL[2], end[2], size),
  ];
}

export function signedColor(value: number): string {
  return `rgb(${signedRgb(value).join(",")})`;
}

/**
 * RGBA of each byte b, which stands for (b + ½)/128 − 1, packed as a little-endian canvas wants it.
 *
 * The ends get the exact end colours. `discrete` shows the sign alone.
 */
export function signedTable(discrete: boolean): Uint32Array {
  const table = new Uint32Array(256);
  for (let byte = 0; byte < 256; byte++) {
    const value = byte / 127.5 - 1;
    const [red, green, blue] = signedRgb(discrete ? Math.sign(value) : value);
    table[byte] = ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
  }
  return table;
}

/** The value that a byte of a grid stands for. */
export function byteValue(byte: number): number {
  return (byte + 0.5) / 128 - 1;
}

function mix(from: number, to: number, share: number): number {
  return Math.round(from + (to - from) * share);
}
