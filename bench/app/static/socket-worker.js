// Frames of the microphone up, utterances down, apart from the page: a busy main thread never
// comes between the socket and the audio threads.

const MOST_WAITING_BYTES = 64 * 1024;
const FIRST_RETRY_MS = 150;
const LONGEST_RETRY_MS = 4000;
const CONNECT_MS = 5000;
const DEAF_MS = 5000; // frames pile up and nothing is heard: the network went away without a word
const FINAL_CODES = new Set([1000, 4401, 4409, 4429]);
const FOR_THE_LOUDSPEAKER = new Set(['utterance', 'clear', 'hold', 'resume']);
const MOST_UNSENT_REPORTS = 64;

let url;
let firstMessage;
let microphone;
let loudspeaker;
let socket = null;
let ready = false;
let finished = false;
let session = null;
let sampleRate = null;
let attempts = 0;
let timer = null;
let heardAt = 0;
let latencySeconds = 0;
const frames = { sent: 0, dropped: 0 };
const unsent = new Map(); // the last report of each kind and utterance, for after a reconnect

onmessage = ({ data }) => {
  if (data.kind === 'open') open(data);
  else if (data.kind === 'send') sendJson(data.message);
  else if (data.kind === 'latency') latencySeconds = data.seconds;
  else if (data.kind === 'stats') tell({ kind: 'stats', ...frames });
  else if (data.kind === 'ledger') loudspeaker.postMessage({ type: 'ledger' });
  else if (data.kind === 'close') close();
};

function tell(event) {
  postMessage(event);
}

function open(request) {
  ({ url, firstMessage, microphone, loudspeaker } = request);
  microphone.onmessage = ({ data }) => sendFrame(data);
  loudspeaker.onmessage = ({ data }) => sendReport(data);
  connect();
}

function close() {
  finished = true;
  clearTimeout(timer);
  // A close waits for what is queued, so an `end` sent just before it still arrives.
  socket?.close(1000);
}

function connect() {
  tell({ kind: 'socket', state: 'connecting', attempt: attempts });
  socket = new WebSocket(url);
  socket.binaryType = 'arraybuffer';
  const mine = socket;
  timer = setTimeout(() => lose(mine, 0), CONNECT_MS);
  socket.onopen = () => {
    const resumed = session && { session: session.session, token: session.token };
    sendJson({ type: 'start', framing: 'utterance', ...(resumed || firstMessage) });
  };
  socket.onmessage = ({ data }) => receive(data);
  socket.onclose = ({ code, reason }) => lose(mine, code, reason);
}

/** A socket that is gone, or taken for gone: connect again unless that is pointless. */
function lose(which, code, reason = '') {
  if (which !== socket) return;
  clearTimeout(timer);
  socket = null;
  ready = false;
  which.onclose = null;
  which.onmessage = null;
  which.close();
  if (finished || FINAL_CODES.has(code)) {
    finished = true;
    tell({ kind: 'socket', state: 'closed', code, reason });
    return;
  }
  const wait = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** attempts++);
  tell({ kind: 'socket', state: 'lost', code, retry_ms: wait });
  timer = setTimeout(connect, wait);
}

function receive(data) {
  heardAt = performance.now();
  if (data instanceof ArrayBuffer) {
    // An id and at least one whole sample; anything else is no audio.
    if (data.byteLength > 4 && data.byteLength % 2 === 0) loudspeaker.postMessage(data, [data]);
    return;
  }
  const message = JSON.parse(data);
  if (message.type === 'ready') greet(message);
  if (message.type === 'ping') sendJson({ type: 'pong' });
  if (message.type === 'error' && message.fatal) finished = true;
  if (FOR_THE_LOUDSPEAKER.has(message.type)) loudspeaker.postMessage(message);
  tell({ kind: 'message', message });
}

function greet(message) {
  clearTimeout(timer);
  attempts = 0;
  const resumed = session?.session === message.session && sampleRate === message.sample_rate;
  if (!resumed) {
    loudspeaker.postMessage({ type: 'reset', sample_rate: message.sample_rate });
    unsent.clear();
  }
  session = message;
  sampleRate = message.sample_rate;
  ready = true;
  tell({ kind: 'socket', state: 'open', resumed });
  for (const report of unsent.values()) sendJson(report);
  unsent.clear();
}

function sendJson(message) {
  if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
}

function sendFrame(frame) {
  if (ready && socket.bufferedAmount <= MOST_WAITING_BYTES) {
    socket.send(frame);
    frames.sent++;
    return;
  }
  frames.dropped++;
  if (ready && performance.now() - heardAt > DEAF_MS) lose(socket, 0);
}

function sendReport(report) {
  if (report.type === 'played') report.output_latency_seconds = latencySeconds;
  tell({ kind: 'report', report });
  if (report.type === 'ledger') return; // the page asked for it, the server has its own
  if (ready) sendJson(report);
  else remember(report);
}

function remember(report) {
  const key = `${report.type} ${report.utterance}`;
  unsent.delete(key);
  unsent.set(key, report);
  if (unsent.size > MOST_UNSENT_REPORTS) unsent.delete(unsent.keys().next().value);
}
