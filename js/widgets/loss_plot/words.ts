/** The sentences of the LossPlot. */

import en from "../../shared/locales/loss_plot.en.json";
import es from "../../shared/locales/loss_plot.es.json";

export const WORDS = { en: { loss_plot: en }, es: { loss_plot: es } };
