"""A model server on loopback that says the same short sentence to everybody, and keeps what it was asked.

It speaks as much of four interfaces as coding agents need for one turn: Anthropic's messages, OpenAI's responses and chat
completions, and Gemini's generateContent, each streamed and whole. What an agent's hooks put before the model is in a request
that was kept. Where it is told to, it calls one tool first.
"""

from __future__ import annotations

import gzip
import importlib
import json
import threading
import zlib
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

SAID = "Understood, nothing to change."
MODEL = "mock"

Json = dict[str, Any]
Event = tuple[str | None, Json | str]  # the name of a server-sent event, where its protocol names them, and its data


class Request(NamedTuple):
    """One request: its path, and its body as JSON ({} where it was none)."""

    path: str
    body: Json

    @property
    def text(self) -> str:
        """All of it as the model would read it, with no character escaped."""
        return json.dumps(self.body, ensure_ascii=False)


class Call(NamedTuple):
    """A tool to be called, by the name that the agent gave it (`namespace`: of Codex, what stands before the name)."""

    name: str
    arguments: Json
    namespace: str = ""


class Mock:
    """The server, while the context lasts. `requests` holds what was sent to a model, in order; `call`, what it answers to the
    first request that offers tools."""

    def __init__(self, call: Call | None = None) -> None:
        self.call = call
        self.requests: list[Request] = []
        self.others: list[str] = []  # paths that no interface has: what else the agent wanted from the network
        mock = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._send(json.dumps(_models(self.path)).encode(), "application/json")

            def do_POST(self) -> None:
                path = self.path.partition("?")[0]
                body = _decoded(self.rfile.read(int(self.headers.get("content-length") or 0)), self.headers)
                call = mock.call if body.get("tools") else None
                answer = _answer(path, body, call)
                if answer is None:
                    mock.others.append(path)
                    self._send(b"{}", "application/json")
                    return
                mock.requests.append(Request(path, body))
                mock.call = None if call else mock.call
                whole, events = answer
                if body.get("stream") or "stream" in path:
                    self._send("".join(map(_sse, events())).encode(), "text/event-stream")
                else:
                    self._send(json.dumps(whole).encode(), "application/json")

            def _send(self, data: bytes, type_: str) -> None:
                self.send_response(200)
                self.send_header("content-type", type_)
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Mock:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def text(self) -> str:
        """Everything that was sent to a model."""
        return "\n".join(request.text for request in self.requests)


def _decoded(data: bytes, headers: Any) -> Json:
    encoding = str(headers.get("content-encoding") or "")
    if encoding == "gzip":
        data = gzip.decompress(data)
    elif encoding == "deflate":
        data = zlib.decompress(data)
    elif encoding == "zstd":
        zstandard = importlib.import_module("zstandard")  # Codex may ask for it; where it is not there the test says so
        data = zstandard.ZstdDecompressor().decompressobj().decompress(data)
    try:
        body = json.loads(data)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _models(path: str) -> Json:
    """What there is to choose from, in the shapes of all interfaces at once."""
    one = {"id": MODEL, "object": "model", "type": "model", "name": f"models/{MODEL}", "display_name": MODEL}
    return (
        one
        if path.rstrip("/").endswith(MODEL)
        else {"object": "list", "data": [one], "models": [one], "has_more": False}
    )


def _answer(path: str, body: Json, call: Call | None) -> tuple[Json, Callable[[], Iterator[Event]]] | None:
    """A reply as a whole, and as events; None for a path of no interface."""
    name = str(body.get("model") or MODEL)
    if path.endswith("/count_tokens"):
        return {"input_tokens": 10}, lambda: iter(())
    if path.endswith(":countTokens"):
        return {"totalTokens": 10}, lambda: iter(())
    if path.endswith("/messages"):
        return _messages(name, call)
    if path.endswith("/responses"):
        return _responses(name, call)
    if path.endswith("/chat/completions"):
        return _chat(name, call)
    if path.endswith((":generateContent", ":streamGenerateContent")):
        return _gemini(name, call)
    return None


def _messages(name: str, call: Call | None) -> tuple[Json, Callable[[], Iterator[Event]]]:
    usage = {"input_tokens": 10, "output_tokens": 5}
    head: Json = {
        "id": "msg_mock", "type": "message", "role": "assistant", "model": name, "stop_reason": None, "stop_sequence": None,
        "usage": usage,
    }  # fmt: skip
    block: Json = {"type": "text", "text": ""}
    content: Json = {"type": "text_delta", "text": SAID}
    if call:
        block = {"type": "tool_use", "id": "toolu_mock", "name": call.name, "input": {}}
        content = {"type": "input_json_delta", "partial_json": json.dumps(call.arguments)}
    said = {**block, "input": call.arguments} if call else {**block, "text": SAID}
    reason = "tool_use" if call else "end_turn"
    whole = {**head, "content": [said], "stop_reason": reason}

    def events() -> Iterator[Event]:
        yield "message_start", {"type": "message_start", "message": {**head, "content": []}}
        yield "content_block_start", {"type": "content_block_start", "index": 0, "content_block": block}
        yield "content_block_delta", {"type": "content_block_delta", "index": 0, "delta": content}
        yield "content_block_stop", {"type": "content_block_stop", "index": 0}
        delta = {"stop_reason": reason, "stop_sequence": None}
        yield "message_delta", {"type": "message_delta", "delta": delta, "usage": usage}
        yield "message_stop", {"type": "message_stop"}

    return whole, events


def _responses(name: str, call: Call | None) -> tuple[Json, Callable[[], Iterator[Event]]]:
    part = {"type": "output_text", "text": SAID, "annotations": []}
    item: Json = {"type": "message", "id": "msg_mock", "role": "assistant", "status": "completed", "content": [part]}
    if call:
        item = {
            "type": "function_call", "id": "fc_mock", "call_id": "call_mock", "status": "completed", "name": call.name,
            "arguments": json.dumps(call.arguments), **({"namespace": call.namespace} if call.namespace else {}),
        }  # fmt: skip
    usage = {
        "input_tokens": 10, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 5,
        "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 15,
    }  # fmt: skip
    head: Json = {"id": "resp_mock", "object": "response", "created_at": 0, "model": name, "output": []}
    whole = {**head, "status": "completed", "output": [item], "usage": usage}

    def events() -> Iterator[Event]:
        steps: list[Json] = [{"type": "response.created", "response": {**head, "status": "in_progress"}}]
        if not call:
            steps.append({"type": "response.output_item.added", "output_index": 0, "item": {**item, "content": []}})
            steps.append({"type": "response.output_text.delta", "item_id": "msg_mock", "output_index": 0, "content_index": 0,
                          "delta": SAID})  # fmt: skip
        steps.append({"type": "response.output_item.done", "output_index": 0, "item": item})
        steps.append({"type": "response.completed", "response": whole})
        for number, step in enumerate(steps):
            yield str(step["type"]), {**step, "sequence_number": number}

    return whole, events


def _chat(name: str, call: Call | None) -> tuple[Json, Callable[[], Iterator[Event]]]:
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    head: Json = {"id": "chatcmpl-mock", "created": 0, "model": name}
    message: Json = {"role": "assistant", "content": SAID}
    reason = "stop"
    if call:
        function = {"name": call.name, "arguments": json.dumps(call.arguments)}
        asked = {"index": 0, "id": "call_mock", "type": "function", "function": function}
        message, reason = {"role": "assistant", "content": None, "tool_calls": [asked]}, "tool_calls"
    choice = {"index": 0, "message": message, "finish_reason": reason}
    whole = {**head, "object": "chat.completion", "choices": [choice], "usage": usage}

    def events() -> Iterator[Event]:
        chunk: Json = {**head, "object": "chat.completion.chunk"}
        yield None, {**chunk, "choices": [{"index": 0, "delta": message, "finish_reason": None}]}
        yield None, {**chunk, "choices": [{"index": 0, "delta": {}, "finish_reason": reason}], "usage": usage}
        yield None, "[DONE]"

    return whole, events


def _gemini(name: str, call: Call | None) -> tuple[Json, Callable[[], Iterator[Event]]]:
    usage = {"promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 15}
    part: Json = {"functionCall": {"name": call.name, "args": call.arguments}} if call else {"text": SAID}
    content = {"role": "model", "parts": [part]}
    candidate = {"index": 0, "content": content, "finishReason": "STOP"}
    whole: Json = {"candidates": [candidate], "usageMetadata": usage, "modelVersion": name, "responseId": "mock"}

    def events() -> Iterator[Event]:
        yield None, whole

    return whole, events


def _sse(event: Event) -> str:
    name, data = event
    named = f"event: {name}\n" if name else ""
    return f"{named}data: {data if isinstance(data, str) else json.dumps(data)}\n\n"
