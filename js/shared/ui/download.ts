/** Files made in the page. */

import { h } from "./dom.ts";

/** Offer a file under this name, as if it had been clicked on. */
export function download(file: Blob, name: string): void {
  const address = URL.createObjectURL(file);
  const link = h("a", { href: address, download: name, hidden: true });
  document.body.append(link);
  link.click();
  link.remove();
  // The browser has taken hold of it by the next task.
  setTimeout(() => URL.revokeObjectURL(address));
}

/** A name that every file system takes. */
export function fileStem(name: string, otherwise: string): string {
  const plain = name.replace(/[^\p{L}\p{N}._-]+/gu, "-").replace(/^[-.]+|-+$/g, "");
  return plain === "" ? otherwise : plain;
}

/** An SVG document as a PNG on white, twice as fine as the screen. */
export async function rasterized(
  svg: string,
  { width, height }: { readonly width: number; readonly height: number },
  lifetime: AbortSignal,
): Promise<Blob> {
  const scale = 2;
  const image = new Image(width, height);
  const address = URL.createObjectURL(new Blob([svg], { type: "image/svg+xml" }));
  try {
    image.src = address;
    await image.decode();
  } finally {
    URL.revokeObjectURL(address);
  }
  lifetime.throwIfAborted();
  const canvas = h("canvas", { width: scale * width, height: scale * height });
  const context = canvas.getContext("2d");
  if (context === null) throw new Error("This browser has no 2-D canvas.");
  context.fillStyle = "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => {
      if (blob === null) reject(new Error("The browser could not make a PNG of the picture."));
      else resolve(blob);
    }, "image/png");
  });
}
