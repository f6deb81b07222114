// A page in, its sound as samples out: records what leaves and enters the page's audio graph on
// one clock, and stands in for the microphone. Runs before any script of the page.

(() => {
  if (window.kit || !window.isSecureContext) return; // no microphone and no worklets to record

  const RECORDER = `
    registerProcessor('kit-recorder', class extends AudioWorkletProcessor {
      constructor() { super(); this.block = new Float32Array(1024); this.filled = 0; }
      process([input]) {
        if (!this.filled) [this.frame, this.at] = [currentFrame, Date.now()];
        if (input.length) this.block.set(input[0], this.filled);
        this.filled += 128;
        if (this.filled === this.block.length) {
          this.port.postMessage({ frame: this.frame, at: this.at, samples: this.block });
          this.block = new Float32Array(1024);
          this.filled = 0;
        }
        return true;
      }
    });`;
  const recorderUrl = URL.createObjectURL(new Blob([RECORDER], { type: 'text/javascript' }));
  const connect = AudioNode.prototype.connect;
  const addModule = AudioWorklet.prototype.addModule;
  const createMediaStreamSource = AudioContext.prototype.createMediaStreamSource;
  const RealAudioContext = window.AudioContext;
  const prepared = new WeakMap();
  const tapped = new WeakSet();

  const kit = window.kit = {
    contextRate: null, // a number here makes every context of the page run at that rate
    microphoneError: null, // the name of a DOMException here makes getUserMedia fail with it
    realMicrophone: false,
    asked: [], // the constraints of each getUserMedia
    tracks: { out: [], mic: [] },
    rate: null,
  };

  // The recorder is there before the page's own worklets, so no sample is played unrecorded.
  AudioWorklet.prototype.addModule = async function add(url, options) {
    if (!prepared.has(this)) prepared.set(this, addModule.call(this, recorderUrl));
    await prepared.get(this);
    return addModule.call(this, url, options);
  };

  function tap(context, node, track) {
    const recorder = new AudioWorkletNode(context, 'kit-recorder', {
      numberOfOutputs: 1, channelCount: 1, channelCountMode: 'explicit',
    });
    recorder.port.onmessage = ({ data }) => kit.tracks[track].push(data);
    const silent = new GainNode(context, { gain: 0 });
    connect.call(node, recorder);
    connect.call(recorder, silent);
    connect.call(silent, context.destination);
  }

  AudioNode.prototype.connect = function connectTapped(target, ...rest) {
    const result = connect.call(this, target, ...rest);
    if (!(this.context instanceof RealAudioContext) || tapped.has(this)) return result;
    const track = target instanceof AudioDestinationNode ? 'out'
      : this instanceof MediaStreamAudioSourceNode ? 'mic' : null;
    if (track) {
      tapped.add(this);
      tap(this.context, this, track);
    }
    return result;
  };

  window.AudioContext = class extends RealAudioContext {
    constructor(options = {}) {
      super(kit.contextRate ? { ...options, sampleRate: kit.contextRate } : options);
      kit.context = this;
      kit.rate = this.sampleRate;
      kit.tracks = { out: [], mic: [] };
    }
  };

  const devices = navigator.mediaDevices;
  if (devices) {
    const real = devices.getUserMedia.bind(devices);
    devices.getUserMedia = async (constraints) => {
      kit.asked.push(constraints);
      if (kit.realMicrophone) return real(constraints);
      if (kit.microphoneError) throw new DOMException('as the test wants it', kit.microphoneError);
      // A buffer of another rate is interpolated linearly: say what must be clean at 48 kHz.
      kit.room = new RealAudioContext({ sampleRate: 48000 });
      kit.air = new MediaStreamAudioDestinationNode(kit.room, { channelCount: 1 });
      await kit.room.resume();
      return kit.air.stream;
    };
  }

  /** The microphone goes, and there is no other until `plugIn`. */
  kit.unplug = () => {
    kit.microphoneError = 'NotFoundError';
    const [track] = kit.air.stream.getAudioTracks();
    track.dispatchEvent(new Event('ended'));
  };

  kit.plugIn = () => {
    kit.microphoneError = null;
    devices.dispatchEvent(new Event('devicechange'));
  };

  const fromBase64 = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer;

  function toBase64(bytes) {
    let text = '';
    for (let i = 0; i < bytes.length; i += 32768) {
      text += String.fromCharCode(...bytes.subarray(i, i + 32768));
    }
    return btoa(text);
  }

  /** Play PCM16 (base64) into the microphone now; resolves when it has been said. */
  kit.speak = (base64, rate) => {
    const pcm = new Int16Array(fromBase64(base64));
    const buffer = new AudioBuffer({ length: pcm.length, sampleRate: rate });
    buffer.copyToChannel(Float32Array.from(pcm, (sample) => sample / 32768), 0);
    const voice = new AudioBufferSourceNode(kit.room, { buffer });
    connect.call(voice, kit.air);
    voice.start();
    return new Promise((resolve) => { voice.onended = resolve; });
  };

  /**
   * All recorded so far: the rate, the context's frame of the first sample, float32 in base64, and
   * the instant of frame 0 (seconds since the epoch; blocks come late, never early).
   */
  kit.take = (track) => {
    const blocks = kit.tracks[track];
    const zeroAt = Math.min(...blocks.map(({ frame, at }) => at / 1000 - frame / kit.rate));
    const samples = new Float32Array(blocks.length * 1024);
    blocks.forEach((block, i) => samples.set(block.samples, i * 1024));
    const start = blocks.length ? blocks[0].frame : 0;
    return { rate: kit.rate, start, zeroAt, samples: toBase64(new Uint8Array(samples.buffer)) };
  };

  kit.recorded = (track = 'out') => (kit.tracks[track].length * 1024) / kit.rate;
})();
