// How long a request's work takes: a hash of seed, request, service and path, so that every run draws the same.

/** Map bytes, given as a latin1 text, to [0, 1): FNV-1a (32 bits), mixed by MurmurHash3's finalizer, over 2^32. */
export function unit(text) {
  let h = 0x811c9dc5;
  for (const byte of Buffer.from(text, 'latin1')) h = Math.imul(h ^ byte, 0x01000193);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return ((h ^ (h >>> 16)) >>> 0) / 2 ** 32;
}

/** Return the milliseconds at `at` (0 to 1) of a distribution, linear between its [percent, ms] knots. */
export function draw(knots, at) {
  if (knots.length === 0) return 0;
  const percent = 100 * at;
  const upper = knots.findIndex(([edge]) => edge > percent);
  const [[low, a], [high, b]] = knots.slice(upper - 1, upper + 1);
  return a + ((b - a) * (percent - low)) / (high - low);
}
