/** The unit that is being looked at: its formula and what it sees follow the network. */

import { computed, signal } from "@preact/signals-core";

import { react } from "../../shared/lifetime.ts";
import type { View } from "../../shared/view.ts";
import { SingleFlight } from "../../shared/kernel/single_flight.ts";
import type { Selection } from "./context.ts";
import {
  type Explained,
  type Field,
  type Place,
  readExplained,
  readField,
} from "./unit/explained.ts";
import type { Frame } from "./network.ts";

interface Wish {
  readonly place: Place;
  readonly source: number | null;
}

export function createSelection({ rpc, session, complain, lifetime }: View<Frame>): Selection {
  const place = signal<Place | null>(null);
  const source = signal<number | null>(null);
  const explained = signal<Explained | null>(null);
  const field = signal<Field | null>(null);
  const asked = signal(0);

  /** Ask, and keep the answer if the unit is still the one. */
  const ask = async <T>(
    wanted: Place,
    request: Promise<Parameters<typeof readField>[0]>,
    read: (reply: Parameters<typeof readField>[0], at: Place) => T,
    keep: (answer: T) => void,
  ) => {
    asked.value = asked.peek() + 1;
    try {
      const answer = read(await request, wanted);
      if (place.peek()?.layer === wanted.layer) keep(answer);
    } catch (error) {
      complain(error);
    } finally {
      asked.value = asked.peek() - 1;
    }
  };
  const explaining = new SingleFlight<Wish>(({ place: wanted, source: from }) =>
    ask(
      wanted,
      rpc.request("unit.explain", { ...wanted, source: from }),
      readExplained,
      (answer) => (explained.value = answer),
    ),
  );
  const seeing = new SingleFlight<Place>((wanted) =>
    ask(
      wanted,
      rpc.request("unit.field", { ...wanted }),
      readField,
      (answer) => (field.value = answer),
    ),
  );

  // A frame may bring nothing but progress.
  const seen = computed(() => {
    const frame = session.frame.value;
    return frame === null ? null : `${frame.revision} ${frame.look}`;
  });

  react(lifetime, () => {
    const wanted = place.value;
    const from = source.value;
    if (wanted === null || seen.value === null || session.connection.peek() !== "live") return;
    explaining.want({ place: wanted, source: from });
    seeing.want(wanted);
  });

  return {
    place,
    source,
    explained,
    field,
    asked,
    choose: (wanted) => {
      const before = place.peek();
      if (wanted === null || before?.layer !== wanted.layer) {
        source.value = null;
        explained.value = null;
        field.value = null;
      }
      place.value = wanted;
    },
  };
}
