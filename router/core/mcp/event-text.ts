import type { ServerEvent } from "./server-events.ts";

/**
 * An event as octets, in one `data` line: the line ends of a JSON text stand between its values only, and become spaces.
 * Nothing of an event but these four goes on, and each of them is checked or made anew.
 */
export function eventText({ id, data, retry }: Omit<ServerEvent, "name">): Uint8Array {
  let head = data === undefined || data.length === 0 ? "" : "event: message\n";
  if (id !== undefined) head += `id: ${id}\n`;
  if (retry !== undefined) head += `retry: ${retry}\n`;
  if (data !== undefined) head += "data: ";
  const body = data ?? NOTHING;
  const text = new Uint8Array(head.length + body.length + 2);
  for (let at = 0; at < head.length; at++) text[at] = head.charCodeAt(at);
  for (let at = 0; at < body.length; at++) {
    const octet = body[at] ?? 0;
    text[head.length + at] = octet === 0x0a || octet === 0x0d ? 0x20 : octet;
  }
  // Without data the head has ended its last line itself.
  const end = head.length + body.length;
  text[end] = 0x0a;
  if (data === undefined) return text.subarray(0, end + 1);
  text[end + 1] = 0x0a;
  return text;
}

const NOTHING = new Uint8Array(0);
