"""One run of a network: checks what the user gave, sets up the errors, hands over to the plan."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy.typing as npt

from ternary_engine.errors import Errors, check_seed, resolve_errors
from ternary_engine.network import Network
from ternary_engine.record import ErrorRecord
from ternary_engine.runtime.execute import Plan, available_threads
from ternary_engine.runtime.inputs import check_count, check_inputs, count_samples
from ternary_engine.runtime.noise import Noise, replayed
from ternary_engine.runtime.recording import Recorder

Array = npt.NDArray[Any]


class Runner:
    """Runs a network; see `Network.run` for what each argument means."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.plan = Plan(network)
        self.single = len(network.inputs) == 1 and len(network.outputs) == 1

    def run(
        self,
        x: Array | Mapping[str, Array],
        errors: Errors | None,
        seed: int | None,
        threads: int | None,
        batch_size: int | None,
        record: bool,
        replay: ErrorRecord | None,
    ) -> Any:
        """Run a batch of samples."""
        inputs = check_inputs(self.network, x)
        workers = check_count("threads", threads) or available_threads()
        samples = count_samples(self.network, inputs)
        batch = check_count("batch_size", batch_size) or max(samples, 1)
        noise = self._noise(errors, None if seed is None else check_seed(seed), batch, record)
        if replay is not None:
            if errors is not None or record:
                raise ValueError(
                    "replay: repeats recorded errors; errors and record do not go with it"
                )
            noise = replayed(replay, self.network)
        outputs = self.plan.run(inputs, samples, workers, noise)
        single = self.single and not isinstance(x, Mapping)
        result = outputs[self.network.outputs[0].name] if single else outputs
        if noise is not None and noise.recorder is not None:
            return result, noise.recorder.record(noise.layers, batch)
        return result

    def _noise(
        self, errors: Errors | None, seed: int | None, batch: int, record: bool
    ) -> Noise | None:
        own = self.network.read_errors
        if errors is not None and own is not None:
            raise ValueError(
                "errors: this network is a chip, whose cells err by themselves; "
                "run its `stored` network with errors instead"
            )
        if errors is None and not own and not record:
            return None
        resolved = own or resolve_errors({} if errors is None else errors, self.network.layers)
        return Noise(resolved, check_seed(seed), batch, Recorder() if record else None)
