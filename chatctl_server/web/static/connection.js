import { Backoff, pause } from "./backoff.js";
import { ChatError, UNAUTHORIZED } from "./http.js";

const PING_SECONDS = 25; // scripts do not see the server's own pings
const ANSWER_SECONDS = 10;
const OPENING_SECONDS = 20;
const STABLE_SECONDS = 5;
// After these, as after all from 4500 on, the same would happen again.
const FINAL_CLOSE_CODES = new Set([1002, 1003, 1007, 1009, 1010]);
const LEFT = { code: 1000, reason: "disconnect" };

/**
 * One WebSocket after the other, as if it were one. It tells of itself as `connecting` (how the
 * last one ended), `connected` and `disconnected` (it is not coming back by itself).
 *
 * What a protocol adds has names that begin with `_`: `_address`, `_probe`, `_ping`, `_receive`,
 * and where it needs to know `_opened`, `_lost` and `_giveUp`.
 */
export class Connection extends EventTarget {
  /** `disconnected`, `connecting` or `connected` */
  state = "disconnected";
  #backoff = new Backoff();
  #drop;
  #socket;
  #stop;

  constructor(server) {
    super();
    this.server = server;
  }

  /** @param {(detail: any) => void} listener what it throws concerns nobody else */
  on(name, listener) {
    this.addEventListener(name, (event) => listener(event.detail));
    return this;
  }

  /** From here on it comes back by itself. */
  connect() {
    if (this.#stop === undefined) {
      this.#stop = new AbortController();
      this.#run(this.#stop.signal);
    }
    return this;
  }

  /** What was sent and not answered waits for the next `connect`. */
  disconnect() {
    if (this.#stop !== undefined) this.#end(LEFT);
  }

  async #run(stop) {
    this.#become("connecting");
    for (let refused = false; ; ) {
      const closed = await this.#session(stop, refused);
      if (stop.aborted) return;
      const isUnauthorized = closed.error?.status === UNAUTHORIZED;
      if (isFinal(closed) || (isUnauthorized && refused)) {
        this._giveUp(closed.error ?? new ChatError("disconnected", `closed with ${closed.code}`));
        return this.#end(closed);
      }
      refused = isUnauthorized;
      if (closed.seconds > STABLE_SECONDS) this.#backoff.reset();
      this.#become("connecting", closed);
      await pause(Math.max(this.#backoff.next(), closed.error?.retryAfter ?? 0), stop);
    }
  }

  /** How it ended. Why it never was one is asked over HTTP: a browser does not say. */
  async #session(stop, refused) {
    try {
      const address = await this._address(refused);
      if (stop.aborted) return LEFT;
      const closed = await this.#serve(new WebSocket(address), stop);
      this._lost();
      if (closed.seconds === undefined && !isFinal(closed) && !stop.aborted) await this._probe(stop);
      return closed;
    } catch (error) {
      if (!(error instanceof ChatError)) throw error;
      return { code: 1006, reason: error.message, error };
    }
  }

  /** `seconds`: how long it was open; undefined: its first frame never came. */
  #serve(socket, stop) {
    this.#socket = socket;
    const { promise, resolve } = withResolvers();
    let openedAt;
    let heardAt = Date.now();
    const finish = ({ code, reason }) => {
      clearInterval(watch);
      stop.removeEventListener("abort", leave);
      socket.onopen = socket.onmessage = socket.onclose = socket.onerror = null;
      socket.close();
      const wasHere = this.state === "connected";
      resolve({ code, reason, seconds: wasHere ? (Date.now() - openedAt) / 1000 : undefined });
    };
    this.#drop = (reason) => finish({ code: 1006, reason });
    const leave = () => finish(LEFT);
    const look = () => {
      const silentSeconds = (Date.now() - heardAt) / 1000;
      const isHere = this.state === "connected";
      const limit = isHere ? PING_SECONDS + ANSWER_SECONDS : OPENING_SECONDS;
      if (silentSeconds > limit) this._drop("no answer");
      else if (isHere && silentSeconds > PING_SECONDS) this._transmit(this._ping());
    };
    const watch = setInterval(look, (ANSWER_SECONDS * 1000) / 2);
    stop.addEventListener("abort", leave);
    socket.onopen = () => {
      openedAt = heardAt = Date.now();
      this._opened((frame) => socket.send(JSON.stringify(frame)));
    };
    socket.onmessage = ({ data }) => {
      heardAt = Date.now();
      this._receive(JSON.parse(data));
    };
    socket.onclose = finish;
    // All that Chrome says of one that a policy of the page forbids.
    socket.onerror = () => this._drop("it failed");
    return promise;
  }

  #end(closed) {
    this.#stop.abort();
    this.#stop = undefined;
    this.#backoff.reset();
    this.#become("disconnected", closed);
  }

  #become(state, detail) {
    this.state = state;
    this._emit(state, detail);
  }

  _emit(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  /** Its first frame is there: from now on it takes ours. */
  _ready(detail) {
    this.#become("connected", detail);
  }

  /** This socket is of no use; there will be another one. */
  _drop(reason) {
    this.#drop(reason);
  }

  _transmit(frame) {
    if (this.state === "connected") this.#socket.send(JSON.stringify(frame));
  }

  _opened() {}

  _lost() {}

  _giveUp() {}
}

function isFinal({ code, error }) {
  if (error) return !error.isPassing && error.status !== UNAUTHORIZED;
  return code >= 4500 || FINAL_CLOSE_CODES.has(code);
}

function withResolvers() {
  const found = {};
  found.promise = new Promise((resolve, reject) => Object.assign(found, { resolve, reject }));
  return found;
}
