/** How the items of a graph look: what they say, their colours, what marks them. */

import type { Size } from "../../draw/graph/nested.ts";
import type { ItemLook } from "../../draw/graph/paint.ts";
import { brokenIn, inkOn, NAN, valueOf } from "./colours.ts";
import type { Context, Shown } from "./context.ts";
import type { Drawn } from "./drawn.ts";
import { formatMany } from "./numbers.ts";

type Measure = (text: string, font: string) => number;

const FONT = "600 12px";
const [NARROWEST, WIDEST] = [64, 220];
/** More than so much of a layer's units dead is worth a word. */
const MANY_DEAD = 0.005;

/** What a closed item says. */
export function words({ t }: Context, drawn: Drawn, item: number) {
  const group = drawn.group(item);
  const own = drawn.title(item);
  if (group !== null) {
    const count = group.parameters > 0 ? ` · ${formatMany(group.parameters)}` : "";
    const badge = group.kind === "module" ? "" : `×${group.count}`;
    const label = group.label === own ? "" : group.label;
    const marks = [group.shared ? t("mark_shared") : "", group.unused ? t("mark_unused") : ""];
    const detail = [`${label}${count}`.replace(/^ · /, ""), ...marks].filter((one) => one !== "");
    return { title: own, detail: detail.join(" · "), badge };
  }
  const kind = drawn.kind(item);
  const title =
    kind === "output" || kind === "input"
      ? `${t(kind)}${/^\d+$/.test(own) ? ` ${Number(own) + 1}` : own === "" ? "" : ` ${own}`}`
      : own;
  const detail =
    kind === "failure"
      ? drawn.info.failure!.shapes.join(", ")
      : kind === "unseen"
        ? t(`left_${drawn.info.nodes.left[item] ?? "unknown"}`)
        : "";
  return { title, detail, badge: "" };
}

export function sizeOf(context: Context, drawn: Drawn, item: number, measured: Measure): Size {
  const { title, detail, badge } = words(context, drawn, item);
  const head = measured(title, FONT) + (badge === "" ? 0 : measured(badge, FONT) + 8);
  const wide = Math.max(head, measured(detail, "12px") * 0.92) + 22;
  return {
    width: Math.round(Math.max(NARROWEST, Math.min(WIDEST, wide))),
    height: detail === "" ? 28 : 44,
  };
}

export function headOf(context: Context, drawn: Drawn, group: number, measured: Measure): Size {
  const { title, badge } = words(context, drawn, group);
  return {
    width: Math.round(Math.min(WIDEST, measured(`${title} ${badge}`, FONT)) + 28),
    height: 24,
  };
}

export function looksOf(context: Context, index: number, { drawn, placed }: Shown): ItemLook[] {
  const { live, scales, found, colour, theme } = context;
  const { dark } = theme.value;
  const scale = scales.value[index] ?? null;
  const looked = found.value[index];
  const training = live.value[index] ?? null;
  const first = training?.first == null ? -1 : (drawn.info.same[training.first.node] ?? -1);
  const wrong = brokenIn(drawn, training, colour.shown.value);
  const failed = new Set(drawn.info.failure === null ? [] : drawn.groups.above(drawn.nodes - 1));
  return Array.from(placed.x, (at, item): ItemLook => {
    if (Number.isNaN(at)) return NOTHING;
    const kind = drawn.kind(item);
    const group = drawn.group(item);
    const value = scale === null ? null : valueOf(drawn, scale.metric, item, training);
    const broken = wrong.has(item);
    const isFirst = first >= 0 && drawn.isDrawn(first) && drawn.groups.contains(item, first);
    let fill = value === null || scale === null ? null : scale.fill(value);
    if (broken) fill = NAN;
    if (kind === "failure") fill = NAN;
    if (item === drawn.root) fill = null;
    const node = drawn.output(item);
    const dead = colour.shown.value === "activations" ? (training?.dead[node] ?? 0) : 0;
    const said = words(context, drawn, item);
    const change = item === drawn.root ? undefined : drawn.changes.get(item);
    const badge = changed(said.badge, change);
    const flag = isFirst ? context.t("first_nan") : broken ? "NaN" : "";
    return {
      ...said,
      badge,
      flag,
      carries: drawn.shape(item),
      fill,
      ink: fill === null ? null : inkOn(fill),
      edge:
        isFirst || kind === "failure" || failed.has(item)
          ? NAN
          : group?.unused === true || change !== undefined
            ? remarkable(dark)
            : null,
      dashed: group?.unused === true || kind === "unseen",
      round: kind === "input" || kind === "output" || kind === "parameter" || kind === "buffer",
      loops: group?.kind === "loop",
      gauge: dead > MANY_DEAD ? Math.min(1, dead) : 0,
      dim: looked?.items != null && !looked.bright.has(item),
    };
  });
}

const NOTHING: ItemLook = {
  title: "",
  detail: "",
  badge: "",
  flag: "",
  carries: "",
  fill: null,
  ink: null,
  edge: null,
  dashed: false,
  round: false,
  loops: false,
  gauge: 0,
  dim: false,
};

/** Besides its colour, what differs has a sign. */
function changed(badge: string, change: number | undefined): string {
  return change === undefined ? badge : `${badge} ${change === 2 ? "+" : "≠"}`.trim();
}

function remarkable(dark: boolean): string {
  return dark ? "#ffb268" : "#a85300";
}
