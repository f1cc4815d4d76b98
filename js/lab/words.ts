/** The sentences of the labextension, in the language of the page. */

import type { ITranslator } from "@jupyterlab/translation";
import { type Translate, translator as translatorFor } from "../shared/i18n";
import {
  lab as labEn,
  tensorboard as tensorboardEn,
  tensorboardProblem as tensorboardProblemEn,
} from "../shared/locales/en.json";
import {
  lab as labEs,
  tensorboard as tensorboardEs,
  tensorboardProblem as tensorboardProblemEs,
} from "../shared/locales/es.json";

export const WORDS = {
  en: { lab: labEn, tensorboard: tensorboardEn, tensorboardProblem: tensorboardProblemEn },
  es: { lab: labEs, tensorboard: tensorboardEs, tensorboardProblem: tensorboardProblemEs },
};

/** The language of the page; Lab says es_ES where the web says es-ES. */
export function languageOf(translator: ITranslator | null): string {
  return (translator?.languageCode ?? "en").replace("_", "-");
}

export function wordsOf(translator: ITranslator | null): Translate {
  return translatorFor(languageOf(translator), WORDS);
}
