/** The sentences of the kernel explorer. */

import en from "../../shared/locales/kernel_explorer.en.json";
import es from "../../shared/locales/kernel_explorer.es.json";

export const WORDS = { en: { kernel_explorer: en }, es: { kernel_explorer: es } };
