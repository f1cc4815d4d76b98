/** The sentences of the kernel explorer. */

import { kernel_explorer as en } from "../../shared/locales/en.json";
import { kernel_explorer as es } from "../../shared/locales/es.json";

export const WORDS = { en: { kernel_explorer: en }, es: { kernel_explorer: es } };
