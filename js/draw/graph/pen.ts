/** What a graph is drawn with: a canvas, or what writes the same strokes down as SVG. */

export type Pen = Pick<
  CanvasRenderingContext2D,
  | "beginPath"
  | "moveTo"
  | "lineTo"
  | "bezierCurveTo"
  | "closePath"
  | "roundRect"
  | "fillRect"
  | "fill"
  | "stroke"
  | "fillText"
  | "setLineDash"
  | "fillStyle"
  | "strokeStyle"
  | "lineWidth"
  | "lineDashOffset"
  | "font"
  | "textAlign"
  | "textBaseline"
  | "globalAlpha"
> & { measureText(text: string): { readonly width: number } };

/** Writes an SVG document of what is drawn with it. Text stands in it as text. */
export class SvgPen implements Pen {
  fillStyle = "#000";
  strokeStyle = "#000";
  lineWidth = 1;
  lineDashOffset = 0;
  font = "12px sans-serif";
  textAlign: CanvasTextAlign = "left";
  textBaseline: CanvasTextBaseline = "alphabetic";
  globalAlpha = 1;
  readonly #measure: (text: string, font: string) => number;
  readonly #parts: string[] = [];
  #path = "";
  #dash: readonly number[] = [];

  /** @param measure the width of a text in a font, which only a page can tell. */
  constructor(measure: (text: string, font: string) => number) {
    this.#measure = measure;
  }

  beginPath(): void {
    this.#path = "";
  }

  moveTo(x: number, y: number): void {
    this.#path += `M${n(x)} ${n(y)}`;
  }

  lineTo(x: number, y: number): void {
    this.#path += `L${n(x)} ${n(y)}`;
  }

  bezierCurveTo(ax: number, ay: number, bx: number, by: number, x: number, y: number): void {
    this.#path += `C${n(ax)} ${n(ay)} ${n(bx)} ${n(by)} ${n(x)} ${n(y)}`;
  }

  closePath(): void {
    this.#path += "Z";
  }

  roundRect(x: number, y: number, width: number, height: number, radii?: unknown): void {
    const r = Math.min(typeof radii === "number" ? radii : 0, width / 2, height / 2);
    const arc = `a${n(r)} ${n(r)} 0 0 1 `;
    this.#path +=
      `M${n(x + r)} ${n(y)}h${n(width - 2 * r)}${arc}${n(r)} ${n(r)}v${n(height - 2 * r)}` +
      `${arc}${n(-r)} ${n(r)}h${n(2 * r - width)}${arc}${n(-r)} ${n(-r)}v${n(2 * r - height)}` +
      `${arc}${n(r)} ${n(-r)}Z`;
  }

  fillRect(x: number, y: number, width: number, height: number): void {
    const place = `x="${n(x)}" y="${n(y)}" width="${n(width)}" height="${n(height)}"`;
    this.#parts.push(`<rect ${place} fill="${this.fillStyle}"${this.#alpha()}/>`);
  }

  fill(): void {
    this.#parts.push(`<path d="${this.#path}" fill="${this.fillStyle}"${this.#alpha()}/>`);
  }

  stroke(): void {
    const dash = this.#dash.length > 0 ? ` stroke-dasharray="${this.#dash.map(n).join(" ")}"` : "";
    this.#parts.push(
      `<path d="${this.#path}" fill="none" stroke="${this.strokeStyle}" ` +
        `stroke-width="${n(this.lineWidth)}"${dash}${this.#alpha()}/>`,
    );
  }

  setLineDash(segments: Iterable<number>): void {
    this.#dash = [...segments];
  }

  fillText(text: string, x: number, y: number): void {
    const anchor = { left: "start", start: "start", center: "middle", right: "end", end: "end" };
    const base = this.textBaseline === "middle" ? ` dominant-baseline="central"` : "";
    this.#parts.push(
      `<text x="${n(x)}" y="${n(y)}" style="font:${escaped(this.font)}" ` +
        `text-anchor="${anchor[this.textAlign]}"${base} fill="${this.fillStyle}"${this.#alpha()}>` +
        `${escaped(text)}</text>`,
    );
  }

  measureText(text: string): { readonly width: number } {
    return { width: this.#measure(text, this.font) };
  }

  /** @param title what a screen reader says of the picture. */
  document(
    { width, height }: { readonly width: number; readonly height: number },
    { background, title, margin = 8 }: { background: string; title: string; margin?: number },
  ): string {
    const [wide, tall] = [n(width + 2 * margin), n(height + 2 * margin)];
    const place = `x="${-margin}" y="${-margin}" width="${wide}" height="${tall}"`;
    return (
      `<svg xmlns="http://www.w3.org/2000/svg" role="img" width="${wide}" height="${tall}" ` +
      `viewBox="${-margin} ${-margin} ${wide} ${tall}"><title>${escaped(title)}</title>` +
      `<rect ${place} fill="${background}"/>${this.#parts.join("")}</svg>`
    );
  }

  #alpha(): string {
    return this.globalAlpha < 1 ? ` opacity="${n(this.globalAlpha)}"` : "";
  }
}

/** In tenths: nobody sees more. */
function n(value: number): string {
  return String(Math.round(value * 10) / 10);
}

function escaped(text: string): string {
  const names: Readonly<Record<string, string>> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
  };
  // XML knows no control characters, whoever has put one in a name.
  return text.replace(/\p{Cc}/gu, " ").replace(/[&<>"]/g, (sign) => names[sign]!);
}
