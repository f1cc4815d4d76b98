/** Where an axis has its ticks, and a range that ends on round numbers. */

export interface TickOptions {
  readonly low: number;
  readonly high: number;
  /** About how many. */
  readonly count: number;
  readonly log: boolean;
  /** Whole numbers only. */
  readonly whole?: boolean;
  /** Seconds: steps of minutes and hours where they are that long. */
  readonly time?: boolean;
}

const CLOCK = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200];

export function ticks({ low, high, count, log, whole, time }: TickOptions): number[] {
  if (!(high > low)) return [];
  if (log && low > 0 && high / low >= 8) return logTicks(low, high, count);
  const step = tickStep(high - low, count, whole === true, time === true);
  const places: number[] = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i++) {
    // 3 · 0.1 is not 0.3.
    places.push(Number((i * step).toPrecision(12)));
  }
  return places;
}

/** The range widened to round numbers; on a linear scale from 0 if that costs little room. */
export function roundRange(low: number, high: number, log: boolean): [low: number, high: number] {
  if (log) {
    if (!(high > low * 1.0001)) return [low / 2, high * 2];
    return [toDigits(low, Math.floor), toDigits(high, Math.ceil)];
  }
  const bottom = low > 0 && low < 0.4 * high ? 0 : low;
  if (!(high > bottom)) {
    const room = Math.abs(high) * 0.1 || 1;
    return [bottom - room, high + room];
  }
  const step = tickStep(high - bottom, 8, false, false);
  return [
    Number((Math.floor(bottom / step + 1e-9) * step).toPrecision(12)),
    Number((Math.ceil(high / step - 1e-9) * step).toPrecision(12)),
  ];
}

function logTicks(low: number, high: number, count: number): number[] {
  const decades = Math.log10(high / low);
  const digits = decades > count / 2 ? [1] : decades > count / 5 ? [1, 3] : [1, 2, 5];
  const every = Math.max(1, Math.ceil(decades / count));
  const places: number[] = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) {
    if (power % every !== 0) continue;
    for (const digit of digits) {
      const place = Number(`${digit}e${power}`);
      if (place >= low * (1 - 1e-9) && place <= high * (1 + 1e-9)) places.push(place);
    }
  }
  return places;
}

function tickStep(span: number, count: number, whole: boolean, time: boolean): number {
  const rough = span / Math.max(1, count);
  if (time && rough >= 1) {
    const step = CLOCK.find((seconds) => seconds >= rough);
    if (step !== undefined) return step;
  }
  const unit = 10 ** Math.floor(Math.log10(rough));
  const step = unit * ([1, 2, 5].find((digit) => digit * unit >= rough * 0.999) ?? 10);
  return whole ? Math.max(1, step) : step;
}

/** To two significant digits. */
function toDigits(value: number, to: (digits: number) => number): number {
  const unit = 10 ** (Math.floor(Math.log10(value)) - 1);
  return Number((to(Number((value / unit).toPrecision(12))) * unit).toPrecision(2));
}
