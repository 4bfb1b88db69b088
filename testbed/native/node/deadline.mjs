// How long the caller still waits, as its header says: nothing is begun after that.

/** A moment after which nobody waits for the answer; without a moment, somebody always does. */
export class Deadline {
  #header;
  #at = Infinity;

  constructor(header, headers) {
    this.#header = header;
    const told = (header && headers[header.toLowerCase()]) ?? '';
    if (/^\d+$/.test(told)) this.#at = performance.now() + Number(told);
  }

  /** Whether it has passed. */
  get over() {
    return performance.now() >= this.#at;
  }

  /** Return how many milliseconds to wait: `timeout` (null: for ever), or less. */
  within(timeout) {
    const least = Math.min(timeout ?? Infinity, Math.max(0, this.#at - performance.now()));
    return least === Infinity ? null : least;
  }

  /** Return the header that hands on what is left, in whole milliseconds. */
  told() {
    if (this.#at === Infinity) return {};
    return { [this.#header]: String(Math.max(0, Math.floor(this.#at - performance.now()))) };
  }
}
