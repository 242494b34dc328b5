import type { McpServer } from "../../core/mcp/mcp-server.ts";
import { formatAuthority } from "../../core/wire/authority.ts";

/** Sessions that are remembered, of all servers together; the one used longest ago gives way. */
const MOST = 4_096;

/**
 * The sessions that servers of the policy have begun: one that another server named, or the same under another address, is
 * none here, so that no session's name reaches a server that did not give it.
 */
export class Sessions {
  readonly #open = new Set<string>();

  /** The name of a session is 1 to 1,024 characters of visible ASCII. */
  static isName(text: string): boolean {
    return /^[\x21-\x7e]{1,1024}$/.test(text);
  }

  /** `name` is given by this server. */
  begin(server: McpServer, name: string): void {
    const key = keyOf(server, name);
    this.#open.delete(key);
    for (const oldest of this.#open) {
      if (this.#open.size < MOST) break;
      this.#open.delete(oldest);
    }
    this.#open.add(key);
  }

  /** The session as a key for what belongs to it; undefined: this server has not begun it, or it is over. */
  find(server: McpServer, name: string): string | undefined {
    const key = keyOf(server, name);
    if (!this.#open.delete(key)) return undefined;
    this.#open.add(key);
    return key;
  }

  end(server: McpServer, name: string): void {
    this.#open.delete(keyOf(server, name));
  }
}

/** Where no session is: what belongs together is what one server is asked. */
export function withoutSession(server: McpServer): string {
  return keyOf(server, "");
}

function keyOf(server: McpServer, name: string): string {
  const { scheme, path } = server.endpoint;
  return `${server.id}|${scheme}://${formatAuthority(server.endpoint)}${path}|${name}`;
}
