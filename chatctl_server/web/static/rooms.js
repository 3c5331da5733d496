import { Connection } from "./connection.js";
import { ChatError, SERVER, newId, query, request, tokenFrom } from "./http.js";
import { Outbox } from "./outbox.js";

/**
 * A user in a room. It tells of the frames in docs/rooms.md by their names, with their payloads,
 * and of `resync` when messages are missing that `history` has.
 */
export class RoomClient extends Connection {
  #outbox = new Outbox();
  #histories = [];

  /**
   * @param {object} options
   * @param {string} options.room its id
   * @param {string} [options.userId] where the server asks for no token
   * @param {string} [options.nickname]
   * @param {number} [options.position] `seq` of the last message that is known already
   * @param {(refused: boolean) => string | Promise<string>} [options.getToken] is called before
   *   each connection; `refused`: the last token was not taken
   * @param {string} [options.server] where this file came from, if left out
   */
  constructor({ room, userId, nickname, position, getToken, server = SERVER }) {
    super(server);
    Object.assign(this, { room, userId, nickname, position, getToken });
  }

  /**
   * @param {string} [id] of a message that was perhaps sent before: it is stored once
   * @returns {Promise<{message_id: number, seq: number, duplicate: boolean}>} once it is stored
   */
  send(content, id = newId()) {
    const frame = { type: "SendMessage", payload: { content, client_msg_id: id } };
    const answer = this.#outbox.add(id, frame);
    this._transmit(frame);
    return answer;
  }

  /** What only administrators may, as `KickUser`. The server does not answer. */
  command(type, payload) {
    this._transmit({ type, payload });
  }

  /**
   * Messages below `before`, or the newest; oldest first.
   *
   * @param {{before?: number, limit?: number}} [page]
   * @returns {Promise<{messages: object[], has_more: boolean}>}
   */
  history(page = {}) {
    return new Promise((resolve, reject) => {
      if (this.state !== "connected") return reject(new ChatError("unreachable"));
      this.#histories.push({ resolve, reject });
      this._transmit({ type: "LoadHistory", payload: page });
    });
  }

  async _address(refused) {
    this.token = this.getToken && (await tokenFrom(this.getToken, refused));
    return `${this.server.replace("http", "ws")}/ws/rooms/${this.#target()}`;
  }

  #target() {
    const { userId: user_id, nickname, token, position: since } = this;
    return `${encodeURIComponent(this.room)}?${query({ user_id, nickname, token, since })}`;
  }

  /** HEAD joins nobody. */
  _probe() {
    return request(`${this.server}/events/rooms/${this.#target()}`, { method: "HEAD" });
  }

  _ping() {
    return { type: "Ping", payload: { timestamp: Date.now() } };
  }

  _receive({ type, payload = {} }) {
    switch (type) {
      case "WelcomeInfo":
        return this.#welcome(payload);
      case "Message":
      case "System":
        if (payload.seq <= this.position) return;
        this.position = payload.seq ?? this.position; // the word of the closing has none
        break;
      case "MessageDeleted": // in a resume it stands in the message's place
        this.position = Math.max(this.position, payload.seq);
        break;
      case "Ack":
        return this.#outbox.answer(payload.client_msg_id, payload);
      case "History":
        return this.#histories.shift()?.resolve(payload);
      case "Pong":
        return;
      case "Error":
        return this.#refused(payload);
      case "YouAreMuted": // answers come in the order of what was sent
        this.#outbox.refuseOldest(new ChatError("muted"));
    }
    this._emit(type, payload);
  }

  #welcome(payload) {
    this.lastSeq = payload.last_seq;
    this.position ??= this.lastSeq;
    this._ready(payload);
    for (const frame of this.#outbox.frames()) this._transmit(frame);
  }

  #refused(payload) {
    const { code, message, retry_after: retryAfter, client_msg_id: id } = payload;
    const error = new ChatError(code, message, { retryAfter });
    if (code === "resync_required") {
      const after = this.position;
      this.position = this.lastSeq;
      this._emit("resync", { after, position: this.position });
    } else if (error.isPassing && id !== undefined) {
      setTimeout(() => this.#again(id), (retryAfter ?? 1) * 1000);
    } else if (id !== undefined) {
      this.#outbox.refuse(id, error);
    } else {
      this.#histories.shift()?.reject(error);
      this._emit("Error", payload);
    }
  }

  #again(id) {
    const frame = this.#outbox.get(id);
    if (frame !== undefined) this._transmit(frame);
  }

  _lost() {
    for (const { reject } of this.#histories.splice(0)) reject(new ChatError("unreachable"));
  }

  _giveUp(error) {
    this.#outbox.refuseAll(error);
  }
}
