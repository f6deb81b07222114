// Random orders at the playout buffer, its ledger held against a count of its own.

import { Playout } from '/static/playout.js';

function random(seed) {
  let state = seed;
  return (n) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
}

/** One conversation of `steps` random orders; returns the first broken promise, or null. */
export function conversation(seed, steps, wireRate, outputRate) {
  const dice = random(seed);
  const reports = [];
  const received = new Map();
  const playout = new Playout(outputRate, (report) => reports.push(report));
  playout.reset(wireRate);
  const out = new Float32Array(128);
  let newest = 1;
  const orders = [
    () => { // audio, now and then of an utterance that is over
      const id = dice(8) ? newest : 1 + dice(newest);
      const samples = new Int16Array(1 + dice(wireRate / 10)).fill(1000);
      playout.audio(id, samples);
      received.set(id, (received.get(id) ?? 0) + samples.length);
    },
    () => { for (let i = dice(60); i; i--) playout.render(out); },
    () => { for (let i = dice(20); i; i--) playout.render(out); },
    () => playout.hold(),
    () => playout.resume(),
    () => { playout.end(newest); newest++; },
    () => { if (!dice(3)) playout.clear(1 + dice(newest)); },
  ];
  for (let step = 0; step < steps; step++) {
    orders[dice(orders.length)]();
    for (const line of playout.ledger()) {
      const sum = line.played + line.buffered + line.dropped;
      if (sum !== line.received || line.received !== (received.get(line.utterance) ?? 0)) {
        return { seed, step, line, received: received.get(line.utterance) };
      }
      if (line.buffered < 0) return { seed, step, line };
    }
  }
  playout.resume();
  playout.end(newest);
  for (let i = 0; i < 40000 && playout.queue.length; i++) playout.render(out);
  const left = playout.ledger().find((line) => line.buffered);
  if (left) return { seed, left };
  return lastWords(seed, playout, reports);
}

/** The last report about each utterance must agree with the ledger. */
function lastWords(seed, playout, reports) {
  for (const line of playout.ledger()) {
    const said = reports.filter((report) => report.utterance === line.utterance).at(-1);
    const played = said?.type === 'cleared' ? said.played : said?.samples;
    if (said && played !== line.played) return { seed, line, said };
    const positions = reports
      .filter((report) => report.utterance === line.utterance && report.type === 'played')
      .map((report) => report.samples);
    if (positions.some((at, i) => i && at < positions[i - 1])) return { seed, positions };
  }
  return null;
}
