/** The sentences of the Playground. */

import { playground as en } from "../../shared/locales/en.json";
import { playground as es } from "../../shared/locales/es.json";

export const WORDS = { en: { playground: en }, es: { playground: es } };
