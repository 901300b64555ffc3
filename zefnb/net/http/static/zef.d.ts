/** The types of `/zef.js`, which each zefnb server serves. */

/** Text; an object or a list from JSON; or binary data. */
export type Message = string | Uint8Array | { [name: string]: any } | any[];

/**
 * `connecting`: the first attempt. `open`: connected. `resumed`: connected again, and nothing is missing.
 * `gap`: connected again, and messages are missing. `waiting`: until the next attempt.
 * `refused`: no further attempt, because this page may not connect, or the server has ended the connection.
 * `closed`: after `close()`.
 */
export type State = "connecting" | "open" | "resumed" | "gap" | "waiting" | "refused" | "closed";

export interface Info {
  /** `gap`: the number of missing messages; `null` when it is not known. */
  missing?: number | null;
  /** `waiting`: seconds until the next attempt. */
  seconds?: number;
  /** `refused`: the status of the handshake (401, 403), or the close code. */
  code?: number;
  /** `refused`: the reason, for people. */
  reason?: string;
}

export interface Connection {
  onmessage: ((message: any) => void) | null;
  onstate: ((state: State, info: Info) => void) | null;
  readonly state: State;
  readonly info: Info;
  /**
   * Send text, bytes, or any value as JSON. The message waits, and sent again after each reconnection, until the
   * server has it. Throws `RangeError` when more than 16 MiB wait, and `Error` after the end.
   */
  send(message: unknown): void;
  /** End the connection. Nothing is sent or received any more. */
  close(): void;
}

export interface Options {
  /** The address to which `path` is relative. Default: that of `zef.js` itself. */
  base?: string | URL;
}

/** Connect to the WebSocket route at `path`, of the server that serves `zef.js`. */
export function connect(path: string, options?: Options): Connection;
