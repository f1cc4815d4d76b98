/** What jsdom lacks of a canvas: calls are swallowed, nothing is drawn. */

import { vi } from "vitest";

export function fakeCanvas(): void {
  vi.stubGlobal("Path2D", function Path2D() {
    return swallow({});
  });
  vi.stubGlobal("matchMedia", (query: string) =>
    Object.assign(new EventTarget(), { matches: false, media: query }),
  );
  const contexts = new WeakMap<HTMLCanvasElement, CanvasRenderingContext2D>();
  vi.spyOn(HTMLCanvasElement.prototype, "getContext").mockImplementation(function (
    this: HTMLCanvasElement,
  ) {
    const context = contexts.get(this) ?? fakeContext(this);
    contexts.set(this, context);
    return context;
  });
}

function fakeContext(canvas: HTMLCanvasElement): CanvasRenderingContext2D {
  return swallow({
    canvas,
    createImageData: (width: number, height: number) => ({
      width,
      height,
      data: new Uint8ClampedArray(4 * width * height),
    }),
    getImageData: (_x: number, _y: number, width: number, height: number) => ({
      width,
      height,
      data: new Uint8ClampedArray(4 * width * height),
    }),
    measureText: (text: string) => ({ width: 6 * text.length }),
  }) as unknown as CanvasRenderingContext2D;
}

/** An object on which every method can be called. */
function swallow(own: Record<string | symbol, unknown>): object {
  return new Proxy(own, {
    get: (target, name) => (name in target ? target[name] : () => undefined),
  });
}
