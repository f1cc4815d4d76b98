import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";

import { describe, expect, test } from "vitest";

import { CATALOGUES, errorSentence, translator } from "./i18n.ts";
import { RemoteError } from "./rpc.ts";

function flat(catalogue: (typeof CATALOGUES)["en"]): Record<string, string> {
  return Object.fromEntries(
    Object.entries(catalogue).flatMap(([section, sentences]) =>
      Object.entries(sentences).map(([name, sentence]) => [`${section}.${name}`, sentence]),
    ),
  );
}

function placeholders(sentence: string): string[] {
  return [...new Set(sentence.match(/\{\w+\}/g) ?? [])].sort();
}

const en = flat(CATALOGUES.en);
const es = flat(CATALOGUES.es);

describe("catalogues", () => {
  test("have the same keys, in the same order", () => {
    expect(Object.keys(es)).toEqual(Object.keys(en));
  });

  test("have the same placeholders, and no sentence is empty", () => {
    const wrong = Object.keys(en).filter(
      (key) =>
        !es[key] || !en[key] || placeholders(es[key]).join() !== placeholders(en[key]).join(),
    );
    expect(wrong).toEqual([]);
  });

  test("hold every key that a widget names", () => {
    const root = resolve("js/widgets");
    const sources = readdirSync(root, { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts"))
      .map((name) => readFileSync(join(root, name), "utf8"));
    const named = sources.flatMap((source) =>
      [...source.matchAll(/\bt\(\s*"([^"]+)"/g)].map((match) => match[1]!),
    );
    expect(named.filter((key) => !(key in en))).toEqual([]);
  });
});

test("Spanish for every Spanish tag, English for the rest", () => {
  const key = "kernel.status_connecting";
  expect(translator("es-MX")(key)).toBe(es[key]);
  expect(translator("ES")(key)).toBe(es[key]);
  expect(translator("fr")(key)).toBe(en[key]);
  expect(translator("")(key)).toBe(en[key]);
});

test("an unknown key shows itself", () => {
  expect(translator("en")("nowhere.nothing")).toBe("nowhere.nothing");
});

test("a parameter is put in as it is, even where it looks like a placeholder", () => {
  const sentence = errorSentence(
    "en",
    new RemoteError("number", { name: "{low}", low: "$&", high: 1, given: "<b>" }, ""),
    "playground",
  );
  expect(sentence).toBe("{low} must be a number between $& and 1; <b> is not.");
});

test("a setting is called as the view calls it", () => {
  const error = new RemoteError("yes_no", { name: "shuffle", given: "1" }, "");
  expect(errorSentence("es", error, "playground")).toContain(
    translator("es")("playground.shuffle"),
  );
});

test("an error whose key this page does not know is said in English", () => {
  expect(
    errorSentence("es", new RemoteError("brand_new", {}, "Something new."), "playground"),
  ).toBe("Something new.");
});
