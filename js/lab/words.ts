/** The sentences of the labextension. */

import { lab as en } from "../shared/locales/en.json";
import { lab as es } from "../shared/locales/es.json";

export const WORDS = { en: { lab: en }, es: { lab: es } };
