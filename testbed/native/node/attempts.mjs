// The attempt log: one JSON line for each try and each call, where no mesh proxy keeps that record.
import { writeSync } from 'node:fs';

/** Appends each line to an open file in one write; without a file it does nothing. */
export class AttemptLog {
  #file;
  #prefix;
  #number = 0;

  constructor(file, replica) {
    this.#file = file;
    this.#prefix = `${replica}-${process.hrtime.bigint().toString(16)}`;
  }

  /** Return an id that is unique, also after a restart of this replica. */
  callId() {
    this.#number += 1;
    return `${this.#prefix}-${this.#number}`;
  }

  /** Append one line: `began` is a `performance.now()`, written as epoch seconds. */
  write(fields, began, ms) {
    if (this.#file === null) return;
    const start = Math.round((performance.timeOrigin + began) * 1000) / 1e6;
    writeSync(this.#file, `${JSON.stringify({ ...fields, start, ms: rounded(ms) })}\n`);
  }
}

/** Return milliseconds to the microsecond. */
export const rounded = (ms) => Math.round(ms * 1000) / 1000;
