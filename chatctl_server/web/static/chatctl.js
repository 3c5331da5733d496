/**
 * chatctl in a browser. What happens is told once and in order, across lost connections and
 * restarts of the server; what is sent is stored once. No dependencies, no build:
 *
 *     import { RoomClient } from "https://chat.example.org/static/chatctl.js";
 *
 * The guide is docs/javascript.md.
 *
 * @module
 */
export { ChatError } from "./http.js";
export { Backoff } from "./backoff.js";
export { RoomClient } from "./rooms.js";
export { SupportClient, compareMessages } from "./support.js";
export { TeamClient } from "./team.js";
