#!/usr/bin/env python3
"""An independent second opinion on `crates/face`: the same four networks, driven from Python.

    pip install onnxruntime numpy opencv-python-headless
    reference.py golden MODELS SAMPLES NAME...     numbers for golden.json, NAME like P001/studio_portrait.jpg
    reference.py bench  MODELS PICTURE...          median milliseconds of each stage on one thread, as JSON
    reference.py capture MODELS PICTURE...         a capture of these frames, by ONNX Runtime and by OpenCV's own face
                                                   classes, on one thread and on two, with what comes out, as JSON

`tests/golden.rs` holds the crate against the first; `surety bench pay` and `surety bench face` run the others beside
themselves, so that both are timed by the same machine at the same moment. Nothing of this is part of the product.
"""

import json
import resource
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import onnxruntime

LONGEST_SIDE = 640
STRIDES = (8, 16, 32)
SCORE_LEAST = 0.6
OVERLAP_MOST = 0.3
# Where an ArcFace-style network wants eyes, nose tip and mouth corners in a crop of 112x112.
CANON = np.float64([(38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041)])
LIVE_CLASS = 1
LIVENESS = {"MiniFASNetV2.onnx": 2.7, "MiniFASNetV1SE.onnx": 4.0}


def network(graph):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def any_size(graph):
    """The detector's file declares a 640x640 input that nothing in the graph depends on: two three-byte
    protobuf dimensions `dim_value: 640`. Names of the same length take their place."""
    fixed = bytes.fromhex("0a03088005")
    assert graph.count(fixed) == 2, "not the detector this script knows"
    return graph.replace(fixed, b"\x0a\x03\x12\x01h", 1).replace(fixed, b"\x0a\x03\x12\x01w", 1)


def tensor(image, rgb=False):
    planes = image[..., ::-1] if rgb else image
    return np.moveaxis(planes, 2, 0)[np.newaxis].astype(np.float32, order="C")


class Pipeline:
    def __init__(self, models):
        models = Path(models)
        self.detector = network(any_size((models / "face_detection_yunet_2023mar.onnx").read_bytes()))
        self.embedder = network(str(models / "face_recognition_sface_2021dec.onnx"))
        self.liveness = [(scale, network(str(models / name))) for name, scale in LIVENESS.items()]

    def detect(self, image):
        """Rows of x, y, width, height, five (x, y), score; best score first; in pixels of `image`."""
        height, width = image.shape[:2]
        ratio = min(1.0, LONGEST_SIDE / max(height, width))
        if ratio < 1.0:
            how = cv2.INTER_AREA if ratio <= 0.5 else cv2.INTER_LINEAR
            image = cv2.resize(image, (round(width * ratio), round(height * ratio)), interpolation=how)
        below, right = (-image.shape[0]) % 32, (-image.shape[1]) % 32
        image = cv2.copyMakeBorder(image, 0, below, 0, right, cv2.BORDER_CONSTANT)
        names = [f"{kind}_{stride}" for stride in STRIDES for kind in ("cls", "obj", "bbox", "kps")]
        outputs = self.detector.run(names, {"input": tensor(image)})
        found = np.concatenate([
            self.decode(outputs[4 * i : 4 * i + 4], stride, image.shape[1] // stride) for i, stride in enumerate(STRIDES)
        ])
        found[:, :14] /= ratio
        return self.best_of_overlapping(found)

    @staticmethod
    def decode(outputs, stride, columns):
        kind, something, box, points = (output[0] for output in outputs)
        score = np.sqrt(kind[:, 0].clip(0, 1) * something[:, 0].clip(0, 1))
        cells = np.flatnonzero(score > SCORE_LEAST)
        origin = np.stack([cells % columns, cells // columns], axis=1).astype(np.float32)
        centre = (origin + box[cells, :2]) * stride
        size = np.exp(box[cells, 2:]) * stride
        points = (points[cells].reshape(-1, 5, 2) + origin[:, np.newaxis]) * stride
        return np.hstack([centre - size / 2, size, points.reshape(-1, 10), score[cells, np.newaxis]])

    @staticmethod
    def best_of_overlapping(found):
        kept = []
        for row in found[np.argsort(-found[:, 14], kind="stable")]:
            if all(overlap(row, other) <= OVERLAP_MOST for other in kept):
                kept.append(row)
        return np.array(kept)

    def align(self, image, face):
        """The similarity (turn, scale, shift) that takes the landmarks closest to CANON. As complex numbers the
        landmarks p and CANON q, both less their means, are related by q = z p, so z = <p, q> / <p, p>. A face at
        least twice as large as the crop is first averaged over squares, for bilinear sampling would skip pixels."""
        p = face[4:14:2].astype(np.float64) + 1j * face[5:14:2]
        block = int(1 / abs(similarity(p)[0]))
        if block > 1:
            high, wide = image.shape[0] // block, image.shape[1] // block
            image = cv2.resize(image[: high * block, : wide * block], (wide, high), interpolation=cv2.INTER_AREA)
            p = (p + (0.5 + 0.5j)) / block - (0.5 + 0.5j)
        z, shift = similarity(p)
        matrix = np.float64([[z.real, -z.imag, shift.real], [z.imag, z.real, shift.imag]])
        return cv2.warpAffine(image, matrix, (112, 112), flags=cv2.INTER_LINEAR)

    def embed(self, crop):
        vector = self.embedder.run(["fc1"], {"data": tensor(crop, rgb=True)})[0][0].astype(np.float64)
        return vector / np.linalg.norm(vector)

    def live(self, image, face):
        """Probability of the live class, averaged over the networks."""
        shares = []
        for scale, net in self.liveness:
            logits = net.run(None, {"input": tensor(window(image, face[:4], scale))})[0][0].astype(np.float64)
            odds = np.exp(logits - logits.max())
            shares.append(odds[LIVE_CLASS] / odds.sum())
        return float(np.mean(shares))


class Shipped(Pipeline):
    """OpenCV's own detector and embedder; it has no passive liveness, which ONNX Runtime does."""

    def __init__(self, models):
        super().__init__(models)
        models = Path(models)
        detector = str(models / "face_detection_yunet_2023mar.onnx")
        self.yunet = cv2.FaceDetectorYN.create(detector, "", (320, 320), SCORE_LEAST, OVERLAP_MOST)
        self.sface = cv2.FaceRecognizerSF.create(str(models / "face_recognition_sface_2021dec.onnx"), "")

    def detect(self, image):
        height, width = image.shape[:2]
        ratio = min(1.0, LONGEST_SIDE / max(height, width))
        if ratio < 1.0:
            how = cv2.INTER_AREA if ratio <= 0.5 else cv2.INTER_LINEAR
            image = cv2.resize(image, (round(width * ratio), round(height * ratio)), interpolation=how)
        self.yunet.setInputSize((image.shape[1], image.shape[0]))
        found = self.yunet.detect(image)[1]
        found[:, :14] /= ratio
        return found

    def align(self, image, face):
        return self.sface.alignCrop(image, face)

    def embed(self, crop):
        vector = self.sface.feature(crop)[0].astype(np.float64)
        return vector / np.linalg.norm(vector)


def similarity(p):
    q = CANON[:, 0] + 1j * CANON[:, 1]
    z = np.vdot(p - p.mean(), q - q.mean()) / np.vdot(p - p.mean(), p - p.mean()).real
    return z, q.mean() - z * p.mean()


def overlap(a, b):
    wide = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    high = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    common = max(wide, 0.0) * max(high, 0.0)
    return common / (a[2] * a[3] + b[2] * b[3] - common)


def window(image, box, scale, side=80):
    """The box made `scale` times as large about its centre, and no larger than the picture; where it would
    leave the picture it is shifted back in, never padded."""
    corners = []
    limits = (image.shape[1] - 1, image.shape[0] - 1)
    x, y, width, height = (float(v) for v in box)
    scale = min(scale, limits[0] / width, limits[1] / height)
    for start, extent, limit in ((x, width, limits[0]), (y, height, limits[1])):
        middle = start + extent / 2
        low, high = middle - extent * scale / 2, middle + extent * scale / 2
        if low < 0:
            low, high = 0.0, high - low
        if high > limit:
            low, high = low - (high - limit), float(limit)
        corners.append((int(low), int(high)))
    (left, right), (top, bottom) = corners
    return cv2.resize(image[top : bottom + 1, left : right + 1], (side, side))


def dominant(found):
    return found[np.argmax(found[:, 2] * found[:, 3])]


def restless(pipeline, image, face):
    """How much the liveness changes at most when the box moves by one pixel: its windows end at whole pixels."""
    moves = [(0, 0), (-1, 0), (1, 0), (0, -1), (0, 1)]
    answers = [pipeline.live(image, face[:4] + np.array([dx, dy, 0, 0])) for dx, dy in moves]
    return max(abs(answer - answers[0]) for answer in answers)


def golden(pipeline, samples, names):
    rows = []
    for name in names:
        image = cv2.imread(str(Path(samples) / name))
        found = pipeline.detect(image)
        face = dominant(found)
        rows.append({
            "picture": name,
            "faces": len(found),
            "score": round(float(face[14]), 5),
            "box": [round(float(v), 3) for v in face[:4]],
            "landmarks": [[round(float(v), 3) for v in face[i : i + 2]] for i in range(4, 14, 2)],
            "liveness": round(pipeline.live(image, face), 5),
            "liveness_restless": round(restless(pipeline, image, face), 5),
            "embedding": [round(float(v), 6) for v in pipeline.embed(pipeline.align(image, face))],
        })
    return rows


def bench(pipeline, pictures, rounds=15):
    stages = {name: [] for name in ("decode", "detect", "align", "embed", "liveness", "total")}
    for turn in range(rounds + 2):
        for picture in pictures:
            marks = [time.perf_counter()]
            image = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)
            marks.append(time.perf_counter())
            face = dominant(pipeline.detect(image))
            marks.append(time.perf_counter())
            crop = pipeline.align(image, face)
            marks.append(time.perf_counter())
            pipeline.embed(crop)
            marks.append(time.perf_counter())
            pipeline.live(image, face)
            marks.append(time.perf_counter())
            if turn >= 2:
                for name, start, end in zip(stages, marks, marks[1:]):
                    stages[name].append(end - start)
                stages["total"].append(marks[-1] - marks[0])
    return {name: round(1000 * statistics.median(spent), 3) for name, spent in stages.items()}


STAGES = ("decode", "detect", "align", "embed", "liveness")


def frame(pipeline, picture):
    """What one frame gives, and the marks between its stages."""
    marks = [time.perf_counter()]
    image = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)
    marks.append(time.perf_counter())
    face = dominant(pipeline.detect(image))
    marks.append(time.perf_counter())
    crop = pipeline.align(image, face)
    marks.append(time.perf_counter())
    vector = pipeline.embed(crop)
    marks.append(time.perf_counter())
    live = pipeline.live(image, face)
    marks.append(time.perf_counter())
    return face, vector, live, marks


def capture(pipelines, pictures, rounds=15):
    """Milliseconds of all frames one after the other on one thread, and on as many threads as there are pipelines."""
    spent, alone, together = {name: [] for name in STAGES}, [], []
    with ThreadPoolExecutor(len(pipelines)) as pool:
        for turn in range(rounds + 2):
            start = time.perf_counter()
            seen = [frame(pipelines[0], picture) for picture in pictures]
            middle = time.perf_counter()
            jobs = [pool.submit(lambda own, of: [frame(own, one) for one in of], pipelines[i], pictures[i :: len(pipelines)])
                    for i in range(len(pipelines))]
            for job in jobs:
                job.result()
            end = time.perf_counter()
            if turn >= 2:
                alone.append(middle - start)
                together.append(end - middle)
                for _face, _vector, _live, marks in seen:
                    for name, first, last in zip(STAGES, marks, marks[1:]):
                        spent[name].append(last - first)

    def quantiles(times):
        return {"p50": round(1000 * float(np.quantile(times, 0.5)), 3), "p99": round(1000 * float(np.quantile(times, 0.99)), 3)}

    return {
        "stages": {name: quantiles(times) for name, times in spent.items()},
        "alone": quantiles(alone),
        "together": quantiles(together),
        "frames": [{"box": [float(v) for v in face[:4]], "embedding": [float(v) for v in vector], "liveness": live}
                   for face, vector, live, _marks in seen],
    }


def main(arguments):
    cv2.setNumThreads(1)
    mode, models, *rest = arguments
    if mode == "capture":
        pictures = [Path(name).read_bytes() for name in rest]
        both = {"onnxruntime": Pipeline, "opencv": Shipped}
        found = {name: capture([kind(models), kind(models)], pictures) for name, kind in both.items()}
        print(json.dumps(found | {"peak_kib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}))
        return
    pipeline = Pipeline(models)
    if mode == "golden":
        samples, *names = rest
        command = "crates/face/tests/golden/reference.py golden var/models var/samples " + " ".join(names)
        rows = ",\n".join(json.dumps(row) for row in golden(pipeline, samples, names))
        print('{"made_by": ' + json.dumps(command) + ', "pictures": [\n' + rows + "\n]}")
    elif mode == "bench":
        pictures = [Path(name).read_bytes() for name in rest]
        print(json.dumps({"pictures": len(pictures), "median_ms": bench(pipeline, pictures)}))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
