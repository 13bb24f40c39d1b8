"""Where the known dropout of a network belongs in the ONNX file of its eval mode.

Read off the file with dropout: its random nodes are taken out, what is left is laid beside the eval
file operator by operator, and each place is the first node behind the dropout that does more than
move what it reads.
"""

from collections import Counter
from difflib import SequenceMatcher

LAYERS = {"Conv", "ConvTranspose", "Gemm", "MatMul", "Einsum"}
MOVERS = {"Identity", "Cast", "Flatten", "Reshape", "Squeeze", "Unsqueeze", "Transpose", "Slice",
          "Concat", "Gather", "Pad", "GlobalAveragePool", "AveragePool", "ReduceMean"}
RANDOM = {"RandomUniformLike", "RandomUniform", "Bernoulli"}


class Graph:
    """Nodes with the lookups that the walk needs."""

    def __init__(self, model):
        self.nodes = list(model.graph.node)
        self.weights = {t.name for t in model.graph.initializer}
        self.outputs = [o.name for o in model.graph.output]
        self.link()

    def link(self):
        self.makers = {o: n for n in self.nodes for o in n.output if o}
        self.readers = {}
        for node in self.nodes:
            for name in node.input:
                self.readers.setdefault(name, []).append(node)
        self.varying = set()
        for node in self.nodes:
            if node.op_type != "Constant" and not all(self.is_constant(i) for i in node.input):
                self.varying.update(node.output)

    def is_constant(self, name):
        return not name or name in self.weights or (name in self.makers
                                                    and name not in self.varying)

    def data(self, node):
        return [name for name in node.input if not self.is_constant(name)]

    def needed(self):
        """Nodes that the outputs depend on, without constants, in order."""
        keep, open_names = set(), list(self.outputs)
        while open_names:
            node = self.makers.get(open_names.pop())
            if node is not None and id(node) not in keep:
                keep.add(id(node))
                open_names.extend(node.input)
        return [n for n in self.nodes if id(n) in keep and n.output[0] in self.varying]


def heads(graph):
    """The last layers before the output: several where scores are added up."""
    found, open_names, seen = [], list(graph.outputs), set()
    while open_names:
        node = graph.makers.get(open_names.pop())
        if node is None or id(node) in seen:
            continue
        seen.add(id(node))
        if node.op_type in LAYERS:
            found.append(node.name)
        else:
            data = graph.data(node)
            open_names.extend(data if node.op_type == "Add" else data[:1])
    return found


def noise_product(graph, node):
    """(product, its other operand) where a draw is multiplied into the data."""
    noise, open_nodes = set(node.output), [node]
    while open_nodes:
        for reader in graph.readers.get(open_nodes.pop().output[0], []):
            others = [n for n in graph.data(reader) if n not in noise]
            if reader.op_type == "Mul" and others:
                return reader, others[0]
            noise.update(reader.output)
            open_nodes.append(reader)
    raise ValueError(f"{node.name}: no product with the data")


def without_dropout(graph):
    """Takes random nodes out; returns the tensors that were dropped from, by that name."""
    dropped, renamed = [], {}
    for node in list(graph.nodes):
        if node.op_type == "Dropout":
            renamed[node.output[0]] = node.input[0]
            dropped.append(node.input[0])
        elif node.op_type in RANDOM:
            product, data = noise_product(graph, node)
            maker = graph.makers.get(data)
            # Drop path of Hugging Face divides the branch by the share that is kept.
            if maker is not None and maker.op_type == "Div" and len(graph.readers[data]) == 1:
                data = maker.input[0]
            renamed[product.output[0]] = data
            dropped.append(data)

    def follow(name):
        while name in renamed:
            name = renamed[name]
        return name
    for node in graph.nodes:
        for position, name in enumerate(node.input):
            node.input[position] = follow(name)
    graph.outputs = [follow(name) for name in graph.outputs]
    graph.nodes = [n for n in graph.nodes if n.output[0] not in renamed]
    graph.link()
    needed = {id(n) for n in graph.needed()}
    graph.nodes = [n for n in graph.nodes if id(n) in needed or n.output[0] not in graph.varying]
    graph.link()
    return list(dict.fromkeys(follow(name) for name in dropped))


def consumer(graph, tensor):
    """(node, whether it alone reads the tensor) behind what only moves."""
    readers = [n for n in graph.readers[tensor] if n.op_type not in ("Shape", "Size")]
    node = readers[0]
    while node.op_type in MOVERS and len(readers) == 1:
        tensor = node.output[0]
        readers = [n for n in graph.readers[tensor] if n.op_type not in ("Shape", "Size")]
        if not readers:
            return node, True
        node = readers[0]
    return node, len(readers) == 1


def place_of(graph, node, alone, last):
    """The word for a place; None where none fits."""
    if not alone:
        return None
    if node.name in last:
        return "head"
    if node.op_type in ("Gemm", "MatMul"):
        return "attention" if len(graph.data(node)) == 2 else "linear"
    if node.op_type == "Add" and len(set(graph.data(node))) == 2:
        return "residual"
    return None


def candidates(dropout_model, eval_model):
    """[{node, place}] in the eval file, and how many operators of the two files do not agree."""
    alive, still = Graph(dropout_model), Graph(eval_model)
    tensors = without_dropout(alive)
    last = heads(alive)
    here, there = alive.needed(), still.needed()
    kinds = [n.op_type for n in here], [n.op_type for n in there]
    blocks = SequenceMatcher(None, *kinds, autojunk=False).get_matching_blocks()
    beside = {id(here[a + i]): there[b + i] for a, b, size in blocks for i in range(size)}
    found = []
    for tensor in tensors:
        node, alone = consumer(alive, tensor)
        entry = {"node": beside[id(node)].name, "place": place_of(alive, node, alone, last)}
        if entry not in found:
            found.append(entry)
    return found + lost_attention(still, found), max(len(here), len(there)) - len(beside)


def lost_attention(graph, found):
    """Products of attention weights, where an exporter leaves out the dropout on these alone."""
    if any(entry["place"] == "attention" for entry in found):
        return []
    return [{"node": n.name, "place": "attention"} for n in graph.nodes
            if n.op_type == "MatMul" and len(graph.data(n)) == 2
            and graph.makers[n.input[0]].op_type == "Softmax"]


def by_place(found):
    return dict(Counter(entry["place"] for entry in found))
