/** The sentences of the learning rate finder. */

import en from "../../shared/locales/learning_rate_finder.en.json";
import es from "../../shared/locales/learning_rate_finder.es.json";

export const WORDS = { en: { learning_rate_finder: en }, es: { learning_rate_finder: es } };
