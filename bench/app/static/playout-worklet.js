// Messages of the socket in, sound out: the playout buffer on the audio thread.

import { Playout } from './playout.js';

const ID_BYTES = 4;

class Loudspeaker extends AudioWorkletProcessor {
  constructor() {
    super();
    this.playout = new Playout(Math.round(sampleRate), (report) => this.wire?.postMessage(report));
    this.port.onmessage = ({ data }) => {
      this.wire = data.wire;
      this.wire.onmessage = (event) => this.#receive(event.data);
    };
  }

  #receive(message) {
    if (message instanceof ArrayBuffer) this.#receiveAudio(message);
    else if (message.type === 'reset') this.playout.reset(message.sample_rate);
    else if (message.type === 'utterance' && message.state === 'end') this.playout.end(message.id);
    else if (message.type === 'clear') this.playout.clear(message.utterance);
    else if (message.type === 'hold') this.playout.hold();
    else if (message.type === 'resume') this.playout.resume();
    else if (message.type === 'ledger') {
      this.wire.postMessage({ type: 'ledger', utterances: this.playout.ledger() });
    }
  }

  #receiveAudio(buffer) {
    const id = new DataView(buffer).getUint32(0, true);
    this.playout.audio(id, new Int16Array(buffer, ID_BYTES));
  }

  process(_, [output]) {
    this.playout.render(output[0]);
    for (let channel = 1; channel < output.length; channel++) output[channel].set(output[0]);
    return true;
  }
}

registerProcessor('talkbench-loudspeaker', Loudspeaker);
