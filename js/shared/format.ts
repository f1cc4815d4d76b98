/** Numbers as they stand in the interface: few digits, a width that does not jump. */

/** 1234 → 001,234. */
export function formatEpoch(epoch: number, separator: string): string {
  return group(String(epoch).padStart(6, "0"), separator);
}

export function formatCount(count: number, separator: string): string {
  return group(String(Math.round(count)), separator);
}

/** Three decimals; what would be 0.000 shows its size, and what is not a number says so. */
export function formatLoss(loss: number): string {
  if (Number.isNaN(loss)) return "NaN";
  if (!Number.isFinite(loss)) return "∞";
  if (loss >= 1000) return formatExponent(loss);
  if (loss > 0 && loss < 0.0005) return formatExponent(loss);
  return loss.toFixed(loss >= 100 ? 1 : 3);
}

/** A rate with three digits: 0.0123, 1.23e−6. */
export function formatRate(rate: number): string {
  const size = Math.abs(rate);
  if (size === 0 || (size >= 1e-4 && size < 1e5)) return String(Number(rate.toPrecision(3)));
  return rate
    .toExponential(2)
    .replace(/\.?0+e/, "e")
    .replace("-", "−")
    .replace("+", "");
}

/** A weight or bias in a sentence: two decimals, a true minus. */
export function formatWeight(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  const text =
    size !== 0 && size < 0.005 ? size.toExponential(0) : size.toFixed(size < 100 ? 2 : 0);
  return value < 0 ? `−${text}` : text;
}

/** A weight in a field: enough digits to tell it from its neighbours, none that mean nothing. */
export function formatField(value: number): string {
  return String(Number(value.toPrecision(4)));
}

/** The number that was typed, with a decimal point or comma; null if it is none. */
export function parseNumber(text: string): number | null {
  const plain = text.trim().replace("−", "-").replace(",", ".");
  const value = plain === "" ? NaN : Number(plain);
  return Number.isFinite(value) ? value : null;
}

/** Any value where it is read: four significant digits, an exponent where that says more. */
export function formatValue(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  const size = Math.abs(value);
  const text =
    size !== 0 && (size < 1e-3 || size >= 1e6)
      ? value.toExponential(2).replace("e+", "e").replace("e-", "e−")
      : size >= 1000
        ? value.toFixed(0)
        : value.toPrecision(4);
  return value < 0 ? text.replace(/^-/, "−") : text;
}

/** 4.2 s, 42 s, 2 min 10 s, 1 h 05 min, 2 d 3 h. */
export function formatDuration(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  if (seconds < 59.5) return `${Math.round(seconds)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 1440) return `${Math.floor(minutes / 60)} h ${two(minutes % 60)} min`;
  const hours = Math.round(seconds / 3600);
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** 512 kB, 312 MB, 1.4 GB. */
export function formatBytes(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let size = bytes;
  let unit = 0;
  while (size >= 999.5 && unit < units.length - 1) {
    size /= 1000;
    unit++;
  }
  return `${size >= 10 || unit === 0 ? size.toFixed(0) : size.toFixed(1)} ${units[unit]}`;
}

function two(number: number): string {
  return String(number).padStart(2, "0");
}

function formatExponent(value: number): string {
  return value.toExponential(1).replace("-", "−").replace("+", "");
}

function group(digits: string, separator: string): string {
  return digits.replace(/\B(?=(\d{3})+$)/g, separator);
}
