/** How fast something scrolls. */

/** Milliseconds without a move until something stands still. */
export const PAUSE = 200;

export class Pace {
  /** Pixels a millisecond, down is positive; 0 at rest. */
  speed = 0;
  #place = 0;
  #time = -Infinity;

  /** It stands there now. */
  at(place: number, time = performance.now()): void {
    const passed = time - this.#time;
    const now = passed > 0 && passed < PAUSE ? (place - this.#place) / passed : 0;
    // Half of what it was: single events jump.
    this.speed = Math.sign(now) === Math.sign(this.speed) ? (this.speed + now) / 2 : now;
    this.#place = place;
    this.#time = time;
  }

  rest(): void {
    this.speed = 0;
  }
}
