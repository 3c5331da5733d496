/** Requests, their refusals, and what is put into them. */

export const SERVER = new URL(import.meta.url).origin;
export const UNAUTHORIZED = 401;
const ANSWER_SECONDS = 30;
const PASSING_STATUSES = new Set([408, 429, 502, 503, 504, 507]);
const PASSING_CODES = new Set(["busy", "not_stored", "storage_full", "unknown", "unreachable"]);

/** A refusal. `code` is stable; `isPassing`: one may ask again, after `retryAfter` seconds. */
export class ChatError extends Error {
  /** @param {{status?: number, retryAfter?: number}} [more] `status`: of HTTP, 0 if of nothing */
  constructor(code, message = code, { status = 0, retryAfter = 0 } = {}) {
    super(message);
    this.name = "ChatError";
    this.code = code;
    this.status = status;
    this.retryAfter = retryAfter;
    this.isPassing = PASSING_STATUSES.has(status) || PASSING_CODES.has(code);
  }

  /** @param {Response} answer with a problem body (RFC 9457), or one of a proxy, or none */
  static async of(answer) {
    const problem = await answer.json().catch(() => ({}));
    const { code = `http_${answer.status}`, detail = answer.statusText } = problem;
    const retryAfter = Number(answer.headers.get("Retry-After")) || 0;
    return new ChatError(code, detail, { status: answer.status, retryAfter });
  }
}

/** The body of the answer; undefined for none. Rejects with a ChatError for a refusal. */
export async function request(url, options) {
  const signal = AbortSignal.timeout(ANSWER_SECONDS * 1000);
  const answer = await fetch(url, { signal, ...options }).catch((error) => {
    throw new ChatError("unreachable", error.message);
  });
  if (!answer.ok) throw await ChatError.of(answer);
  const text = await answer.text().catch((error) => {
    throw new ChatError("unreachable", error.message); // lost on the way
  });
  return text === "" ? undefined : JSON.parse(text);
}

/**
 * What the page's own function gives. If it throws a ChatError, that decides whether one may ask
 * again; any other error is taken for one of the network.
 *
 * @param {(refused: boolean) => string | Promise<string>} getToken
 */
export async function tokenFrom(getToken, refused) {
  try {
    return await getToken(refused);
  } catch (error) {
    throw error instanceof ChatError ? error : new ChatError("unreachable", error.message);
  }
}

/** Without what is undefined or null. */
export function query(given) {
  return new URLSearchParams(Object.entries(given).filter(([, value]) => value != null));
}

/** `crypto.randomUUID` is there in secure contexts only. */
export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
