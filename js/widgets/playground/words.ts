/** The sentences of the Playground. */

import en from "../../shared/locales/playground.en.json";
import es from "../../shared/locales/playground.es.json";

export const WORDS = { en: { playground: en }, es: { playground: es } };
