/** Sentences in English and Spanish. Keys are `section.name`; `{placeholder}` takes a parameter. */

import type { Params, RemoteError } from "./rpc.ts";
import en from "./locales/en.json";
import es from "./locales/es.json";

type Catalogue = Readonly<Record<string, Readonly<Record<string, string>>>>;

export const CATALOGUES: Readonly<Record<"en" | "es", Catalogue>> = { en, es };
export type Language = keyof typeof CATALOGUES;

export type Translate = (key: string, params?: Params) => string;

/** The sentences of a language tag such as `es-MX`; English for those that we do not have. */
export function translator(language: string): Translate {
  const catalogue = CATALOGUES[supported(language)];
  return (key, params = {}) => {
    const template = find(catalogue, key) ?? find(CATALOGUES.en, key);
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
export function errorSentence(language: string, error: RemoteError, section: string): string {
  const catalogue = CATALOGUES[supported(language)];
  const template = find(catalogue, `error.${error.key}`) ?? find(catalogue, error.key);
  if (template === undefined) return error.text;
  const { name } = error.params;
  const shown = typeof name === "string" ? find(catalogue, `${section}.${name}`) : undefined;
  return fill(template, shown === undefined ? error.params : { ...error.params, name: shown });
}

function find(catalogue: Catalogue, key: string): string | undefined {
  const dot = key.indexOf(".");
  return catalogue[key.slice(0, dot)]?.[key.slice(dot + 1)];
}

function fill(template: string, params: Params): string {
  return template.replace(/\{(\w+)\}/g, (placeholder, name: string) => {
    const value = params[name];
    return typeof value === "string" || typeof value === "number" ? String(value) : placeholder;
  });
}
