import assert from "node:assert/strict";
import { test } from "node:test";
import { http2Refusal } from "../../../../router/app/inspection/http2-refusal.ts";
import { createHttp2Room } from "../../../../router/app/inspection/http2-room.ts";
import { type Reason, REASONS } from "../../../../router/core/base/reason.ts";
import { refusalResponse } from "../../../../router/edge/listeners/refusal.ts";

const policy = { name: "agent", version: 7, digest: `sha256:${"ab".repeat(32)}` };

test("every refusal says over HTTP/2 what it says over HTTP/1.1", () => {
  for (const reason of Object.keys(REASONS) as Reason[]) {
    const refusal = { reason, request: "r1", rule: "github", policy, detail: "More of it." };
    const text = refusalResponse(refusal, false);
    const { head, content } = http2Refusal(refusal, false);
    assert.equal(head.status, REASONS[reason].status);
    assert.equal(content, text.slice(text.indexOf("\r\n\r\n") + 4));
    const said = new Map(head.fields.map(({ name, value }) => [name, value]));
    assert.equal(said.get("content-length"), String(content.length));
    assert.equal(said.get("sluice-reason"), reason);
    assert.ok(said.get("proxy-status")?.startsWith("sluice; error="));
    assert.equal(said.has("retry-after"), /\r\nRetry-After: /.test(text));
    assert.equal(said.has("connection"), false);
    assert.ok(head.fields.every(({ name }) => name === name.toLowerCase()));
  }
});

const codes: Readonly<Record<number, string>> = {
  400: "3",
  403: "7",
  413: "8",
  421: "7",
  429: "8",
  500: "13",
  502: "14",
  503: "14",
};

test("every refusal is one of gRPC's statuses, with trailers only", () => {
  for (const reason of Object.keys(REASONS) as Reason[]) {
    const { head, content } = http2Refusal({ reason, request: "r1", rule: undefined, policy: undefined }, true);
    assert.deepEqual([head.status, head.whole, content], [200, true, ""]);
    const said = new Map(head.fields.map(({ name, value }) => [name, value]));
    assert.equal(said.get("content-type"), "application/grpc");
    assert.equal(said.get("grpc-status"), codes[REASONS[reason].status], reason);
    assert.equal(said.get("sluice-reason"), reason);
    assert.equal(said.has("content-length"), false);
    assert.equal(said.size, head.fields.length);
  }
});

test("a gRPC message is percent-encoded", () => {
  const refusal = {
    reason: "internal",
    request: "r",
    rule: undefined,
    policy: undefined,
    detail: "100 % \u00fc\n\u{1f600}~",
  } as const;
  const said = new Map(http2Refusal(refusal, true).head.fields.map(({ name, value }) => [name, value]));
  const sentence = REASONS.internal.sentence;
  assert.equal(said.get("grpc-message"), `${sentence} 100 %25 %C3%BC%0A%F0%9F%98%80~`);
});

test("a room gives what it has, and takes it back once", () => {
  const room = createHttp2Room(100);
  const one = room.reserve(60);
  assert.equal(room.reserve(41), undefined);
  const two = room.reserve(40);
  assert.equal(room.reserved, 100);
  one?.();
  one?.();
  assert.equal(room.reserved, 40);
  two?.();
  assert.equal(room.reserved, 0);
});

test("a room that drains tells who is still there", () => {
  const room = createHttp2Room();
  const told: string[] = [];
  const leave = room.join({ close: () => void told.push("one") });
  room.join({ close: () => void told.push("two") });
  leave();
  room.drain();
  assert.deepEqual([told, room.connections], [["two"], 1]);
});
