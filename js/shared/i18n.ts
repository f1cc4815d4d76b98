/** Sentences in English and Spanish. Keys are `section.name`; `{placeholder}` takes a parameter. */

import type { Params, RemoteError } from "./kernel/rpc.ts";
import { kernel as kernelEn, view as viewEn } from "./locales/en.json";
import { kernel as kernelEs, view as viewEs } from "./locales/es.json";

export type Language = "en" | "es";
type Section = Readonly<Record<string, string>>;
type Catalogue = Readonly<Record<string, Section>>;

/** The sections of a widget: a bundle carries its own and the common ones only. */
export type Words = Readonly<Record<Language, Catalogue>>;

// What the kernel refuses it says in every language, so that a bundle need not carry that.
const COMMON: Words = {
  en: { kernel: kernelEn, view: viewEn },
  es: { kernel: kernelEs, view: viewEs },
};
const NONE: Words = { en: {}, es: {} };

export type Translate = (key: string, params?: Params) => string;

/** The sentences of a language tag such as `es-MX`; English for those that we do not have. */
export function translator(language: string, words: Words = NONE): Translate {
  const code = supported(language);
  return (key, params = {}) => {
    const template = find(code, words, key) ?? find("en", words, key);
    return template === undefined ? key : fill(template, params);
  };
}

export function supported(language: string): Language {
  return /^es\b/i.test(language) ? "es" : "en";
}

/** The language of the page, else of the browser. */
export function pageLanguage(): string {
  return document.documentElement.lang || navigator.language;
}

/**
 * What the kernel, or the lack of one, has to say, in the language of the view.
 *
 * The kernel calls a setting by its Python name; `section` has what the view calls it.
 */
export function errorSentence(
  language: string,
  error: RemoteError,
  section: string,
  words: Words = NONE,
): string {
  const code = supported(language);
  const template = error.templates[code] ?? find(code, words, error.key);
  const { params, text } = error;
  const name = typeof params["name"] === "string" ? params["name"] : "";
  const shown = find(code, words, `${section}.${name}`) ?? name;
  if (template !== undefined) return fill(template, { ...params, name: shown });
  return name !== "" && text.startsWith(`${name} `) ? shown + text.slice(name.length) : text;
}

function find(language: Language, words: Words, key: string): string | undefined {
  const dot = key.indexOf(".");
  const section = key.slice(0, dot);
  return (COMMON[language][section] ?? words[language][section])?.[key.slice(dot + 1)];
}

function fill(template: string, params: Params): string {
  return template.replace(/\{(\w+)\}/g, (placeholder, name: string) => {
    const value = params[name];
    return typeof value === "string" || typeof value === "number" ? String(value) : placeholder;
  });
}
