/** Data points over a heat map. */

import { signedColor } from "./color.ts";

export interface PointStyle {
  /** Radius and outline in CSS pixels. */
  readonly radius: number;
  readonly outline: string;
}

/**
 * Draw points of a square plane of ±`extent`.
 *
 * @param size side of the square in CSS pixels.
 * @param xy x and y of each point, one after the other.
 * @param targets value of each point, which gives its colour.
 */
export function drawPoints(
  context: CanvasRenderingContext2D,
  size: number,
  extent: number,
  xy: Float32Array,
  targets: Float32Array,
  style: PointStyle,
): void {
  const scale = size / (2 * extent);
  context.strokeStyle = style.outline;
  context.lineWidth = 1;
  for (let i = 0; i < targets.length; i++) {
    const x = (xy[2 * i]! + extent) * scale;
    const y = (extent - xy[2 * i + 1]!) * scale;
    context.fillStyle = signedColor(targets[i]!);
    context.beginPath();
    context.arc(x, y, style.radius, 0, 2 * Math.PI);
    context.fill();
    context.stroke();
  }
}
