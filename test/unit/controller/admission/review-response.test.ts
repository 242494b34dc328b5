import assert from "node:assert/strict";
import { test } from "node:test";
import { type Answer, allow, refuse } from "../../../../controller/admission/answer.ts";
import { MOST_MESSAGE, refusalText, reviewResponse } from "../../../../controller/admission/review-response.ts";

const response = (answer: Answer): Record<string, unknown> => {
  const review = JSON.parse(reviewResponse("u-1", answer)) as Record<string, unknown>;
  assert.equal(review["apiVersion"], "admission.k8s.io/v1");
  assert.equal(review["kind"], "AdmissionReview");
  return review["response"] as Record<string, unknown>;
};
const problem = (path: string, message: string) => ({ code: "user_root", path, message });

test("an answer without a patch has no patch, and no warnings", () => {
  assert.deepEqual(response(allow()), { uid: "u-1", allowed: true });
});

test("a patch is a JSON patch in base64", () => {
  const patch = [{ op: "add", path: "/metadata/labels", value: { é: "ü" } }] as const;
  const got = response(allow(patch));
  assert.deepEqual([got["allowed"], got["patchType"]], [true, "JSONPatch"]);
  assert.deepEqual(JSON.parse(Buffer.from(String(got["patch"]), "base64").toString("utf8")), patch);
});

test("a refusal says all that is wrong, and where", () => {
  const got = response(refuse(403, [problem("spec.a", "Not that."), problem("spec.b", "Nor that.")]));
  assert.deepEqual(got, {
    uid: "u-1",
    allowed: false,
    status: {
      status: "Failure",
      code: 403,
      reason: "Forbidden",
      message: "spec.a: Not that.\nspec.b: Nor that.",
      details: {
        causes: [
          { reason: "user_root", field: "spec.a", message: "Not that." },
          { reason: "user_root", field: "spec.b", message: "Nor that." },
        ],
      },
    },
  });
});

test("a refusal without a reason is a bug", () => {
  assert.throws(() => refuse(403, []), /says why/);
});

test("a message is bounded in octets, and says how much is left out", () => {
  const many = Array.from({ length: 1000 }, (_, index) => problem(`spec.containers[${index}]`, "é".repeat(50)));
  const text = refusalText(many);
  assert.ok(Buffer.byteLength(text) <= MOST_MESSAGE);
  const lines = text.split("\n");
  assert.equal(lines.at(-1), `... and ${1000 - (lines.length - 1)} more`);
  assert.ok(Buffer.byteLength(refusalText([problem("spec", "é".repeat(9000))])) <= MOST_MESSAGE);
});

test("neither messages nor warnings steer a terminal or make lines", () => {
  const hostile = "a\u001b[2Jb\r\nc\u202e\u2028";
  const got = response(refuse(403, [problem("", hostile)], [hostile]));
  assert.equal((got["status"] as { message: string }).message, "a?[2Jb??c??");
  assert.deepEqual(got["warnings"], ["a?[2Jb??c??"]);
});

test("a warning has 120 characters at most, and none is cut in half", () => {
  const got = response(allow([], ["😀".repeat(121), "x".repeat(120)]))["warnings"] as string[];
  assert.deepEqual(got, [`${"😀".repeat(117)}...`, "x".repeat(120)]);
});
