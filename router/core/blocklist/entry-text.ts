import type { Host } from "../wire/host.ts";

const MAPPED = /^::ffff:(?<quad>[0-9.]+)$/;

/** The text by which a host is listed and looked up: its canonical one, of an IPv4-mapped address the IPv4 one. */
export function entryText({ text }: Host): string {
  return text.startsWith("::ffff:") ? (MAPPED.exec(text)?.groups?.["quad"] ?? text) : text;
}
