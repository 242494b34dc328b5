import { STATUS_CODES } from "node:http";
import type { Family } from "../../core/inference/api.ts";
import { type NativeAnswer, type NativeRefusal, nativeRefusal } from "../../core/inference/native-refusal.ts";
import type { AgentSocket } from "../../edge/listeners/agent-socket.ts";

/** Writes an answer of the router's own. Where the connection is not kept, it ends with it. */
export function writeLocal(agent: AgentSocket, request: string, answer: NativeAnswer, keepAlive: boolean): void {
  let text = `HTTP/1.1 ${answer.status} ${STATUS_CODES[answer.status] ?? ""}\r\n`;
  for (const [name, value] of answer.fields) text += `${name}: ${value}\r\n`;
  const body = Buffer.from(answer.body);
  text += `Content-Length: ${body.length}\r\nSluice-Request-Id: ${request}\r\n`;
  text += `Connection: ${keepAlive ? "keep-alive" : "close"}\r\n\r\n`;
  const whole = Buffer.concat([Buffer.from(text, "latin1"), body]);
  if (keepAlive) agent.write(whole);
  else agent.finish(whole);
}

export function writeRefusal(agent: AgentSocket, family: Family, refusal: NativeRefusal, keepAlive: boolean): void {
  writeLocal(agent, refusal.request, nativeRefusal(family, refusal), keepAlive);
}

export function json(value: unknown): NativeAnswer {
  return { status: 200, fields: [["Content-Type", "application/json"]], body: JSON.stringify(value) };
}
