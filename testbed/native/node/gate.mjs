// Bounded concurrency: a limit of requests in progress, a queue in order of arrival, the rest are shed.

/** The limit is reached and the queue is full. */
export class Shed extends Error {}

/** At most `limit` requests between `enter` and `leave`, at most `queue` waiting for their turn. */
export class Gate {
  #free;
  #queue;
  #waiting = new Set(); // in the order of arrival

  constructor(limit, queue) {
    this.#free = limit;
    this.#queue = queue;
  }

  /** Enter, at once or in turn. Throws `Shed`, or the reason of `signal` if the client disconnects meanwhile. */
  async enter(signal) {
    if (this.#free > 0) {
      this.#free -= 1;
    } else if (this.#waiting.size >= this.#queue) {
      throw new Shed();
    } else {
      await this.#turn(signal);
    }
  }

  /** Let the request enter that has waited longest. */
  leave() {
    const [next] = this.#waiting;
    if (!next) {
      this.#free += 1;
      return;
    }
    this.#waiting.delete(next);
    next();
  }

  #turn(signal) {
    return new Promise((resolve, reject) => {
      this.#waiting.add(resolve);
      signal.addEventListener('abort', () => this.#waiting.delete(resolve) && reject(signal.reason), { once: true });
    });
  }
}
