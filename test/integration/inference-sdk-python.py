"""Calls the router, at the URL of the first argument, as agents with Python's SDKs do, and says what came, as JSON.

Each case asks for a model of its own name; inference-sdk-python.test.ts has the providers' parts and the expectations.
"""

import asyncio
import json
import sys
import time

import anthropic
import openai

URL = sys.argv[1]
HI = [{"role": "user", "content": "hi"}]
o = openai.OpenAI(base_url=f"{URL}/v1", api_key="not-needed", timeout=5)
a = anthropic.Anthropic(base_url=URL, api_key="not-needed", timeout=5)
CASES = {}


def case(function):
    CASES[function.__name__.replace("_", "-")] = function
    return function


def chat(model, client=o, **more):
    return client.chat.completions.create(model=model, messages=HI, **more)


def message(model, client=a, **more):
    return client.messages.create(model=model, max_tokens=100, messages=HI, **more)


def text_of(stream):
    text = ""
    try:
        for chunk in stream:
            assert chunk.choices, "a chunk without choices that nobody asked for"
            text += chunk.choices[0].delta.content or ""
    except Exception as error:
        error.text = text
        raise
    return text


@case
def o_create(model):
    answer = chat(model)
    return {"text": answer.choices[0].message.content, "tokens": answer.usage.total_tokens}


@case
def o_stream(model):
    return {"text": text_of(chat(model, stream=True))}


@case
def o_stream_usage(model):
    *_, last = chat(model, stream=True, stream_options={"include_usage": True})
    return {"choices": len(last.choices), "tokens": last.usage.total_tokens}


@case
def o_break(model):
    with chat(model, stream=True) as stream:
        for index, _ in enumerate(stream):
            if index == 5:
                break
    return {"index": index}


@case
def o_async(model):
    async def many():
        async with openai.AsyncOpenAI(base_url=f"{URL}/v1", api_key="not-needed") as client:
            asked = [client.chat.completions.create(model=model, messages=HI) for _ in range(8)]
            return [answer.choices[0].message.content for answer in await asyncio.gather(*asked)]

    return {"texts": asyncio.run(many())}


@case
def o_tool(model):
    answer = chat(model, tools=[{"type": "function", "function": {"name": "weather", "parameters": {}}}])
    call = answer.choices[0].message.tool_calls[0]
    return {"name": call.function.name, "arguments": json.loads(call.function.arguments)}


@case
def o_responses(model):
    whole = o.responses.create(model=model, input="hi").output_text
    with o.responses.stream(model=model, input="hi") as stream:
        streamed = stream.get_final_response().output_text
    return {"texts": [whole, streamed]}


@case
def o_embeddings(model):
    return {"embedding": o.embeddings.create(model=model, input="hi", encoding_format="float").data[0].embedding}


@case
def o_models(model):
    return {"found": model in [one.id for one in o.models.list()]}


@case
def o_unknown(model):
    return chat("gpt-secret")


@case
def o_budget(model):
    return chat(model, client=o.with_options(max_retries=5))


@case
def o_large(model):
    return o.chat.completions.create(model=model, messages=[{"role": "user", "content": "x" * 70_000}])


@case
def o_files(model):
    return o.files.list()


@case
def o_400(model):
    return chat(model)


@case
def o_429(model):
    return {"text": chat(model).choices[0].message.content}


@case
def o_500(model):
    return chat(model)


@case
def o_500_once(model):
    return chat(model, client=o.with_options(max_retries=0))


@case
def o_cut(model):
    return text_of(chat(model, stream=True))


@case
def o_error_frame(model):
    return text_of(chat(model, stream=True))


@case
def o_timeout(model):
    return chat(model, client=o.with_options(timeout=0.3, max_retries=0))


@case
def o_claude(model):
    return {"text": chat(model).choices[0].message.content, "streamed": text_of(chat(model, stream=True))}


@case
def a_create(model):
    answer = message(model)
    return {"text": answer.content[0].text, "tokens": answer.usage.input_tokens + answer.usage.output_tokens}


@case
def a_stream(model):
    with a.messages.stream(model=model, max_tokens=100, messages=HI) as stream:
        text = "".join(stream.text_stream)
        return {"text": text, "tokens": stream.get_final_message().usage.output_tokens}


@case
def a_count(model):
    return {"tokens": a.messages.count_tokens(model=model, messages=HI).input_tokens}


@case
def a_unknown(model):
    return message("claude-secret")


@case
def a_budget(model):
    return message(model)


@case
def a_529(model):
    return message(model)


@case
def a_error_event(model):
    with a.messages.stream(model=model, max_tokens=100, messages=HI) as stream:
        return stream.get_final_message()


@case
def a_cut(model):
    with a.messages.stream(model=model, max_tokens=100, messages=HI) as stream:
        return stream.get_final_message()


@case
def a_gpt(model):
    with a.messages.stream(model=model, max_tokens=100, messages=HI) as stream:
        streamed = stream.get_final_text()
    return {"text": message(model).content[0].text, "streamed": streamed}


def told(error):
    request = getattr(error, "request", None)
    response = getattr(error, "response", None)
    retries = None if request is None else request.headers.get("x-stainless-retry-count")
    return {
        "error": type(error).__name__,
        "isApiError": isinstance(error, (openai.APIError, anthropic.APIError)),
        "status": getattr(error, "status_code", None),
        "code": getattr(error, "code", None),
        "type": getattr(error, "type", None),
        "text": getattr(error, "text", None),
        "retries": None if retries is None else int(retries),
        "retryAfter": None if response is None else response.headers.get("retry-after"),
        "message": str(error),
    }


results = {}
for name, function in CASES.items():
    began = time.monotonic()
    try:
        results[name] = function(name)
    except Exception as error:
        results[name] = told(error)
    results[name]["seconds"] = time.monotonic() - began
print(json.dumps(results))
