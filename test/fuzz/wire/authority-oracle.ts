import { isIPv4, isIPv6 } from "node:net";

/**
 * What `parseAuthority` must say, written slowly and another way: the canonical `host:port`, or undefined. Addresses
 * are Node's to judge and to spell.
 */
export function oracleAuthority(text: string, defaultPort: number | undefined): string | undefined {
  const match = /^(?<host>\[[^[\]@]*\]|[^:[\]@]*)(?::(?<port>[^@]*))?$/s.exec(text);
  const host = oracleHost(match?.groups?.["host"] ?? "");
  const portText = match?.groups?.["port"];
  const port = portText === undefined ? defaultPort : Number(portText);
  if (host === undefined || port === undefined || !Number.isInteger(port) || port < 1 || port > 65_535)
    return undefined;
  return portText === undefined || portText === String(port) ? `${host}:${port}` : undefined;
}

function oracleHost(text: string): string | undefined {
  if (text.startsWith("[")) {
    const inner = text.slice(1, -1);
    if (!isIPv6(inner) || inner.includes("%")) return undefined;
    const spelled = new URL(`http://${text}/`).hostname;
    const mapped = /^\[::ffff:([0-9a-f]+):([0-9a-f]+)\]$/.exec(spelled);
    if (mapped === null) return spelled;
    const quad = mapped.slice(1).flatMap((group) => {
      const value = Number.parseInt(group, 16);
      return [value >> 8, value & 255];
    });
    return `[::ffff:${quad.join(".")}]`;
  }
  return isIPv4(text) ? text : oracleName(text);
}

/** A host name in its one spelling, or undefined. */
export function oracleName(text: string): string | undefined {
  const name = text.replace(/\.$/, "");
  if (name.length > 253) return undefined;
  const labels = name.split(".");
  if (!labels.every((label) => /^(?:[a-z0-9_]|[a-z0-9_][a-z0-9_-]{0,61}[a-z0-9_])$/i.test(label))) return undefined;
  const last = labels.at(-1) ?? "";
  return /^\d+$/.test(last) || /^0x[0-9a-f]*$/i.test(last) ? undefined : name.toLowerCase();
}
