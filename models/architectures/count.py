"""Counts multiply-adds and random sites of a PyTorch model while it runs, without ONNX.

The model runs on PyTorch's meta device: tensors have shapes but no values, so it takes neither memory nor time.
Products are counted by the formulas of torch.utils.flop_counter (convolution, mm, addmm, bmm and related
operators), where two operations are one multiply-add; biases are not counted.
"""

import copy

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode, flop_registry

DEPTH = ("StochasticDepth", "DropPath")
RANDOM = ("bernoulli_", "rand")


class Modules:
    """The modules that are running, outermost first."""

    def __init__(self, model):
        self.stack, self.hooks = [], []
        for name, module in model.named_modules():
            enter = lambda *_, name=name, module=module: self.stack.append((name, module))  # noqa: E731
            self.hooks.append(module.register_forward_pre_hook(enter))
            self.hooks.append(module.register_forward_hook(lambda *_: self.stack.pop() and None))


class Count(TorchDispatchMode):
    """Counts the multiply-adds of all operators and of those that depend on a random number, and lists random operators.

    A tensor depends on a random number if it shares memory with the output of a random operator, or is an output of
    an operator that reads such memory."""

    def __init__(self, modules):
        super().__init__()
        self.modules = modules
        self.all, self.behind, self.sites = 0, 0, []
        self.reached = {}  # storages, kept alive so that no address comes twice

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        name = func._overloadpacket.__name__
        read = [t for t in tree_leaves((args, kwargs)) if isinstance(t, torch.Tensor)]
        reached = any(self.key(t) in self.reached for t in read)
        result = func(*args, **kwargs)
        if func._overloadpacket in flop_registry:
            operations = flop_registry[func._overloadpacket](*args, **kwargs, out_val=result)
            assert operations % 2 == 0
            self.all += operations // 2
            self.behind += operations // 2 if reached else 0
        elif torch.Tag.nondeterministic_seeded in func.tags:
            assert name in RANDOM, name
            self.sites.append(self.site(name, args))
            reached = True
        if reached:
            for t in tree_leaves(result):
                if isinstance(t, torch.Tensor):
                    self.reached[self.key(t)] = t.untyped_storage()
        return result

    @staticmethod
    def key(tensor):
        return tensor.untyped_storage()._cdata

    def site(self, name, args):
        path, module = self.modules.stack[-1]
        kind = "stochastic_depth" if any(w in type(module).__name__ for w in DEPTH) else "dropout"
        keep = args[1] if len(args) > 1 else 0.5  # the default, which is left out
        ratio = 1 - keep if name == "bernoulli_" else module.drop_prob
        return {"kind": kind, "ratio": round(ratio, 6), "module": path}


def count(model, size):
    """Returns (all multiply-adds, those after a random site, the random sites) for one image.

    The sum is checked against FlopCounterMode."""
    model = copy.deepcopy(model).to("meta")
    image = torch.empty(1, *size, device="meta")
    torch.backends.mha.set_fastpath_enabled(False)  # one operator without a formula
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH):
        with FlopCounterMode(display=False) as flops:
            model(image)
        with Count(Modules(model)) as counted:
            model(image)
    assert 2 * counted.all == flops.get_total_flops(), (counted.all, flops.get_total_flops())
    return counted.all, counted.behind, counted.sites
