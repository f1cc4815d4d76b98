/** The sentences of the explorer. */

import { convolution_explorer as en } from "../../shared/locales/en.json";
import { convolution_explorer as es } from "../../shared/locales/es.json";

export const WORDS = { en: { convolution_explorer: en }, es: { convolution_explorer: es } };
