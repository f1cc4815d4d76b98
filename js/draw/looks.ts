/** Colours of curves and categories, and what the curves of training look like. */

// Python draws the pictures of saved notebooks with the same.
import looks from "../../dl_lab/train/history/looks.json";
import type { CurveLook, Marker } from "./curves.ts";

/** A look with the place of its colour in the palette, which is another on another background. */
export interface Look {
  readonly color: number;
  readonly dash: readonly number[];
  readonly width: number;
  readonly marker: string | null;
}

/** Okabe and Ito's ten, darker or lighter as the background asks: never the only sign. */
export function palette(dark: boolean): readonly string[] {
  return looks.palette[dark ? "dark" : "light"];
}

export function inTheme({ color, marker, ...look }: Look, dark: boolean): CurveLook {
  const colors = palette(dark);
  return { ...look, color: colors[color % colors.length]!, marker: marker as Marker | null };
}

/** The curve of the training data, or of data held back from it. */
export function lossLook(part: "train" | "validation", dark: boolean): CurveLook {
  return inTheme(looks[part], dark);
}
