"""Signs three Bedrock requests by AWS Signature Version 4 with nothing but hashlib and hmac; prints bedrock.json.

Written from the description "Create a signed AWS API request" of the AWS IAM user guide, and apart from
router/core/credential: paths and headers are put together by hand here, so that the two can disagree.
"""

import hashlib
import hmac
import json

ACCESS, SECRET = "ASIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
REGION, SERVICE = "us-west-2", "bedrock"


def mac(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def sign(name, date, wire_path, canonical_path, query, canonical_query, token, body):
    host = f"bedrock-runtime.{REGION}.amazonaws.com"
    digest = hashlib.sha256(body.encode()).hexdigest()
    lines = [
        "content-type:application/json",
        f"host:{host}",
        f"x-amz-content-sha256:{digest}",
        f"x-amz-date:{date}",
    ]
    signed = "content-type;host;x-amz-content-sha256;x-amz-date"
    if token:
        lines.append(f"x-amz-security-token:{token}")
        signed += ";x-amz-security-token"
    canonical = "\n".join(["POST", canonical_path, canonical_query, *lines, "", signed, digest])
    scope = f"{date[:8]}/{REGION}/{SERVICE}/aws4_request"
    hashed = hashlib.sha256(canonical.encode()).hexdigest()
    to_sign = "\n".join(["AWS4-HMAC-SHA256", date, scope, hashed])
    key = mac(mac(mac(mac(("AWS4" + SECRET).encode(), date[:8]), REGION), SERVICE), "aws4_request")
    signature = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
    return {
        "name": name, "date": date, "host": host, "path": wire_path, "query": query, "token": token, "body": body,
        "canonical": canonical,
        "authorization": f"AWS4-HMAC-SHA256 Credential={ACCESS}/{scope}, SignedHeaders={signed}, Signature={signature}",
    }


BODY = '{"messages":[{"role":"user","content":[{"text":"h\\u00e9llo"}]}]}'
print(json.dumps({
    "accessKeyId": ACCESS, "secretAccessKey": SECRET, "region": REGION,
    "requests": [
        sign("a model id with a colon, escaped in the path", "20260911T080910Z",
             "/model/anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse-stream",
             "/model/anthropic.claude-sonnet-4-5-20250929-v1%253A0/converse-stream", "", "", "IQoJb3JpZ2luX2VjEXAMPLE//+==", BODY),
        sign("the same id, not escaped in the path", "20240229T235959Z",
             "/model/anthropic.claude-sonnet-4-5-20250929-v1:0/converse",
             "/model/anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse", "", "", "", BODY),
        sign("an inference profile's ARN, with a query", "20260101T000000Z",
             "/model/arn%3Aaws%3Abedrock%3Aus-west-2%3A123456789012%3Ainference-profile%2Fus.x-v1%3A0/invoke",
             "/model/arn%253Aaws%253Abedrock%253Aus-west-2%253A123456789012%253Ainference-profile%252Fus.x-v1%253A0/invoke",
             "b=%2F%2f&a=x%20y&a", "a=&a=x%20y&b=%2F%2F", "", "{}"),
    ],
}, indent=1))
