/** The sentences of the learning rate finder. */

import { learning_rate_finder as en } from "../../shared/locales/en.json";
import { learning_rate_finder as es } from "../../shared/locales/es.json";

export const WORDS = { en: { learning_rate_finder: en }, es: { learning_rate_finder: es } };
