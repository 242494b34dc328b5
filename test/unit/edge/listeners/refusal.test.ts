import assert from "node:assert/strict";
import { test } from "node:test";
import { type Reason, REASONS } from "../../../../router/core/base/reason.ts";
import { HOW_TO_REQUEST } from "../../../../router/edge/listeners/how-to-request.ts";
import { refusalResponse } from "../../../../router/edge/listeners/refusal.ts";

const of = (reason: Reason): string =>
  refusalResponse({ reason, request: "r-1", rule: undefined, policy: undefined }, false);
const how = (reason: Reason): string =>
  (JSON.parse(of(reason).split("\r\n\r\n")[1] ?? "") as { error: { how_to_request: string } }).error.how_to_request;

test("the first line of a refusal names its reason: most clients show nothing else of a refused CONNECT", () => {
  assert.match(of("host_not_allowed"), /^HTTP\/1\.1 403 Forbidden \(sluice: host_not_allowed\)\r\n/);
  for (const reason of Object.keys(REASONS) as Reason[]) {
    // RFC 9112 section 4: reason-phrase, of which nothing here needs more than visible ASCII and blanks.
    assert.match(
      of(reason),
      new RegExp(`^HTTP/1\\.1 ${REASONS[reason].status} [A-Za-z -]+ \\(sluice: ${reason}\\)\\r\\n`),
    );
  }
});

const words: readonly (readonly [Reason, RegExp])[] = [
  ["host_not_allowed", /a rule that names this host and port/],
  ["path_not_allowed", /a rule that names this host and path/],
  ["method_not_allowed", /a rule that names this host and method/],
  ["malformed_request", /Change the request/],
  ["host_mismatch", /Change the request/],
  ["inference_only", /agent API/],
  ["dns_failure", /later/],
];
for (const [reason, expected] of words) {
  test(`what an agent can do about ${reason}`, () => assert.match(how(reason), expected));
}

test("what an agent can do is one ASCII line, for every reason", () => {
  for (const each of Object.values(HOW_TO_REQUEST)) assert.match(each, /^[A-Z][ -~]{10,}\.$/);
});
