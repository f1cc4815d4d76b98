/** What is on screen: the image, what surrounds it, the kernels, and what comes out. */

import { computed, type ReadonlySignal, type Signal, signal } from "@preact/signals-core";

import { onEnd, react, track } from "../../../shared/lifetime.ts";
import { Convolution, type Kernels, type Task } from "./convolution.ts";
import {
  type Filter,
  type Geometry,
  isMisfit,
  layOver,
  type Misfit,
  pad,
} from "../kernel/filter.ts";
import { inGrey, type Planes, rangeOf } from "../image/planes.ts";
import { filterOf, type Traits } from "../settings.ts";

export interface Scene {
  /** As it was given, and as the kernel meets it: in grey or not, with its margins. */
  readonly image: Planes;
  readonly padded: Planes;
  readonly range: readonly [low: number, high: number];
  readonly filter: Filter;
  readonly kernels: Kernels;
  readonly size: number;
  readonly geometry: Geometry;
  readonly output: Planes;
}

/** There is an image, but the kernel does not fit. */
export interface Failure {
  readonly image: Planes;
  readonly misfit: Misfit;
}

export interface Place {
  readonly y: number;
  readonly x: number;
}

export interface Stage {
  /** What the kernel sent. */
  readonly remote: Signal<Planes | null>;
  /** What is drawn or filmed here. */
  readonly local: Signal<Planes | null>;
  /** Made once for each animation frame in which something changed. */
  readonly scene: ReadonlySignal<Scene | Failure | null>;
  /** The output pixel that stays, and the one under the pointer. */
  readonly pinned: Signal<Place | null>;
  readonly hovered: Signal<Place | null>;
  /** The output pixel whose arithmetic is shown. */
  readonly place: ReadonlySignal<Place | null>;
  /** The channel whose numbers are shown, and whose kernel is edited. */
  readonly plane: Signal<number>;
  readonly zoom: Signal<number>;
}

export function isScene(found: Scene | Failure | null): found is Scene {
  return found !== null && "output" in found;
}

export function makeStage(traits: Traits, lifetime: AbortSignal): Stage {
  const remote = signal<Planes | null>(null);
  const local = signal<Planes | null>(null);
  const scene = signal<Scene | Failure | null>(null);
  const pinned = signal<Place | null>(null);
  const hovered = signal<Place | null>(null);
  const filter = filterOf(traits.settings);
  const compute = composer();
  let scheduled = 0;
  react(lifetime, () => {
    track(remote, local, filter, traits.kernels.shown);
    if (scheduled === 0) scheduled = requestAnimationFrame(show);
  });
  onEnd(lifetime, () => cancelAnimationFrame(scheduled));
  function show(): void {
    scheduled = 0;
    const image = local.peek() ?? remote.peek();
    if (image === null) return;
    const kernels = traits.kernels.shown.peek();
    const last = scene.peek();
    // What Python says back is what has been shown already.
    const same = isScene(last) && last.image === image && last.filter === filter.peek();
    if (same && sameKernels(last.kernels, kernels)) return;
    scene.value = compute(image, filter.peek(), kernels);
  }
  let last: Place | null = null;
  return {
    ...{ remote, local, scene, pinned, hovered },
    place: computed(() => {
      const found = scene.value;
      if (!isScene(found)) return null;
      const { rows, columns } = found.geometry;
      const place = hovered.value ?? pinned.value ?? middle(rows, columns);
      const [y, x] = [Math.min(rows - 1, place.y), Math.min(columns - 1, place.x)];
      // The same object for the same place: what only follows the place rests.
      if (last?.y !== y || last.x !== x) last = { y, x };
      return last;
    }),
    plane: signal(0),
    zoom: signal(1),
  };
}

function sameKernels(a: Kernels, b: Kernels): boolean {
  const [one, other] = [a.flat(2), b.flat(2)];
  return (
    a.length === b.length && one.length === other.length && one.every((n, i) => n === other[i])
  );
}

/** A little beside the middle, where photographs and digits have more to show. */
function middle(rows: number, columns: number): Place {
  return { y: Math.floor(0.45 * rows), x: Math.floor(0.45 * columns) };
}

/** Keeps what did not change from one frame to the next. */
function composer(): (image: Planes, filter: Filter, kernels: Kernels) => Scene | Failure {
  const convolution = new Convolution();
  let last: {
    image: Planes;
    source: Planes;
    range: Scene["range"];
    key: string;
    task: Task;
  } | null = null;
  return (image, filter, kernels) => {
    const size = kernels[0]!.length;
    const { channels, stride, dilation, padding, padding_mode } = filter;
    const key = [channels, stride, dilation, padding, padding_mode, size].join();
    if (last?.image !== image || last.key !== key) {
      const source = channels === "grey" ? inGrey(image) : image;
      const geometry = layOver(filter, size, source);
      if (isMisfit(geometry)) return { image, misfit: geometry };
      const padded = pad(source, padding_mode, geometry);
      const range = last?.image === image ? last.range : rangeOf(image.values);
      last = { image, source, range, key, task: { padded, geometry, channels, stride, dilation } };
    }
    const { range, task } = last;
    const { padded, geometry } = task;
    const output = convolution.run(task, kernels, filter.bias);
    return { image, padded, range, filter, kernels, size, geometry, output };
  };
}
