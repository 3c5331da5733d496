import { SendQueue } from "./backoff.js";
import { Connection } from "./connection.js";
import { SERVER, UNAUTHORIZED, newId, query, request, tokenFrom } from "./http.js";

/**
 * An account in its chats. It tells of the events in docs/team.md by their names, and of `resync`
 * when lists are to be read anew.
 */
export class TeamClient extends Connection {
  #queue = new SendQueue();
  #renewing;

  /**
   * @param {object} [options]
   * @param {(refused: boolean) => string | Promise<string>} [options.getToken] gives an access
   *   token; `refused`: the last one was not taken. If left out, the cookie of a sign-in on this
   *   page's own server gives it
   * @param {number} [options.position] offset of the last event that is known already
   * @param {string} [options.server] where this file came from, if left out
   */
  constructor({ getToken, position, server = SERVER } = {}) {
    super(server);
    Object.assign(this, { position, getToken: getToken ?? (() => this.#tokenByCookie()) });
  }

  /**
   * A request of the API, with a token that is good.
   *
   * @returns {Promise<any>} the body of the answer
   */
  async request(method, path, body) {
    if (this.token === undefined) await this.#renew(false);
    const shown = this.token;
    try {
      return await this.#request(method, path, body);
    } catch (error) {
      if (error.status !== UNAUTHORIZED) throw error;
      if (this.token === shown) await this.#renew(true); // no other request has
      return this.#request(method, path, body);
    }
  }

  /**
   * Goes out when those before it are answered, and again until it is.
   *
   * @param {{files?: string[], reply_to?: number, mentions?: number[], idempotency_key?: string}}
   *   [more] `idempotency_key`: of a message that was perhaps sent before: it is stored once
   * @returns {Promise<object>} the message, once it is stored
   */
  send(chatId, content, more = {}) {
    const body = { idempotency_key: newId(), ...more, content };
    return this.#queue.add(() => this.request("POST", `/api/chat/${chatId}/messages`, body));
  }

  #request(method, path, body) {
    const headers = { Authorization: `Bearer ${this.token}`, "Content-Type": "application/json" };
    return request(this.server + path, { method, headers, body: body && JSON.stringify(body) });
  }

  /** Once for all who ask meanwhile. */
  async #renew(refused) {
    this.#renewing ??= tokenFrom(this.getToken, refused);
    try {
      this.token = await this.#renewing;
    } finally {
      this.#renewing = undefined;
    }
  }

  async #tokenByCookie() {
    const answer = await request(`${this.server}/api/refresh`, { method: "POST" });
    return answer.access_token;
  }

  async _address(refused) {
    if (refused || this.token === undefined) await this.#renew(refused);
    const given = query({ access_token: this.token, since: this.position });
    return `${this.server.replace("http", "ws")}/ws?${given}`;
  }

  _probe() {
    return this.#request("HEAD", "/events");
  }

  _ping() {
    return { type: "Ping" };
  }

  _receive(event) {
    const { event: name, offset, last_event_id: newest } = event;
    if (name === "Pong" || offset <= this.position) return;
    if (name === "connection_confirmed") {
      this.position ??= newest;
      return this._ready(event);
    }
    this.position = name === "resync" ? newest : (offset ?? this.position); // a signal has none
    this._emit(name, event);
  }
}
