// Samples at one rate in, samples at another rate out, band-limited.

const ZERO_CROSSINGS = 24; // each side: about 1.2 kHz of transition below 8 kHz, 60 dB down beyond
const ROLLOFF = 0.925; // the -6 dB point as a share of the lower Nyquist frequency
const KAISER_BETA = 6;
const MOST_ROWS = 1024; // rates with a tiny common divisor would need a row per output rate step

function greatestCommonDivisor(a, b) {
  return b ? greatestCommonDivisor(b, a % b) : a;
}

function besselI0(x) {
  let sum = 1;
  let term = 1;
  for (let k = 1; k < 32; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}

function windowedSinc(t, cutoff, half) {
  if (Math.abs(t) >= half) return 0;
  const x = Math.PI * cutoff * t;
  const sinc = x === 0 ? 1 : Math.sin(x) / x;
  return sinc * besselI0(KAISER_BETA * Math.sqrt(1 - (t / half) ** 2));
}

/**
 * A table of interpolation filters, one row per fractional position.
 *
 * A position between input samples is `index + phase / up`; one output sample further is
 * `phase += down`, with a carry into `index` at `up`. Integers only, so nothing drifts.
 */
export class Polyphase {
  constructor(from, to) {
    const divisor = greatestCommonDivisor(from, to);
    this.up = to / divisor;
    this.down = from / divisor;
    this.passThrough = from === to;
    const cutoff = Math.min(1, to / from) * ROLLOFF;
    this.half = this.passThrough ? 1 : Math.ceil(ZERO_CROSSINGS * Math.max(1, from / to));
    this.rows = Math.min(this.up, MOST_ROWS);
    this.table = this.passThrough ? null : this.#build(cutoff);
  }

  #build(cutoff) {
    const taps = 2 * this.half;
    const table = new Float32Array(this.rows * taps);
    for (let row = 0; row < this.rows; row++) {
      let sum = 0;
      for (let tap = 0; tap < taps; tap++) {
        const value = windowedSinc(tap - this.half + 1 - row / this.rows, cutoff, this.half);
        table[row * taps + tap] = value;
        sum += value;
      }
      for (let tap = 0; tap < taps; tap++) table[row * taps + tap] /= sum;
    }
    return table;
  }

  /** The value at `index + phase / up`; reads `half - 1` samples before `index` and `half` after. */
  at(samples, index, phase) {
    if (this.passThrough) return samples[index];
    const taps = 2 * this.half;
    const row = Math.floor((phase * this.rows) / this.up) * taps;
    const first = index - this.half + 1;
    let sum = 0;
    for (let tap = 0; tap < taps; tap++) sum += this.table[row + tap] * samples[first + tap];
    return sum;
  }
}

/** A stream of blocks in, `emit(sample)` for each output sample. */
export class StreamResampler {
  constructor(from, to) {
    this.filter = new Polyphase(from, to);
    this.phase = 0;
    this.index = this.filter.half - 1;
    this.length = this.index; // the stream is preceded by silence
    this.history = new Float32Array(this.length + 2 * this.filter.half + 4096);
  }

  push(block, emit) {
    const { filter } = this;
    this.history.set(block, this.length);
    this.length += block.length;
    while (this.index + filter.half < this.length) {
      emit(filter.at(this.history, this.index, this.phase));
      this.phase += filter.down;
      while (this.phase >= filter.up) {
        this.phase -= filter.up;
        this.index++;
      }
    }
    const done = Math.min(this.index - filter.half + 1, this.length);
    this.history.copyWithin(0, done, this.length);
    this.length -= done;
    this.index -= done;
  }
}
