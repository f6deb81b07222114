// One conversation: a microphone, a loudspeaker and a socket, wired together off the main thread.

const LATENCY_EVERY_MS = 1000;
const GOODBYE_MS = 1000;

const beside = (file) => new URL(file, import.meta.url);

/** Ask for one microphone; the three kinds of processing are on or off together. */
function openMicrophone(echoCancellation) {
  const audio = {
    echoCancellation,
    noiseSuppression: echoCancellation,
    autoGainControl: echoCancellation,
    channelCount: 1,
  };
  return navigator.mediaDevices.getUserMedia({ audio });
}

/**
 * `onEvent` is given `{kind}` objects: `message` (from the server), `report` (sent to it), `socket`
 * (connecting, open, lost, closed), `level` (peak 0 to 1), `microphone` (ended, back), `audio` (the
 * context's state) and `stats`.
 */
export class Call {
  /** `start` is the first message, or a promise of it. Rejects with the DOMException of getUserMedia when there is no microphone to be had. */
  static async open({ socketUrl, start, echoCancellation = true, onEvent }) {
    const call = new Call(onEvent, echoCancellation);
    try {
      await call.#openAudio();
    } catch (error) {
      await call.close();
      throw error;
    }
    const first = await start;
    if (!call.closed) call.#openSocket(socketUrl, first);
    return call;
  }

  constructor(onEvent, echoCancellation) {
    this.onEvent = onEvent;
    this.echoCancellation = echoCancellation;
    this.closed = false;
  }

  async #openAudio() {
    // A page that is not secure has neither microphones nor worklets.
    if (!navigator.mediaDevices?.getUserMedia) {
      throw new DOMException('not a secure page', 'InsecureContextError');
    }
    // Made before the first await, while the click still counts as the user's permission to play.
    this.context = new AudioContext({ latencyHint: 'interactive' });
    this.context.onstatechange = () => this.onEvent({ kind: 'audio', state: this.context.state });
    const worklets = ['mic-worklet.js', 'playout-worklet.js'].map(
      (file) => this.context.audioWorklet.addModule(beside(file)));
    await Promise.all([this.#connectMicrophone(), ...worklets]);
    await this.context.resume();
    this.microphone = new AudioWorkletNode(this.context, 'talkbench-microphone', {
      numberOfOutputs: 0, channelCount: 1, channelCountMode: 'explicit',
    });
    this.microphone.port.onmessage = ({ data }) => this.onEvent({ kind: 'level', peak: data.peak });
    this.loudspeaker = new AudioWorkletNode(this.context, 'talkbench-loudspeaker', {
      numberOfInputs: 0, outputChannelCount: [1],
    });
    this.source.connect(this.microphone);
    this.loudspeaker.connect(this.context.destination);
  }

  async #connectMicrophone() {
    const stream = await openMicrophone(this.echoCancellation);
    if (this.closed) {
      stream.getTracks().forEach((track) => track.stop());
      return;
    }
    this.stream = stream;
    this.source = this.context.createMediaStreamSource(stream);
    if (this.microphone) this.source.connect(this.microphone);
    stream.getAudioTracks()[0].onended = () => this.#loseMicrophone();
  }

  /** It was unplugged or taken away: another one will do, now or as soon as there is one. */
  async #loseMicrophone() {
    this.onEvent({ kind: 'microphone', state: 'ended' });
    this.#releaseMicrophone();
    const devices = navigator.mediaDevices;
    while (!this.closed) {
      const change = new Promise((resolve) => {
        devices.addEventListener('devicechange', resolve, { once: true });
      });
      try {
        if (!this.stream.active) await this.#connectMicrophone();
        if (!this.closed) this.onEvent({ kind: 'microphone', state: 'back' });
        return;
      } catch {
        await change;
      }
    }
  }

  #openSocket(socketUrl, start) {
    const up = new MessageChannel();
    const down = new MessageChannel();
    this.microphone.port.postMessage({ frames: up.port1 }, [up.port1]);
    this.loudspeaker.port.postMessage({ wire: down.port1 }, [down.port1]);
    this.worker = new Worker(beside('socket-worker.js'));
    this.worker.onmessage = ({ data }) => this.#hear(data);
    this.worker.postMessage(
      {
        kind: 'open', url: String(socketUrl), firstMessage: start,
        microphone: up.port2, loudspeaker: down.port2,
      },
      [up.port2, down.port2],
    );
    this.#tellLatency();
    this.latencyTimer = setInterval(() => this.#tellLatency(), LATENCY_EVERY_MS);
  }

  #hear(event) {
    if (event.kind === 'socket' && event.state === 'closed') this.goodbye?.();
    this.onEvent(event);
  }

  #tellLatency() {
    const { baseLatency = 0, outputLatency = 0 } = this.context;
    this.worker.postMessage({ kind: 'latency', seconds: baseLatency + outputLatency });
  }

  send(message) {
    this.worker?.postMessage({ kind: 'send', message });
  }

  interrupt() {
    this.send({ type: 'interrupt' });
  }

  mute(on) {
    this.microphone?.port.postMessage({ muted: on });
    this.send({ type: 'mute', on });
  }

  /** Events `stats` and `report` (type `ledger`) follow. */
  askForFigures() {
    this.worker?.postMessage({ kind: 'stats' });
    this.worker?.postMessage({ kind: 'ledger' });
  }

  /** The browser applies processing when it opens a device, so the device is opened anew. */
  async setEchoCancellation(on) {
    this.echoCancellation = on;
    this.#releaseMicrophone();
    await this.#connectMicrophone();
  }

  /** Wake a context that the system has suspended (a phone call, a locked screen). */
  wake() {
    return this.context.resume();
  }

  #releaseMicrophone() {
    this.source?.disconnect();
    this.stream?.getTracks().forEach((track) => {
      track.onended = null;
      track.stop();
    });
  }

  /** Hang up: tell the server, release the microphone, let go of everything. */
  async close() {
    if (this.closed) return;
    this.closed = true;
    clearInterval(this.latencyTimer);
    this.#releaseMicrophone();
    const silence = this.context?.close();
    if (this.worker) {
      const gone = new Promise((resolve) => { this.goodbye = resolve; });
      const late = new Promise((resolve) => { setTimeout(resolve, GOODBYE_MS); });
      this.send({ type: 'end' });
      this.worker.postMessage({ kind: 'close' });
      await Promise.race([gone, late]);
      this.worker.terminate();
    }
    await silence;
  }
}
