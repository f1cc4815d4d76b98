/** Which part of a drawing is in sight, and how large. */

export interface Camera {
  /** The point of the drawing in the middle of the window. */
  readonly x: number;
  readonly y: number;
  /** Pixels of the screen for each unit of the drawing. */
  readonly zoom: number;
}

export interface Window {
  readonly width: number;
  readonly height: number;
}

export interface Rectangle extends Window {
  readonly x: number;
  readonly y: number;
}

export const CLOSEST = 4;
export const FARTHEST = 0.002;

/** All of a rectangle, not larger than it is, with a margin in pixels. */
export function fitted(window: Window, { x, y, width, height }: Rectangle, margin = 8): Camera {
  const room = (space: number, size: number) => Math.max(1, space - 2 * margin) / Math.max(1, size);
  const zoom = Math.min(1, room(window.width, width), room(window.height, height));
  return { x: x + width / 2, y: y + height / 2, zoom: Math.max(FARTHEST, zoom) };
}

/** Where a point of the drawing is on the screen. */
export function toScreen(
  { x, y, zoom }: Camera,
  { width, height }: Window,
  px: number,
  py: number,
): readonly [x: number, y: number] {
  return [(px - x) * zoom + width / 2, (py - y) * zoom + height / 2];
}

/** What point of the drawing is at a place on the screen. */
export function toDrawing(
  { x, y, zoom }: Camera,
  { width, height }: Window,
  sx: number,
  sy: number,
): readonly [x: number, y: number] {
  return [(sx - width / 2) / zoom + x, (sy - height / 2) / zoom + y];
}

/** Nearer or farther by a factor; what is at a place on the screen stays there. */
export function zoomed(
  camera: Camera,
  window: Window,
  factor: number,
  sx: number,
  sy: number,
): Camera {
  const zoom = Math.max(FARTHEST, Math.min(CLOSEST, camera.zoom * factor));
  const [px, py] = toDrawing(camera, window, sx, sy);
  return {
    x: px - (sx - window.width / 2) / zoom,
    y: py - (sy - window.height / 2) / zoom,
    zoom,
  };
}

/** Moved by pixels of the screen: the drawing goes with the hand. */
export function panned({ x, y, zoom }: Camera, dx: number, dy: number): Camera {
  return { x: x - dx / zoom, y: y - dy / zoom, zoom };
}

/** The same point of the drawing, moved there from another: what was opened stays where it was. */
export function kept(
  camera: Camera,
  before: readonly [x: number, y: number],
  after: readonly [x: number, y: number],
): Camera {
  return { ...camera, x: camera.x + after[0] - before[0], y: camera.y + after[1] - before[1] };
}

/** As little moved as brings a rectangle into sight; its beginning, where it is larger. */
export function reached(
  camera: Camera,
  window: Window,
  { x, y, width, height }: Rectangle,
  margin = 24,
): Camera {
  const one = (middle: number, space: number, start: number, size: number) => {
    const half = Math.max(0, space / 2 - margin) / camera.zoom;
    if (size > 2 * half) return start + half;
    return Math.max(start + size - half, Math.min(start + half, middle));
  };
  return {
    ...camera,
    x: one(camera.x, window.width, x, width),
    y: one(camera.y, window.height, y, height),
  };
}

/** Held so that the drawing never leaves the window altogether. */
export function held(camera: Camera, window: Window, drawing: Rectangle): Camera {
  const one = (middle: number, space: number, start: number, size: number) => {
    const slack = (space / 2 / camera.zoom) * 0.8;
    return Math.max(start - slack, Math.min(start + size + slack, middle));
  };
  return {
    ...camera,
    x: one(camera.x, window.width, drawing.x, drawing.width),
    y: one(camera.y, window.height, drawing.y, drawing.height),
  };
}
