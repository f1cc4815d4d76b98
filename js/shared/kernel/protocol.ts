/**
 * The one protocol between a widget's two halves: envelope and array codec.
 *
 * The same as `dl_lab/protocol.py`; the byte vectors in `tests/golden` are read by the tests of
 * both, and `docs/protocol.md` says what is sent. Typed arrays are little-endian on every platform
 * that runs a browser, so bytes are copied and never swapped.
 */

export const VERSION = 1;

const CONSTRUCTORS = {
  f4: Float32Array,
  u4: Uint32Array,
  u1: Uint8Array,
} as const;

export type Dtype = keyof typeof CONSTRUCTORS;
export type Values = Float32Array | Uint32Array | Uint8Array;

export interface NamedArray {
  readonly shape: readonly number[];
  readonly values: Values;
}

export interface Message {
  readonly kind: string;
  readonly meta: Readonly<Record<string, unknown>>;
  readonly arrays: Readonly<Record<string, NamedArray>>;
  readonly id?: string;
  readonly seq?: number;
}

export interface Content {
  v: number;
  kind: string;
  meta: Readonly<Record<string, unknown>>;
  arrays: { name: string; dtype: Dtype; shape: readonly number[] }[];
  id?: string;
  seq?: number;
}

/** A message that breaks the protocol, told in one sentence. */
export class ProtocolError extends Error {
  override name = "ProtocolError";
}

const KIND = /^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?$/;
const DTYPES = Object.keys(CONSTRUCTORS) as Dtype[];

export function encode(message: Message): { content: Content; buffers: ArrayBuffer[] } {
  if (!KIND.test(message.kind)) throw badKind(message.kind);
  const arrays: Content["arrays"] = [];
  const buffers: ArrayBuffer[] = [];
  for (const [name, { shape, values }] of Object.entries(message.arrays)) {
    if (elements(shape) !== values.length) {
      throw new ProtocolError(
        `Array "${name}" of shape ${text(shape)} has ${values.length} values.`,
      );
    }
    arrays.push({ name, dtype: dtypeOf(values), shape: [...shape] });
    // JupyterLab sends the whole buffer behind a view, so each array gets one of its own.
    buffers.push(values.slice().buffer);
  }
  const content: Content = { v: VERSION, kind: message.kind, meta: message.meta, arrays };
  if (message.id !== undefined) content.id = message.id;
  if (message.seq !== undefined) content.seq = message.seq;
  return { content, buffers };
}

/** The message that `encode` made, with everything checked that came over the wire. */
export function decode(content: unknown, buffers: readonly DataView[] = []): Message {
  if (!isRecord(content)) throw new ProtocolError("A message must be an object.");
  if (content["v"] !== VERSION) {
    throw new ProtocolError(
      `The message has protocol version ${text(content["v"])}; this side speaks ${VERSION}. ` +
        "Reload the page after an upgrade of dl-lab.",
    );
  }
  const { kind, meta = {}, arrays: described = [], id, seq } = content;
  if (typeof kind !== "string" || !KIND.test(kind)) throw badKind(kind);
  if (!isRecord(meta)) throw new ProtocolError(`The meta of ${kind} must be an object.`);
  if (!Array.isArray(described) || described.length !== buffers.length) {
    throw new ProtocolError(`${kind} describes other arrays than its ${buffers.length} buffers.`);
  }
  const arrays: Record<string, NamedArray> = {};
  described.forEach((entry: unknown, i) => {
    const [name, array] = decodeArray(kind, entry, buffers[i]!);
    arrays[name] = array;
  });
  if (id !== undefined && id !== null && typeof id !== "string") {
    throw new ProtocolError(`The id of ${kind} must be a string.`);
  }
  if (seq !== undefined && seq !== null && !isWhole(seq)) {
    throw new ProtocolError(`The seq of ${kind} must be a whole number.`);
  }
  return {
    kind,
    meta,
    arrays,
    ...(typeof id === "string" ? { id } : {}),
    ...(typeof seq === "number" ? { seq } : {}),
  };
}

function decodeArray(kind: string, entry: unknown, buffer: DataView): [string, NamedArray] {
  if (!isRecord(entry) || typeof entry["name"] !== "string") {
    throw new ProtocolError(`An array of ${kind} has no name.`);
  }
  const { name, dtype, shape } = entry;
  const code = DTYPES.find((known) => known === dtype);
  if (code === undefined) {
    throw new ProtocolError(
      `Array "${name}" has dtype ${text(dtype)}; allowed are ${DTYPES.join(", ")}.`,
    );
  }
  if (!Array.isArray(shape) || !shape.every((n: unknown) => isWhole(n) && n >= 0)) {
    throw new ProtocolError(`Array "${name}" has shape ${text(shape)}; allowed are whole numbers.`);
  }
  const sizes = shape as number[];
  const Constructor = CONSTRUCTORS[code];
  const expected = elements(sizes) * Constructor.BYTES_PER_ELEMENT;
  if (buffer.byteLength !== expected) {
    throw new ProtocolError(
      `Array "${name}" of shape ${text(shape)} needs ${expected} bytes; ${buffer.byteLength} came.`,
    );
  }
  // The view may start anywhere in its buffer; a Float32Array may not.
  const bytes = new Uint8Array(buffer.byteLength);
  bytes.set(new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength));
  return [name, { shape: sizes, values: new Constructor(bytes.buffer) }];
}

function dtypeOf(values: Values): Dtype {
  const code = DTYPES.find((known) => values instanceof CONSTRUCTORS[known]);
  if (code === undefined) throw new ProtocolError(`The protocol carries ${DTYPES.join(", ")}.`);
  return code;
}

function badKind(kind: unknown): ProtocolError {
  return new ProtocolError(`${text(kind)} is not a message kind; write it as noun.verb.`);
}

function elements(shape: readonly number[]): number {
  return shape.reduce((product, n) => product * n, 1);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isWhole(value: unknown): value is number {
  return Number.isInteger(value);
}

function text(value: unknown): string {
  return value === undefined ? "nothing" : JSON.stringify(value);
}
