/** Numbers in a message, checked where they are read. */

import { type Message, type NamedArray, ProtocolError, type Values } from "./protocol.ts";

type Arrays = Pick<Message, "arrays">;

/** The numbers of an array that must have come, of this kind, and as many where that is known. */
export function numbers<T extends Values>(
  { arrays }: Arrays,
  name: string,
  kind: (new (length: number) => T) & { readonly name: string },
  length?: number,
): T {
  const values = arrays[name]?.values;
  if (values instanceof kind && (length === undefined || values.length === length)) return values;
  const many = length === undefined ? "" : ` with ${length} values`;
  throw new ProtocolError(`There is no array "${name}" of ${kind.name}${many}.`);
}

export function floats(message: Arrays, name: string, length?: number): Float32Array {
  return numbers(message, name, Float32Array, length);
}

export interface Image3 {
  readonly shape: readonly [count: number, height: number, width: number];
  readonly values: Float32Array;
}

/** Images or channels of an image, f4 [count, height, width]. */
export function image3(array: NamedArray | undefined): Image3 {
  const [count, height, width] = array?.shape ?? [];
  if (array?.shape.length !== 3 || !(array.values instanceof Float32Array)) {
    throw new ProtocolError("Images must be f4 [count, height, width].");
  }
  return { shape: [count!, height!, width!], values: array.values };
}
