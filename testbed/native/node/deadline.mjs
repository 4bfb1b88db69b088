// The deadline of the caller, from a header: nothing is begun after it.

/** The moment until which the caller waits; for ever if its header is missing or no number. */
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

  /** Return how many milliseconds to wait: `timeout` (null: for ever), or until the deadline if that is sooner. */
  within(timeout) {
    const least = Math.min(timeout ?? Infinity, Math.max(0, this.#at - performance.now()));
    return least === Infinity ? null : least;
  }

  /** Return the header with the time left, in whole milliseconds. */
  told() {
    if (this.#at === Infinity) return {};
    return { [this.#header]: String(Math.max(0, Math.floor(this.#at - performance.now()))) };
  }
}
