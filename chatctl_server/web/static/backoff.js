/** Waiting times that grow, with full jitter: many who lost the same server do not come at once. */
export class Backoff {
  constructor({ baseSeconds = 0.5, maxSeconds = 20 } = {}) {
    this.baseSeconds = baseSeconds;
    this.maxSeconds = maxSeconds;
    this.reset();
  }

  next() {
    const limit = Math.min(this.maxSeconds, this.baseSeconds * 2 ** this.tries);
    this.tries += 1;
    return Math.random() * limit;
  }

  reset() {
    this.tries = 0;
  }
}

/**
 * Ends early when the network is back.
 *
 * @param {AbortSignal} [stop] ends it, too
 */
export function pause(seconds, stop) {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      removeEventListener("online", done);
      stop?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, seconds * 1000);
    addEventListener("online", done);
    stop?.addEventListener("abort", done);
  });
}

/** One goes out when those before it are answered, and again until it is. */
export class SendQueue {
  #last = Promise.resolve();

  /** @returns {Promise<any>} the answer, or a refusal that does not pass */
  add(post) {
    const sent = this.#last.then(() => untilAnswered(post));
    this.#last = sent.catch(() => {});
    return sent;
  }
}

async function untilAnswered(ask) {
  for (const backoff = new Backoff(); ; ) {
    try {
      return await ask();
    } catch (error) {
      if (!error.isPassing) throw error;
      await pause(Math.max(backoff.next(), error.retryAfter));
    }
  }
}
