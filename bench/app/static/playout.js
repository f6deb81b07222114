// Utterances in, loudspeaker samples out, and an account of every sample.

import { Polyphase } from './polyphase.js';

const PREBUFFER_SECONDS = 0.05;
const FADE_SECONDS = 0.004;
const REPORT_SECONDS = 0.06;
const CAPACITY_SECONDS = 60;
const REMEMBERED = 64; // settled utterances whose late audio is still counted under their own id

/**
 * The playout buffer of one session, and its ledger in wire samples.
 *
 * For each utterance `received = played + buffered + dropped` holds at any time.
 *
 * A hold fades out over the next 4 ms of the utterance and counts them as played; a resume fades
 * in from the sample after them. So each sample leaves the buffer exactly once: none is lost, none
 * is repeated, and only 8 ms around the pause are quieter. A clear stops the count at once: its
 * fade-out uses samples already counted as dropped, for the listener cannot have understood them.
 */
export class Playout {
  /** `report(message)` is given what the socket sends up: played, cleared, underrun. */
  constructor(outputRate, report) {
    this.outputRate = outputRate;
    this.report = report;
    this.fadeFrames = Math.round(FADE_SECONDS * outputRate);
    this.reportFrames = Math.round(REPORT_SECONDS * outputRate);
    this.tail = new Float32Array(this.fadeFrames);
    this.reset(16000);
  }

  /** Forget everything: a new session counts its utterances from the beginning. */
  reset(wireRate) {
    this.filter = new Polyphase(wireRate, this.outputRate);
    this.prebuffer = Math.round(PREBUFFER_SECONDS * wireRate);
    this.fade = Math.ceil(FADE_SECONDS * wireRate);
    this.ring = new Int16Array(CAPACITY_SECONDS * wireRate);
    this.span = new Float32Array(0);
    this.written = 0;
    this.queue = [];
    this.settled = new Map();
    this.restate = new Set();
    this.newest = -1;
    this.clearedUpTo = -1;
    this.held = false;
    this.sounding = false;
    this.level = this.fadeFrames; // gain in steps of 1 / fadeFrames
    this.tailLeft = 0;
    this.sinceReport = 0;
  }

  /** Wire samples of utterance `id`, in order; what comes too late or does not fit is dropped. */
  audio(id, samples) {
    if (id <= this.clearedUpTo || id < this.newest || this.settled.has(id)) {
      this.#countLate(id, samples.length);
      return;
    }
    const utterance = this.#open(id);
    const head = this.queue[0];
    const kept = this.written - head.origin - head.position + this.filter.half;
    const taken = Math.max(0, Math.min(samples.length, this.ring.length - kept));
    for (let i = 0; i < taken; i++) this.ring[this.written++ % this.ring.length] = samples[i];
    utterance.accepted += taken;
    utterance.dropped += samples.length - taken;
    if (taken < samples.length) this.restate.add(id);
  }

  /** No more audio of `id` follows, so it plays however short it is. */
  end(id) {
    if (id <= this.clearedUpTo) return;
    const utterance = this.queue.find((each) => each.id === id);
    if (utterance) utterance.ended = true;
    else {
      const account = this.settled.get(id) ?? this.#settle({ id, position: 0, dropped: 0 });
      this.report({ type: 'played', utterance: id, samples: account.played });
    }
  }

  hold() {
    this.held = true;
  }

  resume() {
    this.held = false;
  }

  /** Drop what is left of `id` and of all before it, for good; a hold ends with what it held. */
  clear(id) {
    const gone = this.queue.filter((each) => each.id <= id);
    const played = gone.map((each) => each.position);
    if (this.sounding && gone.length) {
      this.#fadeAway(gone[0]);
      this.sounding = false;
    }
    this.queue = this.queue.filter((each) => each.id > id);
    this.clearedUpTo = Math.max(this.clearedUpTo, id);
    this.newest = Math.max(this.newest, id);
    this.held = false;
    gone.forEach((each, i) => {
      const dropped = each.dropped + each.accepted - played[i];
      this.#settle({ id: each.id, position: played[i], dropped });
      this.#reportCleared(each.id);
    });
    if (!gone.some((each) => each.id === id)) this.#reportCleared(id);
  }

  /** Fill one block of output; called for every render quantum. */
  render(out) {
    out.fill(0);
    let at = 0;
    while (at < out.length && this.queue.length && (this.sounding || this.#begin())) {
      at = this.#sound(out, at);
    }
    this.#addTail(out);
    this.sinceReport += out.length;
    if (this.sounding && this.sinceReport >= this.reportFrames) this.#reportPlayed(this.queue[0]);
    for (const id of this.restate) if (this.settled.has(id)) this.#reportCleared(id);
  }

  /** One line per utterance still known: received, played, buffered, dropped. */
  ledger() {
    const lines = [...this.settled].map(([utterance, { played, dropped }]) => (
      { utterance, received: played + dropped, played, buffered: 0, dropped }));
    for (const { id, accepted, position, dropped } of this.queue) {
      const buffered = accepted - position;
      lines.push({
        utterance: id, received: accepted + dropped, played: position, buffered, dropped,
      });
    }
    return lines;
  }

  #open(id) {
    const last = this.queue.at(-1);
    if (last?.id === id) return last;
    if (last) last.ended = true;
    this.newest = id;
    const utterance = {
      id, origin: this.written, accepted: 0, dropped: 0, position: 0, phase: 0, ended: false,
    };
    this.queue.push(utterance);
    return utterance;
  }

  #begin() {
    const utterance = this.queue[0];
    const waiting = utterance.accepted - utterance.position < this.prebuffer;
    if (this.held || (waiting && !utterance.ended)) return false;
    this.sounding = true;
    this.level = utterance.position ? 0 : this.fadeFrames;
    this.sinceReport = this.reportFrames;
    return true;
  }

  #sound(out, from) {
    const utterance = this.queue[0];
    const base = this.#load(utterance, out.length - from);
    for (let at = from; at < out.length; at++) {
      if (utterance.ended && utterance.position >= utterance.accepted) {
        this.#finish(utterance);
        return at;
      }
      // Running dry fades out like a hold, over the last samples there are, instead of clicking.
      const left = utterance.accepted - utterance.position - this.filter.half;
      const fading = this.held || (!utterance.ended && left <= this.fade);
      this.level = fading ? this.level - 1 : Math.min(this.fadeFrames, this.level + 1);
      if (this.level <= 0 || (left <= 0 && !utterance.ended)) {
        this.#pause(utterance);
        return at;
      }
      const index = utterance.position - base;
      out[at] = this.filter.at(this.span, index, utterance.phase) * this.level / this.fadeFrames;
      this.#advance(utterance);
    }
    return out.length;
  }

  /** Copy what `frames` of output need into `span`; returns the position of its first sample. */
  #load(utterance, frames) {
    const { half, up, down } = this.filter;
    const base = utterance.position - half + 1;
    const length = Math.ceil((frames * down) / up) + 2 * half + 1;
    if (this.span.length < length) this.span = new Float32Array(length);
    for (let i = 0; i < length; i++) {
      const at = base + i;
      const inside = at >= 0 && at < utterance.accepted;
      this.span[i] = inside ? this.ring[(utterance.origin + at) % this.ring.length] / 32768 : 0;
    }
    return base;
  }

  #advance(utterance) {
    utterance.phase += this.filter.down;
    while (utterance.phase >= this.filter.up) {
      utterance.phase -= this.filter.up;
      utterance.position++;
    }
    // A step over the last sample may carry further than there are samples.
    if (utterance.ended) utterance.position = Math.min(utterance.position, utterance.accepted);
  }

  #pause(utterance) {
    this.sounding = false;
    this.level = 0;
    this.#reportPlayed(utterance);
    if (this.held) return;
    this.report({ type: 'underrun', utterance: utterance.id, at_sample: utterance.position });
  }

  #finish(utterance) {
    this.sounding = false;
    this.queue.shift();
    this.#settle(utterance);
    this.#reportPlayed(utterance);
  }

  #fadeAway(utterance) {
    const faded = new Float32Array(this.fadeFrames);
    for (let i = 0; i < this.tailLeft; i++) faded[i] = this.tail[this.fadeFrames - this.tailLeft + i];
    const base = this.#load(utterance, this.fadeFrames);
    for (let i = 0; this.level > 1 && utterance.position < utterance.accepted; i++) {
      this.level--;
      const value = this.filter.at(this.span, utterance.position - base, utterance.phase);
      faded[i] += value * this.level / this.fadeFrames;
      this.#advance(utterance);
    }
    this.tail = faded;
    this.tailLeft = this.fadeFrames;
  }

  #addTail(out) {
    for (let i = 0; i < out.length && this.tailLeft; i++) {
      out[i] += this.tail[this.fadeFrames - this.tailLeft--];
    }
  }

  #settle({ id, position, dropped }) {
    const account = { played: position, dropped };
    this.settled.set(id, account);
    if (this.settled.size > REMEMBERED) this.#forget(this.settled.keys().next().value);
    return account;
  }

  #forget(id) {
    this.settled.delete(id);
    this.restate.delete(id);
  }

  #countLate(id, samples) {
    const account = this.queue.find((each) => each.id === id) ?? this.settled.get(id)
      ?? this.#settle({ id, position: 0, dropped: 0 });
    account.dropped += samples;
    this.restate.add(id);
  }

  #reportPlayed(utterance) {
    this.sinceReport = 0;
    this.report({ type: 'played', utterance: utterance.id, samples: utterance.position });
  }

  #reportCleared(id) {
    this.restate.delete(id);
    const { played, dropped } = this.settled.get(id) ?? { played: 0, dropped: 0 };
    this.report({ type: 'cleared', utterance: id, played, dropped });
  }
}
