/** Numbers as they stand in the interface: few digits, a width that does not jump. */

/** 1234 → 001,234. */
export function formatEpoch(epoch: number, separator: string): string {
  return group(String(epoch).padStart(6, "0"), separator);
}

export function formatCount(count: number, separator: string): string {
  return group(String(Math.round(count)), separator);
}

/** Three decimals; what would be 0.000 shows its size, and what is no number says so. */
export function formatLoss(loss: number): string {
  if (Number.isNaN(loss)) return "NaN";
  if (!Number.isFinite(loss)) return "∞";
  if (loss >= 1000) return formatExponent(loss);
  if (loss > 0 && loss < 0.0005) return formatExponent(loss);
  return loss.toFixed(loss >= 100 ? 1 : 3);
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

function formatExponent(value: number): string {
  return value.toExponential(1).replace("-", "−").replace("+", "");
}

function group(digits: string, separator: string): string {
  return digits.replace(/\B(?=(\d{3})+$)/g, separator);
}
