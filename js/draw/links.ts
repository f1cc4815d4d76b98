/** Links of a network on a canvas: width by size, colour by sign, dashes that can move. */

import { signedColor, signedTable } from "./color.ts";
import { biasBox, middle, type Link, type NetworkLayout } from "./network.ts";

const DASH = [8, 2];
const WIDEST = 8;
const THINNEST = 1;
/** The size of a weight that is drawn widest. */
const LARGE_WEIGHT = 5;
/** Beyond this many, thin links are drawn without dashes: nobody could see them. */
const MANY = 400;

export function linkWidth(weight: number, widest = WIDEST): number {
  const share = Math.min(1, Math.abs(weight) / LARGE_WEIGHT);
  return THINNEST + (widest - THINNEST) * (Number.isNaN(share) ? 0 : share);
}

/** Curves are made once for a layout; a frame only strokes them. */
export class LinkDrawing {
  readonly #paths: readonly Path2D[];
  readonly #widest: number;

  constructor(readonly layout: NetworkLayout) {
    this.#paths = layout.links.map(curve);
    // Wide links of a dense network would cover each other.
    const size = Math.min(...layout.layers.map((layer) => layer[0]?.size ?? 0));
    this.#widest = Math.max(3, Math.min(WIDEST, size / 4));
  }

  /**
   * @param parameters weights and biases, or null while they are not known.
   * @param offset how far the dashes have moved, in pixels.
   * @param marked position in `parameters` of a link to stand out, or −1.
   */
  draw(
    context: CanvasRenderingContext2D,
    parameters: Float32Array | null,
    offset: number,
    pending: string,
    marked: number,
    mark: string,
  ): void {
    const { links, width, height } = this.layout;
    context.clearRect(0, 0, width, height);
    context.lineCap = "butt";
    context.setLineDash(parameters === null ? [] : DASH);
    context.lineDashOffset = -offset;
    let dashed = true;
    for (let i = 0; i < links.length; i++) {
      const weight = parameters?.[links[i]!.parameter];
      const lineWidth = weight === undefined ? 1 : linkWidth(weight, this.#widest);
      const wantsDash = links.length <= MANY || lineWidth > 1.5;
      if (parameters !== null && wantsDash !== dashed) {
        context.setLineDash(wantsDash ? DASH : []);
        dashed = wantsDash;
      }
      context.lineWidth = lineWidth;
      context.strokeStyle = weight === undefined ? pending : quickColor(weight);
      context.stroke(this.#paths[i]!);
    }
    context.setLineDash([]);
    const index = links.findIndex((link) => link.parameter === marked);
    if (index >= 0) this.#mark(context, index, parameters, mark);
  }

  /** The mark of each unit in the colour of its bias. */
  drawBiases(context: CanvasRenderingContext2D, biases: readonly number[], edge: string): void {
    let i = 0;
    context.lineWidth = 1;
    context.strokeStyle = edge;
    for (const layer of this.layout.layers) {
      for (const node of layer) {
        const { x, y, size } = biasBox(node);
        context.fillStyle = quickColor(biases[i++] ?? 0);
        context.fillRect(x, y, size, size);
        context.strokeRect(x - 0.5, y - 0.5, size + 1, size + 1);
      }
    }
  }

  #mark(
    context: CanvasRenderingContext2D,
    index: number,
    parameters: Float32Array | null,
    mark: string,
  ): void {
    const weight = parameters?.[this.layout.links[index]!.parameter] ?? 0;
    const path = this.#paths[index]!;
    context.strokeStyle = mark;
    context.lineWidth = linkWidth(weight, this.#widest) + 4;
    context.stroke(path);
    context.strokeStyle = quickColor(weight);
    context.lineWidth = linkWidth(weight, this.#widest) + 1;
    context.stroke(path);
  }
}

function curve(link: Link): Path2D {
  const path = new Path2D();
  const x = middle(link);
  path.moveTo(link.x0, link.y0);
  path.bezierCurveTo(x, link.y0, x, link.y1, link.x1, link.y1);
  return path;
}

/** Strings are costly to make for thousands of links, so each shade is made once. */
const SHADES: readonly string[] = Array.from(signedTable(false), (_, byte) =>
  signedColor(byte / 127.5 - 1),
);

function quickColor(value: number): string {
  const byte = Math.round((Math.max(-1, Math.min(1, value)) + 1) * 127.5);
  return SHADES[Number.isNaN(byte) ? 128 : byte]!;
}
