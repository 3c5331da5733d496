import { SendQueue, pause } from "./backoff.js";
import { Connection } from "./connection.js";
import { SERVER, UNAUTHORIZED, newId, query, request, tokenFrom } from "./http.js";

const POLL_SECONDS = 2;
const MAX_POLLS = 64; // before a WebSocket is tried again
const SEEN = 500;
const END_OF_TIME = "9999-01-01T00:00:00Z"; // behind it is nothing, but the newest event is named
const PREFIX = "domain.event.";
const OF_MESSAGES = ["message_appended", "message_updated", "message_deleted"];
const OF_CONVERSATIONS = ["opened", "closed", "reopened", "assigned", "labelled", "rated"];
const EVENTS = new Set([...OF_MESSAGES, ...OF_CONVERSATIONS.map((each) => `conversation_${each}`)]);

/**
 * A visitor or an agent at the support desk. It tells of the envelopes in docs/support.md by their
 * short names (`message_appended`), of the other frames by theirs, with their payloads, and of
 * `resync` when events are missing.
 *
 * Where a WebSocket is not let through it asks Replay again and again.
 */
export class SupportClient extends Connection {
  #joined = new Set();
  #polls = 1;
  #queue = new SendQueue();
  #seen = [];
  #wasEmpty = false;
  #held = [];

  /**
   * @param {object} [options]
   * @param {string} [options.site] a visitor's: the site's key
   * @param {string} [options.visitor] and their visitor token
   * @param {(refused: boolean) => string | Promise<string>} [options.getToken] an agent's: gives
   *   an access token; `refused`: the last one was not taken
   * @param {string} [options.position] event_id of the last event that is known already
   * @param {string} [options.server] where this file came from, if left out
   */
  constructor({ site, visitor, getToken, position, server = SERVER } = {}) {
    super(server);
    Object.assign(this, { site, visitor, getToken, position });
  }

  /**
   * A request of the API.
   *
   * @returns {Promise<any>} the body of the answer
   */
  async request(method, path, body) {
    if (this.getToken && this.token === undefined) await this.#renew(false);
    try {
      return await this.#request(method, path, body);
    } catch (error) {
      if (error.status !== UNAUTHORIZED || !this.getToken) throw error;
      await this.#renew(true);
      return this.#request(method, path, body);
    }
  }

  /**
   * Goes out when those before it are answered, and again until it is.
   *
   * @param {{message_type?: string, file?: string, is_private?: boolean, client_msg_id?: string}}
   *   [more] `client_msg_id`: of a message that was perhaps sent before: it is stored once
   * @returns {Promise<object>} the message, once it is stored
   */
  send(conversationId, content, more = {}) {
    const body = { client_msg_id: newId(), ...more, content };
    const path = `/api/conversations/${conversationId}/messages`;
    return this.#queue.add(() => this.request("POST", path, body));
  }

  /** To hear also of what is not stored there: `Typing`, `Read`, `Viewing`. */
  join(conversationId) {
    this.#joined.add(conversationId);
    this.command("JoinConversation", { conversation_id: conversationId });
  }

  leave(conversationId) {
    this.#joined.delete(conversationId);
    this.command("LeaveConversation", { conversation_id: conversationId });
  }

  /** What is not stored, as `Typing`; it may be lost. */
  command(type, payload) {
    this._transmit({ type, payload });
  }

  async #renew(refused) {
    this.token = await tokenFrom(this.getToken, refused);
  }

  #request(method, path, body) {
    const headers = { "Content-Type": "application/json" };
    if (this.token) headers.Authorization = `Bearer ${this.token}`;
    if (this.visitor) Object.assign(headers, { "X-Site-Key": this.site, "X-Visitor-Token": this.visitor });
    return request(this.server + path, { method, headers, body: body && JSON.stringify(body) });
  }

  async _address(refused) {
    if (this.getToken && (refused || this.token === undefined)) await this.#renew(refused);
    const given = query({ token: this.token, since_event_id: this.position });
    return `${this.server.replace("http", "ws")}/ws?${given}`;
  }

  _opened(transmit) {
    this.#held = [];
    const { site, visitor } = this;
    if (visitor) transmit({ type: "Auth", payload: { site, visitor } });
  }

  _lost() {
    this.#held = [];
  }

  _ping() {
    return { type: "Ping" };
  }

  /** Instead of a WebSocket, for a while; the longer, the more often there was none. */
  async _probe(stop) {
    this.#polls = Math.min(MAX_POLLS, this.#polls * 2);
    for (let polls = this.#polls; polls > 0 && !stop.aborted; polls -= 1) {
      await this.#poll();
      if (this.state !== "connected") this._ready({ isPolling: true });
      await pause(POLL_SECONDS, stop);
    }
  }

  async #poll() {
    if (this.position === undefined) await this.#replay({ from: END_OF_TIME });
    while (await this.#replay({ since_event_id: this.position, limit: 500 }));
  }

  /** Whether there is more. The position is null as long as nothing has happened. */
  async #replay(given) {
    const page = await this.#request("GET", `/api/events/replay?${query(given)}`);
    if (page.gap) this._emit("resync", { position: page.next_since });
    page.events.forEach((each) => this.#tell(each));
    this.position = page.next_since;
    return page.has_more;
  }

  _receive(frame) {
    const { type, payload } = frame;
    if (type === "system.welcome") return this.#welcome(frame);
    if (type === "Authenticated") return this.#admitted(payload);
    if (this.state !== "connected") this.#held.push(frame);
    else if (type.startsWith(PREFIX)) this.#tell(frame);
    else if (type !== "Pong") this._emit(type, payload);
  }

  #tell(envelope) {
    const { type, event_id: id } = envelope;
    if (this.#seen.includes(id)) return;
    this.#seen = [...this.#seen, id].slice(-SEEN);
    this.position = id;
    const name = type.slice(PREFIX.length);
    if (EVENTS.has(name)) this._emit(name, envelope);
    else console.info(`chatctl: passed over ${type}`);
  }

  #welcome({ event_id, data }) {
    this.#wasEmpty = this.position === null;
    if (!this.#wasEmpty) this.position ??= event_id;
    if (!this.visitor) this.#begin(data);
  }

  /**
   * What came before may be an operator's: under SUPPORT_ACCESS=open a page of this machine is one
   * until it says who it is. So it is asked for again.
   */
  async #admitted(detail) {
    const held = this.#held;
    const isBehind = held.splice(0).length > 0;
    try {
      if (isBehind) await this.#poll();
    } catch (error) {
      return this._drop(error.message);
    }
    if (held === this.#held) this.#begin(detail);
  }

  #begin(detail) {
    this.#polls = 1;
    if (this.#wasEmpty) this.#poll().catch(() => {}); // up to here nothing was told
    this._ready(detail);
    for (const each of this.#held.splice(0)) this._receive(each);
    for (const each of this.#joined) this.join(each);
  }
}

/** The order of envelopes with messages, as `Array.prototype.sort` takes it. */
export function compareMessages(a, b) {
  const key = ({ data, emitted_at }) => `${data.message.timestamp} ${emitted_at}`;
  return key(a) < key(b) ? -1 : Number(key(a) > key(b));
}
