"""Training loop: MONAI's trainer on ignite, weight averaging and a one-cycle schedule.

Randomness depends only on the seed and the number of the sample or epoch, so that a training that
is resumed after its last complete epoch produces the same result.
"""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from ignite.engine import Engine, Events
from ignite.handlers import EMAHandler
from ignite.metrics import Average
from monai.engines import SupervisedTrainer
from monai.inferers import SimpleInferer
from torch import Tensor, nn
from torch.optim import AdamW
from torch.optim.lr_scheduler import OneCycleLR
from torch.utils.data import DataLoader

from batchmri.model.network import ClassMapNetwork, logits
from batchmri.training.dataset import AugmentedImages, EpochSampler, Floats
from batchmri.training.depthwise import train_depthwise_fast
from batchmri.training.evaluate import Metrics, autocast_if_faster
from batchmri.training.freeze import freeze, frozen_parts
from batchmri.training.loss import ANY_TUMOR, MapLoss, Targets
from batchmri.training.progress import Progress
from batchmri.training.settings import TrainSettings

_STATISTICS_BATCHES = 40
_log = logging.getLogger(__name__)
EpochMetrics = Callable[[ClassMapNetwork], Metrics]


class _Maps(SimpleInferer):
    """Inferer that returns the class maps of a batch, in bfloat16 where that is faster."""

    def __call__(
        self, inputs: Tensor, network: Callable[..., Any], *_args: Any, **_kwargs: Any
    ) -> Tensor:
        with autocast_if_faster(inputs.device):
            maps: Tensor = network(inputs.contiguous(memory_format=torch.channels_last))[0]
        return maps


def fit(
    network: ClassMapNetwork,
    images: AugmentedImages,
    weights: Floats,
    evaluate: EpochMetrics,
    out: Path,
    settings: TrainSettings,
) -> ClassMapNetwork:
    """Train a network, or resume the training in `out`.

    `weights` (rows,) are the sampling probabilities. `evaluate` returns the metrics of an epoch's
    averaged network, including the validation `loss`. Returns the averaged network of the epoch
    with the lowest loss or of the last epoch, depending on `settings.keep`.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    if device.type == "cpu":
        train_depthwise_fast(network)
    per_epoch = max(
        1, (settings.samples_per_epoch or int(np.count_nonzero(weights))) // settings.batch_size
    )

    def recompute_statistics(network: ClassMapNetwork, epoch: int) -> None:
        drawn = np.random.default_rng((settings.seed, epoch)).choice(
            len(weights),
            (min(_STATISTICS_BATCHES, per_epoch), settings.batch_size),
            p=weights,
        )
        recompute_batch_statistics(network, images, drawn, settings.frozen_stages)

    if settings.epochs == 0:
        recompute_statistics(network, 0)
        return network
    optimizer = AdamW(
        network.parameters(), settings.learning_rate, weight_decay=settings.weight_decay
    )
    schedule = OneCycleLR(
        optimizer,
        settings.learning_rate,
        settings.epochs * per_epoch,
        pct_start=settings.warm_up,
    )
    average = EMAHandler(network, momentum=1 - settings.ema_decay, handle_buffers="update")
    averaged: Any = average.ema_model
    freeze(network, settings.frozen_stages)
    progress = Progress(
        out,
        {"network": network, "average": averaged, "optimizer": optimizer, "schedule": schedule},
    )
    if progress.epoch < settings.epochs and not progress.stalled_for(settings.patience):
        draws = EpochSampler(
            weights, per_epoch * settings.batch_size, settings.seed, progress.epoch, settings.epochs
        )
        trainer = SupervisedTrainer(
            device=device,
            max_epochs=settings.epochs,
            train_data_loader=_loader(images, draws, settings),
            epoch_length=per_epoch,
            network=network,
            optimizer=optimizer,
            loss_function=MapLoss(images.no_tumor, settings.label_smoothing, settings.map_weight),
            prepare_batch=_batch,
            inferer=_Maps(),
            decollate=False,
        )
        trainer.state.epoch = progress.epoch
        trainer.state.iteration = progress.epoch * per_epoch
        average.attach(trainer, event=Events.ITERATION_COMPLETED)
        trainer.add_event_handler(Events.ITERATION_COMPLETED, lambda _: schedule.step())

        def evaluate_epoch(network: ClassMapNetwork) -> Metrics:
            recompute_statistics(network, progress.epoch)
            return evaluate(network)

        _close_epochs(trainer, averaged, progress, evaluate_epoch, settings, images.no_tumor)
        trainer.run()
    if settings.keep == "best":
        progress.load_best(averaged)
    return averaged  # type: ignore[no-any-return]


def recompute_batch_statistics(
    averaged: ClassMapNetwork,
    images: AugmentedImages,
    drawn: npt.NDArray[np.int64],
    frozen_stages: int = 0,
) -> None:
    """Recompute the batch normalization statistics of averaged weights.

    The statistics of the last weights do not fit the averaged ones (Izmailov et al., Averaging
    Weights Leads to Wider Optima and Better Generalization, 2018). `drawn` (batches, batch size)
    contains the rows whose images are used. Frozen stages keep their statistics. No branch is
    dropped, since the statistics of dropped branches do not fit inference (Li et al., Understanding
    the Disharmony between Dropout and Batch Normalization by Variance Shift, 2019).
    """
    frozen = {part for one in frozen_parts(averaged, frozen_stages) for part in one.modules()}
    norms = [m for m in averaged.modules() if isinstance(m, nn.BatchNorm2d) and m not in frozen]
    momenta = [norm.momentum for norm in norms]
    was_training = averaged.training
    averaged.eval()  # without dropped branches, as in inference
    for norm in norms:
        norm.train()
        norm.reset_running_stats()
        norm.momentum = None  # cumulative mean
    device = next(averaged.parameters()).device
    with torch.no_grad(), autocast_if_faster(device):
        for some in drawn:
            batch = images.prepared.batch(some.tolist(), images.settings)
            averaged(batch.to(device, memory_format=torch.channels_last))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    averaged.train(was_training)


def _loader(
    images: AugmentedImages, draws: EpochSampler, settings: TrainSettings
) -> DataLoader[Any]:
    return DataLoader(
        images,
        settings.batch_size,
        sampler=draws,
        num_workers=settings.loaders,
        multiprocessing_context="spawn" if settings.loaders else None,
        # With the global generator, a start would consume an additional random number.
        generator=torch.Generator(),
    )


def _batch(
    batch: dict[str, Tensor], device: torch.device, *_args: Any, **_kwargs: Any
) -> tuple[Tensor, Targets]:
    moved = {name: tensor.to(device) for name, tensor in batch.items()}
    return moved.pop("image"), Targets(**moved)


def _accuracy(output: dict[str, Any], no_tumor: int) -> Tensor:
    """Return the accuracy of the network in training mode on a batch, a scalar."""
    called, labels = logits(output["pred"]).argmax(1), output["label"].label
    right = torch.where(labels == ANY_TUMOR, called != no_tumor, called == labels)
    return right.float().mean()


def _close_epochs(
    trainer: SupervisedTrainer,
    averaged: ClassMapNetwork,
    progress: Progress,
    evaluate: EpochMetrics,
    settings: TrainSettings,
    no_tumor: int,
) -> None:
    Average(lambda output: output["loss"]).attach(trainer, "train_loss")
    Average(lambda output: _accuracy(output, no_tumor)).attach(trainer, "train_accuracy")

    @trainer.on(Events.EPOCH_STARTED)
    def _seed(engine: Engine) -> None:
        torch.manual_seed(settings.seed * 10_007 + engine.state.epoch)

    @trainer.on(Events.EPOCH_COMPLETED)
    def _close(engine: Engine) -> None:
        metrics: Metrics = {"epoch": engine.state.epoch}
        for name in ("train_loss", "train_accuracy"):
            metrics[name] = round(float(engine.state.metrics[name]), 4)
        progress.close_epoch(metrics | evaluate(averaged), averaged)
        if progress.stalled_for(settings.patience):
            _log.info("no lower validation loss for %d epochs: stopped", settings.patience)
            engine.terminate()
