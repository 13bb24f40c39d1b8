"""Training that several models share: the optimizer's loop, and the loss of a mean and its variance.

Reference: Kendall and Gal (2017), What uncertainties do we need in Bayesian deep learning for computer vision?
"""

import numpy as np
import torch


def fit(model, loss_of, batches, steps, rate=6e-3):
    """Minimizes loss_of(model, *batch) and returns the model in evaluation mode."""
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps)
    losses = []
    for step, batch in enumerate(batches, 1):
        loss = loss_of(model, *batch)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
        if step % 50 == 0:
            print(f"step {step} of {steps}: loss {np.mean(losses[-50:]):.4f}", flush=True)
    return model.to(memory_format=torch.contiguous_format).eval()


def heteroscedastic_loss(mean, log_variance, target):
    """Returns the mean of exp(-s) (d - mu)^2 / 2 + s / 2 over the targets that are not NaN."""
    known = ~torch.isnan(target)
    mean, log_variance, target = (part[known] for part in (mean, log_variance, target))
    return (0.5 * torch.exp(-log_variance) * (target - mean) ** 2 + 0.5 * log_variance).mean()
