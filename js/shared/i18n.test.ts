import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";

import { describe, expect, test } from "vitest";

import { errorSentence, translator } from "./i18n.ts";
import { RemoteError } from "./kernel/rpc.ts";
import spanish from "./locales/es.json";
import playgroundEn from "./locales/playground.en.json";
import playgroundEs from "./locales/playground.es.json";

const WORDS = { en: { playground: playgroundEn }, es: { playground: playgroundEs } };
const LOCALES = resolve("js/shared/locales");

type Sections = Readonly<Record<string, Readonly<Record<string, string>>>>;

function read(file: string): object {
  return JSON.parse(readFileSync(join(LOCALES, file), "utf8")) as object;
}

/** `section.name` → sentence, of `NAME.LANGUAGE.json`, which is one section, or of all sections. */
function flat(name: string, language: string): Record<string, string> {
  const found = read(name === "" ? `${language}.json` : `${name}.${language}.json`);
  const sections = (name === "" || name === "lab" ? found : { [name]: found }) as Sections;
  // What Python refuses it says itself in English; tests/test_errors.py compares its sentences.
  return Object.fromEntries(
    Object.entries(sections).flatMap(([section, sentences]) =>
      section === "error"
        ? []
        : Object.entries(sentences).map(([key, sentence]) => [`${section}.${key}`, sentence]),
    ),
  );
}

function placeholders(sentence: string): string[] {
  return [...new Set(sentence.match(/\{\w+\}/g) ?? [])].sort();
}

/** Each widget's, the labextension's, and what they share. */
const CATALOGUES = readdirSync(LOCALES)
  .filter((file) => /^(\w+\.)?en\.json$/.test(file))
  .map((file) => file.replace(/\.?en\.json$/, ""));
const all = (language: string): Record<string, string> =>
  Object.assign({}, ...CATALOGUES.map((name) => flat(name, language))) as Record<string, string>;
const [en, es] = [all("en"), all("es")];

describe.each(CATALOGUES)("the catalogue '%s'", (name) => {
  const [english, spanish] = [flat(name, "en"), flat(name, "es")];

  test("has the same keys in both languages, in the same order", () => {
    expect(Object.keys(spanish)).toEqual(Object.keys(english));
  });

  test("has the same placeholders, and no sentence is empty", () => {
    const wrong = Object.entries(english).filter(
      ([key, sentence]) =>
        !sentence ||
        !spanish[key] ||
        placeholders(spanish[key]).join() !== placeholders(sentence).join(),
    );
    expect(wrong).toEqual([]);
  });
});

test("every key that a widget names is in a catalogue", () => {
  const sources = ["js/widgets", "js/shared", "js/lab"].flatMap((root) =>
    readdirSync(resolve(root), { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts"))
      .map((file) => [/^\w+/.exec(file)![0], readFileSync(join(root, file), "utf8")] as const),
  );
  const named = sources.flatMap(([name, source]) =>
    [...source.matchAll(/\bt\(\s*"([^"]+)"/g)].map(([, key]) =>
      // An explainer names its own by the key alone.
      key!.includes(".") ? key! : `${name}.${key}`,
    ),
  );
  expect(named.length).toBeGreaterThan(300);
  expect(named.filter((key) => !(key in en))).toEqual([]);
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
  const text = "shuffle must be true or false; got 1.";
  const error = new RemoteError("yes_no", { name: "shuffle", given: "1" }, text, {
    es: spanish.error.yes_no,
  });
  expect(errorSentence("es", error, "playground", WORDS)).toContain(es["playground.shuffle"]);
  expect(errorSentence("en", error, "playground", WORDS)).toBe(
    "Shuffle in each epoch must be true or false; got 1.",
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
