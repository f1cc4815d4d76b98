import { readFileSync } from "node:fs";
import { resolve } from "node:path";

import { describe, expect, test } from "vitest";

import { decode, encode, ProtocolError, type Values } from "./protocol.ts";

interface Vector {
  name: string;
  content: Record<string, unknown>;
  buffers: string[];
  values: Record<string, (number | string)[]>;
}

function golden(name: string): Vector[] {
  return JSON.parse(readFileSync(resolve("tests/golden", `${name}.json`), "utf8")) as Vector[];
}

/** Bytes behind a view that starts at an odd place, as JupyterLab hands them over. */
function misaligned(hex: string): DataView {
  const bytes = Buffer.from(hex, "hex");
  const all = new Uint8Array(bytes.length + 5);
  all.set(bytes, 3);
  return new DataView(all.buffer, 3, bytes.length);
}

function plain(values: Values): (number | string)[] {
  return Array.from(values, (value) => (Number.isFinite(value) ? value : String(value)));
}

describe("golden vectors", () => {
  test.each(golden("valid").map((vector) => [vector.name, vector] as const))(
    "%s",
    (_, { content, buffers, values }) => {
      const message = decode(content, buffers.map(misaligned));
      expect(
        Object.fromEntries(
          Object.entries(message.arrays).map(([name, array]) => [name, plain(array.values)]),
        ),
      ).toEqual(values);
      const again = encode(message);
      expect(again.content).toEqual(content);
      expect(again.buffers.map((buffer) => Buffer.from(buffer).toString("hex"))).toEqual(buffers);
    },
  );

  test.each(golden("invalid").map((vector) => [vector.name, vector] as const))(
    "refuses a wrong %s",
    (_, { content, buffers }) => {
      expect(() => decode(content, buffers.map(misaligned))).toThrow(ProtocolError);
    },
  );
});

test("a decoded array does not share memory with what came over the wire", () => {
  const view = misaligned("0000803f");
  const content = {
    v: 1,
    kind: "a.b",
    meta: {},
    arrays: [{ name: "a", dtype: "f4", shape: [1] }],
  };
  const { values } = decode(content, [view]).arrays["a"]!;
  view.setFloat32(0, 5, true);
  expect([...values]).toEqual([1]);
});

test("a part of an array is sent without the rest of its buffer", () => {
  const values = Float32Array.from([1, 2, 3]).subarray(1, 2);
  const { buffers } = encode({ kind: "a.b", meta: {}, arrays: { a: { shape: [1], values } } });
  expect(buffers[0]!.byteLength).toBe(4);
});

test("a shape that does not fit its values is refused before it is sent", () => {
  const values = new Uint8Array(3);
  expect(() => encode({ kind: "a.b", meta: {}, arrays: { a: { shape: [2], values } } })).toThrow(
    ProtocolError,
  );
});

test("null stands for a field that is not there", () => {
  const message = decode({ v: 1, kind: "hello", id: null, seq: null });
  expect(message).toEqual({ kind: "hello", meta: {}, arrays: {} });
});
