/** One view of a LossPlot. */

import { computed, type ReadonlySignal, signal } from "@preact/signals-core";

import { inTheme } from "../../draw/looks.ts";
import { setAttribute } from "../../shared/ui/dom.ts";
import { react, track } from "../../shared/lifetime.ts";
import { type Model, Optimistic, trait } from "../../shared/kernel/traits.ts";
import { sheet } from "../../shared/ui/sheet.ts";
import { hidePicture } from "../../shared/static_picture.ts";
import { Throttle } from "../../shared/throttle.ts";
import { createView } from "../../shared/view.ts";
import { chart } from "./chart/chart.ts";
import type { Context, Hidden, Line, RunInfo, Settings, SettingValues } from "./context.ts";
import { type Curves, followCurves, type Question } from "./chart/curves.ts";
import { exportPanel } from "./header/export_panel.ts";
import { header } from "./header/header.ts";
import { helpPanel } from "./header/help_panel.ts";
import { legend } from "./legend/legend.ts";
import { inOrder } from "./legend/series.ts";
import { settingRow } from "./header/setting_row.ts";
import {
  firstMessage,
  overall,
  readStatus,
  recorded,
  type RunState,
  type RunStatus,
  type Status,
} from "./header/status.ts";
import { ALL, asked, type Window } from "./chart/window.ts";
import { WORDS } from "./words.ts";

const SETTING_NAMES = ["axis", "x_scale", "y_scale", "smoothing", "hidden"] as const;

/** Every third message of a run that nobody touches; what no curves have told by then comes alone. */
const [APART_MS, LATE_MS] = [500, 800];

/** Curves of one request at least and at most this many stretches wide. */
const PIXELS = [16, 4096] as const;

export function mountView(
  model: Model,
  host: HTMLElement,
  language: string,
  lifetime: AbortSignal,
): void {
  const marker = signal<string | null>(null);
  const view = createView<Status>(model, host, language, lifetime, {
    name: "loss_plot",
    words: WORDS,
    stream: { kind: "plot.show", read: readStatus, light: true },
    welcome: ({ meta }) => {
      if (typeof meta["picture"] === "string") marker.value = meta["picture"];
    },
  });
  const { root, controls, rpc, session, complain, t } = view;
  const runs = model.get("runs") as readonly RunInfo[];
  const settings = Object.fromEntries(
    SETTING_NAMES.map((name) => [
      name,
      new Optimistic<unknown>(
        trait<SettingValues[typeof name]>(model, name, lifetime),
        lifetime,
        (value) => rpc.request("settings.set", { [name]: value }),
        complain,
      ),
    ]),
  ) as unknown as Settings;

  const status = computed(() => session.frame.value?.runs ?? []);
  const hidden = computed(
    () => new Set(settings.hidden.shown.value.map(([run, name]) => hiddenKey(run, name))),
  );
  const isHidden = (run: number, name: string | null) =>
    hidden.value.has(hiddenKey(run, null)) ||
    (name !== null && hidden.value.has(hiddenKey(run, name)));
  const { state, wish } = wishes();
  const window = signal<Window>(ALL);
  const pixels = signal(0);

  const lines = computed(() =>
    status.value.flatMap(({ series }, run) =>
      [...series].sort(inOrder).map((entry): Line => ({
        run,
        series: entry,
        look: inTheme(entry.look, view.theme.value.dark),
      })),
    ),
  );
  const shown = computed(() =>
    JSON.stringify(
      lines.value
        .filter(({ run, series }) => series.rows > 0 && !isHidden(run, series.name))
        .map(({ run, series }) => [run, series.name]),
    ),
  );
  const question = computed((): Question | null => {
    if (status.value.length === 0 || pixels.value === 0) return null;
    const axis = settings.axis.shown.value;
    const x_scale = settings.x_scale.shown.value;
    const smoothing = settings.smoothing.shown.value;
    const wanted = {
      axis,
      x_scale,
      smoothing,
      pixels: Math.round(Math.max(PIXELS[0], Math.min(pixels.value, PIXELS[1]))),
      series: JSON.parse(shown.value) as unknown[],
    };
    const looked = window.value;
    return {
      key: JSON.stringify([wanted, looked, recorded(status.value)]),
      axis,
      meta: () => ({ ...wanted, ...asked(looked, curves.peek()?.extent ?? null, x_scale) }),
    };
  });
  const curves: ReadonlySignal<Curves | null> = followCurves(rpc, lifetime, question, complain);

  const told = toldCalmly(status, curves, lifetime);

  const context: Context = {
    ...view,
    runs,
    settings,
    status,
    told,
    state,
    wish,
    window,
    curves,
    lines,
    isHidden,
    pixels,
  };

  const { buttons, element } = sheet(context, [exportPanel(context), helpPanel(context)]);
  controls.append(
    header(context, buttons),
    settingRow(context),
    chart(context),
    legend(context),
    element,
  );
  setAttribute(root, "data-runs", runs.length);
  // Without a word from the kernel the picture is all there is.
  hidePicture(view, () => (session.frame.value === null ? null : marker.value));

  react(lifetime, () => setAttribute(root, "data-state", state.value));
  react(lifetime, () => {
    setAttribute(root, "data-step", Math.max(0, ...status.value.map(({ step }) => step)));
  });
  // Another history has other places; what is not shown any more is looked for in vain.
  let revisions = "";
  react(lifetime, () => {
    const now = status.value.map(({ revision }) => revision).join();
    if (now !== revisions && revisions !== "") window.value = ALL;
    revisions = now;
  });
  react(lifetime, () => {
    // Places on one axis mean nothing on another.
    track(settings.axis.shown);
    window.value = ALL;
  });
  view.standing(() => {
    const problem = firstMessage(status.value);
    if (problem === null) return null;
    const said = view.sentence(problem.message);
    const { name, controls: offered } = runs[problem.run]!;
    const sentence = runs.length > 1 ? `${name}: ${said}` : said;
    if (problem.goesOn || !offered.includes("play")) return { sentence };
    const act = () => context.command("run.play", { run: problem.run });
    return { sentence, wayOn: { label: t("loss_plot.again"), act } };
  });
  view.open();

  /** The state shows at once what was asked for, until a status comes that knows of it. */
  function wishes() {
    const wished = signal<{ readonly state: RunState; granted: Status | null } | null>(null);
    react(lifetime, () => {
      const frame = session.frame.value;
      const wish = wished.peek();
      if (wish?.granted != null && wish.granted !== frame) wished.value = null;
    });
    return {
      state: computed(() => wished.value?.state ?? overall(status.value)),
      wish: (wanted: RunState, kind: string) => {
        const wish = { state: wanted, granted: null as Status | null };
        wished.value = wish;
        rpc.request(kind).then(
          () => {
            wish.granted = session.frame.peek();
          },
          (error: unknown) => {
            if (wished.peek() === wish) wished.value = null;
            complain(error);
          },
        );
      },
    };
  }
}

/**
 * The status for people to read: numbers twice a second, text costs the page as much as the curves;
 * at once what tells of another state or series.
 *
 * @param curves told with their changes, so that numbers and picture are painted in one frame.
 */
function toldCalmly(
  status: ReadonlySignal<readonly RunStatus[]>,
  curves: ReadonlySignal<unknown>,
  lifetime: AbortSignal,
): ReadonlySignal<readonly RunStatus[]> {
  const told = signal(status.peek());
  const throttle = new Throttle(lifetime, LATE_MS);
  const urgent = () =>
    JSON.stringify(
      status.peek().map(({ state, series }) => [state, series.map(({ name }) => name)]),
    );
  let shown = "";
  const tell = () => {
    shown = urgent();
    told.value = status.peek();
  };
  react(lifetime, () => {
    track(status);
    if (urgent() !== shown) throttle.now(tell);
    else throttle.run(tell);
  });
  react(lifetime, () => {
    track(curves);
    throttle.flush(APART_MS);
  });
  return told;
}

function hiddenKey(run: number, name: string | null): string {
  return JSON.stringify([run, name] satisfies Hidden);
}
