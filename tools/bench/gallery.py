"""What `surety bench gallery` is held against: FAISS flat and SQ8, usearch exact, on the same vectors and one thread.

Reads vectors and queries that the benchmark wrote (little-endian 32-bit floats), builds each index, says so in one line of
JSON, and then answers lines `<index> one <from> <count>`, `<index> batch` and `<index> best` with one line of JSON each.
"""

import json
import sys
import time
from pathlib import Path

import faiss
import numpy
from usearch.index import MetricKind, search

DIMENSION = 128
TOP = 10

folder = Path(sys.argv[1])
vectors = numpy.fromfile(folder / "vectors.f32", dtype="<f4").reshape(-1, DIMENSION)
queries = numpy.fromfile(folder / "queries.f32", dtype="<f4").reshape(-1, DIMENSION)
faiss.omp_set_num_threads(1)


class Faiss:
    def __init__(self, index, bytes_each):
        started = time.perf_counter()
        if not index.is_trained:
            index.train(vectors[:100_000])
        index.add(vectors)
        self.build_s = time.perf_counter() - started
        self.index = index
        self.bytes_each = bytes_each

    def best(self, probes):
        return self.index.search(probes, TOP)[1][:, 0]


class Usearch:
    """Bytes, as usearch makes them: the whole of -1..1 in 127 steps to either side."""

    def __init__(self):
        started = time.perf_counter()
        self.rows = numpy.round(vectors * 127).astype(numpy.int8)
        self.build_s = time.perf_counter() - started
        self.bytes_each = DIMENSION

    def best(self, probes):
        probes = numpy.round(probes * 127).astype(numpy.int8)
        found = search(self.rows, probes, TOP, MetricKind.Cos, exact=True, threads=1)
        return numpy.atleast_2d(found.keys)[:, 0]


def scalar(kind, metric):
    return faiss.IndexScalarQuantizer(DIMENSION, kind, metric)


indexes = {
    "flat": Faiss(faiss.IndexFlatIP(DIMENSION), 4 * DIMENSION),
    "sq8": Faiss(scalar(faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT), DIMENSION),
    "sq8-direct": None,
    "usearch": Usearch(),
}
# Direct codes are whole numbers from 0 to 255, of rows and probes: 127 steps to either side of the largest number there is.
# With 128 added to all of them distances stay, so the nearest is the most similar; scalar products would not.
scale = 127.0 / float(numpy.abs(vectors[:100_000]).max())


def direct(some):
    return numpy.clip(numpy.round(some * numpy.float32(scale)) + 128, 0, 255)


class Direct(Faiss):
    def __init__(self):
        self.index = scalar(faiss.ScalarQuantizer.QT_8bit_direct, faiss.METRIC_L2)
        self.bytes_each = DIMENSION
        started = time.perf_counter()
        for at in range(0, len(vectors), 100_000):
            self.index.add(direct(vectors[at : at + 100_000]))
        self.build_s = time.perf_counter() - started

    def best(self, probes):
        return self.index.search(direct(probes), TOP)[1][:, 0]


indexes["sq8-direct"] = Direct()


def milliseconds(what):
    started = time.perf_counter()
    what()
    return (time.perf_counter() - started) * 1000


def say(answer):
    print(json.dumps(answer), flush=True)


say({name: {"build_s": index.build_s, "bytes": index.bytes_each} for name, index in indexes.items()})
for line in sys.stdin:
    name, what, *rest = line.split()
    index = indexes[name]
    if what == "one":
        start, count = map(int, rest)
        say([milliseconds(lambda at=at: index.best(queries[at : at + 1])) for at in range(start, start + count)])
    elif what == "batch":
        say([milliseconds(lambda: index.best(queries[:64]))])
    elif what == "best":
        say([int(found) for found in index.best(queries[:64])])
