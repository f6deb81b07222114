// Microphone in, 20 ms frames of 16 kHz mono PCM16 out.

import { StreamResampler } from './polyphase.js';

const WIRE_RATE = 16000;
const FRAME_SAMPLES = WIRE_RATE / 50;
const FRAMES_PER_LEVEL = 3;

class Microphone extends AudioWorkletProcessor {
  constructor() {
    super();
    // The capture rate is the context's, which follows the device: 44.1 and 48 kHz both occur.
    this.resampler = new StreamResampler(Math.round(sampleRate), WIRE_RATE);
    this.frame = new Int16Array(FRAME_SAMPLES);
    this.filled = 0;
    this.frames = 0;
    this.peak = 0;
    this.muted = false;
    this.quiet = new Float32Array(128);
    this.append = (sample) => this.#append(sample);
    this.port.onmessage = ({ data }) => {
      if (data.frames) this.wire = data.frames;
      if ('muted' in data) this.muted = data.muted;
    };
  }

  process([input]) {
    // Silence is sent while muted and while no track is connected: the frame clock never stops,
    // so that the far side hears quiet instead of a gap.
    const live = input.length > 0 && !this.muted;
    this.resampler.push(live ? input[0] : this.quiet, this.append);
    return true;
  }

  #append(sample) {
    const clipped = Math.max(-1, Math.min(1, sample));
    this.peak = Math.max(this.peak, Math.abs(clipped));
    this.frame[this.filled++] = Math.round(clipped * 32767);
    if (this.filled < FRAME_SAMPLES) return;
    const { buffer } = this.frame;
    this.wire?.postMessage(buffer, [buffer]);
    this.frame = new Int16Array(FRAME_SAMPLES);
    this.filled = 0;
    if (++this.frames % FRAMES_PER_LEVEL === 0) {
      this.port.postMessage({ peak: this.peak });
      this.peak = 0;
    }
  }
}

registerProcessor('talkbench-microphone', Microphone);
