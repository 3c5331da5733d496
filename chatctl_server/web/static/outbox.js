/** What was sent and not answered, by its id, in the order of sending. */
export class Outbox {
  #waiting = new Map();

  /** A promise of the answer. */
  add(id, frame) {
    return new Promise((resolve, reject) => this.#waiting.set(id, { frame, resolve, reject }));
  }

  frames() {
    return Array.from(this.#waiting.values(), ({ frame }) => frame);
  }

  get(id) {
    return this.#waiting.get(id)?.frame;
  }

  answer(id, answer) {
    this.#take(id)?.resolve(answer);
  }

  refuse(id, error) {
    this.#take(id)?.reject(error);
  }

  refuseOldest(error) {
    for (const id of this.#waiting.keys()) return this.refuse(id, error);
  }

  refuseAll(error) {
    for (const id of [...this.#waiting.keys()]) this.refuse(id, error);
  }

  #take(id) {
    const found = this.#waiting.get(id);
    this.#waiting.delete(id);
    return found;
  }
}
