/** The sentences of the LossPlot. */

import { loss_plot as en } from "../../shared/locales/en.json";
import { loss_plot as es } from "../../shared/locales/es.json";

export const WORDS = { en: { loss_plot: en }, es: { loss_plot: es } };
