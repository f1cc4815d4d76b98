import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";

import { describe, expect, test } from "vitest";

import { errorSentence, translator } from "./i18n.ts";
import english from "./locales/en.json";
import spanish from "./locales/es.json";
import { RemoteError } from "./rpc.ts";

const { playground } = english;
const WORDS = { en: { playground }, es: { playground: spanish.playground } };

function flat(catalogue: Record<string, Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(catalogue).flatMap(([section, sentences]) =>
      Object.entries(sentences).map(([name, sentence]) => [`${section}.${name}`, sentence]),
    ),
  );
}

function placeholders(sentence: string): string[] {
  return [...new Set(sentence.match(/\{\w+\}/g) ?? [])].sort();
}

const en = flat(english);
// What Python refuses it says itself in English; tests/test_errors.py compares its sentences.
const es = flat(Object.fromEntries(Object.entries(spanish).filter(([name]) => name !== "error")));

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
    const sources = ["js/widgets", "js/shared", "js/lab"].flatMap((root) =>
      readdirSync(resolve(root), { recursive: true, encoding: "utf8" })
        .filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts"))
        .map((name) => readFileSync(join(resolve(root), name), "utf8")),
    );
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
    "es",
    new RemoteError("number", { name: "{low}", low: "$&", high: 1, given: "<b>" }, "", {
      es: spanish.error.number,
    }),
    "playground",
    WORDS,
  );
  expect(sentence).toBe("{low} debe ser un número entre $& y 1; <b> no lo es.");
});

test("a setting is called as the view calls it", () => {
  const text = "shuffle must be true or false; 1 is neither.";
  const error = new RemoteError("yes_no", { name: "shuffle", given: "1" }, text, {
    es: spanish.error.yes_no,
  });
  expect(errorSentence("es", error, "playground", WORDS)).toContain(es["playground.shuffle"]);
  expect(errorSentence("en", error, "playground", WORDS)).toBe(
    "Shuffle in each epoch must be true or false; 1 is neither.",
  );
});

test("an error that the kernel says in English only is said in English", () => {
  expect(
    errorSentence("es", new RemoteError("brand_new", {}, "Something new."), "playground", WORDS),
  ).toBe("Something new.");
});

test("a bundle that lacks a section shows its keys", () => {
  expect(translator("en")("playground.shuffle")).toBe("playground.shuffle");
  expect(translator("es", WORDS)("playground.shuffle")).toBe(es["playground.shuffle"]);
});
