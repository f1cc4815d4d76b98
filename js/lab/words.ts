/** The sentences of the labextension, in the language of the page. */

import type { ITranslator } from "@jupyterlab/translation";
import { type Translate, translator as translatorFor } from "../shared/i18n";
import en from "../shared/locales/lab.en.json";
import es from "../shared/locales/lab.es.json";

export const WORDS = { en, es };

/** The language of the page; Lab says es_ES where the web says es-ES. */
export function languageOf(translator: ITranslator | null): string {
  return (translator?.languageCode ?? "en").replace("_", "-");
}

export function wordsOf(translator: ITranslator | null): Translate {
  return translatorFor(languageOf(translator), WORDS);
}
