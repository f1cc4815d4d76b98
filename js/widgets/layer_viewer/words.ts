/** The sentences of the layer viewer. */

import { layer_viewer as en } from "../../shared/locales/en.json";
import { layer_viewer as es } from "../../shared/locales/es.json";

export const WORDS = { en: { layer_viewer: en }, es: { layer_viewer: es } };
