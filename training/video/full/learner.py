"""`Learner`: one stage of a run, from its first step to its last: what learns, and by which optimiser."""

from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR

from models.video.full.build import VideoModel
from models.video.full.net import freeze_but
from training.common.loop import pace
from training.video.full.batch import Batch, withheld
from training.video.full.config import StageConfig, VideoTraining
from training.video.full.loss import video_loss


class _Losing(nn.Module):
    """The loss as a module, so that several GPUs can share its forward pass."""

    def __init__(self, model: VideoModel, run: VideoTraining, stage: StageConfig) -> None:
        super().__init__()
        self.net, self._model, self._run, self._stage = model.net, model, run, stage

    def forward(self, batch: Batch, random: torch.Generator) -> Tensor:
        return video_loss(self._model, batch, self._stage.stage, self._run.loss, random)


class Learner:
    """Trains one stage of a run.

    Args:
        model: what is trained, in place.
        run: every number.
        stage: the stage; what it does not train is frozen.
        accelerator: device and precision.
    """

    def __init__(
        self, model: VideoModel, run: VideoTraining, stage: StageConfig, accelerator: Accelerator
    ) -> None:
        self._run, self._accelerator, self.stage = run, accelerator, stage
        self._learning = freeze_but(model.net, stage.stage)
        optimiser = torch.optim.AdamW(self._learning, stage.learning_rate, (0.9, 0.99), weight_decay=0.01)
        self._losing, self._optimiser = accelerator.prepare(_Losing(model, run, stage), optimiser)
        warmup_steps = min(stage.warmup_steps, stage.steps)
        self._schedule = LambdaLR(self._optimiser, lambda step: pace(step, stage.steps, warmup_steps))

    @property
    def learning_rate(self) -> float:
        """Of the next step."""
        return float(self._schedule.get_last_lr()[0])

    def advance(self, batch: Batch, step: int) -> float:
        """Take one step; what is drawn depends on the run's seed and on the step's number alone."""
        place = self._accelerator.process_index
        random = torch.Generator().manual_seed(self._run.seed + 1_000_003 * step + 101 * place)
        batch = batch.to(self._accelerator.device)
        batch = withheld(batch, self._run.drop, self._run.model.layout, random)
        loss = self._losing(batch, random)
        self._optimiser.zero_grad(set_to_none=True)
        self._accelerator.backward(loss)
        self._accelerator.clip_grad_norm_(self._learning, 1.0)
        self._optimiser.step()
        self._schedule.step()
        return float(loss.detach())

    def state(self) -> dict[str, Any]:
        """Return what resuming needs, besides the weights."""
        return {"optimiser": self._optimiser.state_dict(), "schedule": self._schedule.state_dict()}

    def resume(self, state: dict[str, Any]) -> None:
        """Go on where `state` was taken."""
        self._optimiser.load_state_dict(state["optimiser"])
        self._schedule.load_state_dict(state["schedule"])

    def close(self) -> None:
        """Let go of the optimiser's memory."""
        self._accelerator.free_memory()
