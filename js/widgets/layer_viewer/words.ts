/** The sentences of the layer viewer. */

import en from "../../shared/locales/layer_viewer.en.json";
import es from "../../shared/locales/layer_viewer.es.json";

export const WORDS = { en: { layer_viewer: en }, es: { layer_viewer: es } };
