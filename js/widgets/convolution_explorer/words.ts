/** The sentences of the explorer. */

import en from "../../shared/locales/convolution_explorer.en.json";
import es from "../../shared/locales/convolution_explorer.es.json";

export const WORDS = { en: { convolution_explorer: en }, es: { convolution_explorer: es } };
