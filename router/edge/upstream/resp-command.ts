/** A command as RESP2 has it: a list of texts, each with its length in octets. */
export function respCommand(parts: readonly string[]): string {
  let command = `*${parts.length}\r\n`;
  for (const part of parts) command += `$${Buffer.byteLength(part)}\r\n${part}\r\n`;
  return command;
}
