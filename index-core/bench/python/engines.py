"""The engines of Python, each with build, open, runner and batch; engine.py has the process around them."""

import os

import numpy

M, EF_CONSTRUCTION = 16, 128


class Faiss:
    """`flat`, `hnsw` (f32), `hnsw-sq8` (8-bit codes, re-ranked x 4 by f32)."""

    def __init__(self, kind):
        import faiss

        self.faiss, self.kind = faiss, kind

    def build(self, vectors, folder, threads):
        faiss, dimensions = self.faiss, vectors.shape[1]
        faiss.omp_set_num_threads(threads)
        if self.kind == "flat":
            index = faiss.IndexFlatIP(dimensions)
        elif self.kind == "hnsw":
            index = faiss.IndexHNSWFlat(dimensions, M, faiss.METRIC_INNER_PRODUCT)
            index.hnsw.efConstruction = EF_CONSTRUCTION
        else:
            base = faiss.IndexHNSWSQ(dimensions, faiss.ScalarQuantizer.QT_8bit, M, faiss.METRIC_INNER_PRODUCT)
            base.hnsw.efConstruction = EF_CONSTRUCTION
            index = faiss.IndexRefineFlat(base)
            index.train(vectors)
        index.add(vectors)
        faiss.write_index(index, os.path.join(folder, "index.faiss"))

    def open(self, folder, dimensions):
        self.faiss.omp_set_num_threads(1)
        self.index = self.faiss.read_index(os.path.join(folder, "index.faiss"))

    def parameters(self, ef, bits):
        faiss = self.faiss
        if self.kind == "flat":
            return None if bits is None else faiss.SearchParameters(sel=faiss.IDSelectorBitmap(bits))
        if bits is not None:
            return faiss.SearchParametersHNSW(efSearch=ef, sel=faiss.IDSelectorBitmap(bits))
        base = faiss.SearchParametersHNSW(efSearch=ef)
        if self.kind == "hnsw":
            return base
        return faiss.IndexRefineSearchParameters(k_factor=4, base_index_params=base)

    def runner(self, ef, k, masks):
        shared = self.parameters(ef, None) if masks is None else None
        if masks is not None:
            selectors = {}

            def selected(query):
                mask = masks(query)
                if id(mask) not in selectors:
                    selectors.clear()
                    selectors[id(mask)] = self.parameters(ef, numpy.packbits(mask, bitorder="little"))
                return selectors[id(mask)]

            return selected, lambda vector, selected: self.index.search(vector, k, params=selected)[1][0]
        return None, lambda vector, _: self.index.search(vector, k, params=shared)[1][0]

    def batch(self, vectors, ef, k, threads):
        self.faiss.omp_set_num_threads(threads)
        self.index.search(vectors, k, params=self.parameters(ef, None))
        self.faiss.omp_set_num_threads(1)


class Hnswlib:
    def __init__(self, kind):
        import hnswlib

        self.hnswlib = hnswlib

    def build(self, vectors, folder, threads):
        index = self.hnswlib.Index(space="ip", dim=vectors.shape[1])
        index.init_index(max_elements=len(vectors), ef_construction=EF_CONSTRUCTION, M=M)
        index.add_items(vectors, numpy.arange(len(vectors)), num_threads=threads)
        index.save_index(os.path.join(folder, "index.hnsw"))

    def open(self, folder, dimensions):
        self.index = self.hnswlib.Index(space="ip", dim=dimensions)
        self.index.load_index(os.path.join(folder, "index.hnsw"))

    def runner(self, ef, k, masks):
        self.index.set_ef(ef)

        def search(vector, mask):
            # It raises where fewer than k were found.
            try:
                if mask is None:
                    return self.index.knn_query(vector, k, num_threads=1)[0][0]
                return self.index.knn_query(vector, k, num_threads=1, filter=mask.__getitem__)[0][0]
            except RuntimeError:
                return []

        # Lists answer a callback twice as fast as arrays; all cases but "exclude" and "cluster" share one mask.
        last = [None, None]

        def listed(query):
            mask = masks(query)
            if mask is not last[0]:
                last[:] = mask, mask.tolist()
            return last[1]

        return (None if masks is None else listed), search

    def batch(self, vectors, ef, k, threads):
        self.index.set_ef(ef)
        self.index.knn_query(vectors, k, num_threads=threads)


class Usearch:
    def __init__(self, kind):
        from usearch.index import Index

        self.make = lambda dimensions: Index(
            ndim=dimensions, metric="ip" if kind == "f32" else "cos", dtype=kind, connectivity=M, expansion_add=EF_CONSTRUCTION
        )

    def build(self, vectors, folder, threads):
        index = self.make(vectors.shape[1])
        index.add(numpy.arange(len(vectors), dtype=numpy.uint64), vectors, threads=threads)
        index.save(os.path.join(folder, "index.usearch"))

    def open(self, folder, dimensions):
        self.index = self.make(dimensions)
        self.index.load(os.path.join(folder, "index.usearch"))

    def runner(self, ef, k, masks):
        if masks is not None:
            raise ValueError("Python's usearch has no filters")
        self.index.expansion_search = ef
        return None, lambda vector, _: self.index.search(vector[0], k, threads=1).keys

    def batch(self, vectors, ef, k, threads):
        self.index.expansion_search = ef
        self.index.search(vectors, k, threads=threads)


def create(name):
    library, _, kind = name.partition("-")
    return {"faiss": Faiss, "hnswlib": Hnswlib, "usearch": Usearch}[library](kind)
