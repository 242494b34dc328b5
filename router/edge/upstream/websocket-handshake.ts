import { createHash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { fail, type Result } from "../../core/base/result.ts";
import { connectionOptions, fieldValues } from "../../core/wire/fields.ts";
import type { Field } from "../../core/wire/message-head.ts";
import { agentFields, fieldsOf } from "./response-head.ts";

/** RFC 6455 section 1.3. */
const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/**
 * What the agent may see of a 101 that really answers this WebSocket handshake (RFC 6455 section 4.1); otherwise one
 * sentence. Unverified, a 101 would open a tunnel to whatever the origin says it switched to.
 */
export function acceptedWebSocket(
  message: IncomingMessage,
  request: readonly Field[],
): Result<readonly Field[], string> {
  const fields = fieldsOf(message);
  if (!fields.ok) return fields;
  const head = { fields: fields.value };
  const upgrades = fieldValues(head, "upgrade");
  const options = connectionOptions(head);
  if (!options.ok) return options;
  if (
    message.statusCode !== 101 ||
    upgrades.length !== 1 ||
    upgrades[0]?.toLowerCase() !== "websocket" ||
    !options.value.has("upgrade")
  ) {
    return fail("The origin switched to something that was not asked for.");
  }
  const keys = fieldValues({ fields: request }, "sec-websocket-key");
  const accepts = fieldValues(head, "sec-websocket-accept");
  if (keys.length !== 1 || accepts.length !== 1 || accepts[0] !== acceptOf(keys[0] ?? "")) {
    return fail("Sec-WebSocket-Accept is not the answer to this request's key.");
  }
  return agentFields(head.fields);
}

function acceptOf(key: string): string {
  return createHash("sha1")
    .update(key + GUID, "latin1")
    .digest("base64");
}
