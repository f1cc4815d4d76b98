/** Numbers of a graph as they are read. */

import { formatBytes } from "../../shared/format.ts";

/** 61 706; 12.3 M; 6.74 G. */
export function formatMany(count: number): string {
  const size = Math.abs(count);
  if (size < 100_000) return String(Math.round(count)).replace(/\B(?=(\d{3})+$)/g, "\u202f");
  const units = { T: 1e12, G: 1e9, M: 1e6, k: 1e3 };
  const [unit, by] = Object.entries(units).find(([, least]) => size >= least)!;
  return `${(count / by).toPrecision(3)} ${unit}`;
}

/** 3.2 ms, 48 µs. */
export function formatTime(seconds: number): string {
  const units = { s: 1, ms: 1e-3, µs: 1e-6 };
  const [unit, by] = Object.entries(units).find(([, least]) => seconds >= least) ?? ["µs", 1e-6];
  const value = seconds / by;
  return `${value >= 100 ? value.toFixed(0) : value.toPrecision(2)} ${unit}`;
}

/** A value of a metric; of what is live the power of ten. */
export function formatMetric(metric: string, value: number): string {
  switch (metric) {
    case "time":
      return formatTime(value);
    case "memory":
      return formatBytes(value);
    case "activations":
    case "gradients":
      return power(value);
    default:
      return formatMany(value);
  }
}

/** 10⁻³; 1. */
function power(exponent: number): string {
  const digits = "⁰¹²³⁴⁵⁶⁷⁸⁹";
  if (exponent === 0) return "1";
  const raised = Array.from(String(Math.abs(exponent)), (digit) => digits[Number(digit)] ?? digit);
  return `10${exponent < 0 ? "⁻" : ""}${raised.join("")}`;
}
