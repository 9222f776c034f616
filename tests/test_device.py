"""Each job finds a device of its own, and leaves it however it ends."""

import errno
import subprocess
import sys

import numpy as np
import pytest
import torch

from blemore.encoders import device
from blemore.encoders.device import MicroBatch
from blemore.encoders.network import NetworkEmbedder
from blemore.encoders.pictures import Pictures
from blemore.encoders.sound import Sound
from blemore.encoders.videomae import Windows
from joblineage.capture import determinism
from joblineage.errors import DataError


@pytest.fixture(autouse=True)
def nothing_stays_held(monkeypatch):
    monkeypatch.setattr(device, "_held", [])


def test_each_taker_gets_another_device_until_none_is_free(tmp_path):
    assert [device.free_device(["a", "b", "c"], tmp_path / "locks") for _ in range(4)] == [0, 1, 2, None]
    assert sorted(path.name for path in (tmp_path / "locks").iterdir()) == ["a.lock", "b.lock", "c.lock"]


def test_jobs_to_which_a_scheduler_shows_one_device_each_do_not_meet(tmp_path):
    assert [device.free_device([name], tmp_path) for name in ("a", "b", "a")] == [0, 0, None]


def test_locks_of_devices_lie_on_the_machine_and_not_in_the_study():
    assert device.LOCKS.is_absolute()


def test_a_job_whose_gpu_pytorch_does_not_see_ends_at_once(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for name, value in {"SLURM_JOB_ID": "7", "SLURMD_NODENAME": "n3", "SLURM_JOB_GPUS": "2"}.items():
        monkeypatch.setenv(name, value)
    device.use_one_thread.cache_clear()
    with pytest.raises(DataError, match=r"GPU 2 of Slurm job 7(.|\n)*does not see it: install with TORCH=cuda"):
        device.use_one_thread()
    monkeypatch.delenv("SLURM_JOB_GPUS")
    assert device.use_one_thread() == torch.device("cpu")
    device.use_one_thread.cache_clear()


@pytest.mark.parametrize("why", [errno.ENOSYS, errno.ENOLCK])
def test_without_locks_a_device_is_chosen_by_its_memory_and_it_is_said(tmp_path, monkeypatch, caplog, why):
    def flock(*_):
        raise OSError(why, "no locks")

    monkeypatch.setattr(device.fcntl, "flock", flock)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda number: (number, 16e9))
    assert device.chosen_device(["a", "b"], tmp_path) == 1
    assert "has no locks (flock)" in caplog.text


def test_no_devices_are_none_free(tmp_path):
    assert device.free_device([], tmp_path) is None


@pytest.mark.thorough
def test_a_killed_job_s_device_is_free_again(tmp_path):
    code = f"""
from pathlib import Path
from blemore.encoders.device import free_device
print(free_device(["a", "b"], Path({str(tmp_path)!r})), flush=True)
input()
"""
    job = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert job.stdout.readline() == "0\n"
    assert device.free_device(["a", "b"], tmp_path) == 1
    job.kill()
    job.communicate()
    assert device.free_device(["a", "b"], tmp_path) == 0


def test_where_all_devices_are_held_the_emptiest_is_shared_and_said(tmp_path, monkeypatch, caplog):
    free = [3e9, 9e9, 5e9]
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda number: (free[number], 16e9))
    assert [device.chosen_device(["a", "b", "c"], tmp_path) for _ in range(4)] == [0, 1, 2, 1]
    assert caplog.text.count("sharing device 1, which has most free memory (9.0 GB)") == 1


def test_a_cpu_works_with_one_thread_and_stays_the_choice_of_the_process():
    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    assert device.use_one_thread() is device.use_one_thread() == torch.device("cpu")
    assert torch.get_num_threads() == 1


@pytest.mark.thorough
@pytest.mark.parametrize(
    "reading", [Pictures(4, 16), Pictures(4, 16, relative=True, time_first=False), Windows(3, 16), Sound(seconds=0.1)]
)
def test_numbers_are_made_where_the_bytes_lie(reading, monkeypatch):
    monkeypatch.setattr(device, "pinned", lambda batch, device: batch)
    shape, kind = ((3, 900), np.int16) if isinstance(reading, Sound) else ((3, 4, 16, 16, 3), np.uint8)
    clips = list(np.random.default_rng(0).integers(0, 255, shape).astype(kind))
    for batch in ((reading.stacked(clips),), reading.augmented(clips, torch.Generator())):
        here = reading.finished(*batch)
        there = reading.finished(*(tensor.to("meta") for tensor in batch))  # refuses tensors of two devices
        assert there.device.type == "meta"
        assert (there.shape, there.dtype) == (here.shape, here.dtype) == (here.shape, torch.float32)


@pytest.mark.thorough
@pytest.mark.parametrize(("told", "said"), [({"mode": True}, True), ({"mode": True, "warn_only": True}, False)])
def test_a_record_says_deterministic_only_where_all_else_is_refused(told, said):
    try:
        torch.use_deterministic_algorithms(**told)
        assert determinism()["torch_deterministic"] is said
    finally:
        torch.use_deterministic_algorithms(False)


def test_clips_at_once_are_halved_until_they_fit_and_stay_so():
    tried = []

    def work(size, most):
        tried.append(size)
        if size > most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return "done"

    micro = MicroBatch(12, "17/s4d/fold0")
    assert micro.run(work, 3) == "done"
    assert micro.run(work, most=3) == "done"
    assert tried == [12, 6, 3, 3]
    with pytest.raises(DataError, match="17/s4d/fold0"):
        micro.run(work, 0)


def test_a_frozen_network_sees_each_clip_alone_and_memory_that_holds_not_one_is_a_fault():
    seen, most = [], 1

    class Loud(NetworkEmbedder):
        def features(self, batch):
            seen.append(len(batch))
            if len(batch) > most:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return batch.square().sum(dim=1, keepdim=True)

    clips = [np.arange(1000, dtype=np.int16) * k for k in range(5)]
    encoder = Loud(torch.nn.Linear(1, 1), Sound(), batch=5)
    found = encoder.embed(encoder.ready(clips))
    assert found.shape == (5, 1)
    assert found[0] == 0
    np.testing.assert_allclose(found[1:], 1000, rtol=1e-2)
    assert seen == [1, 1, 1, 1, 1]
    most = 0
    with pytest.raises(DataError, match="does not hold a single clip"):
        encoder.embed(encoder.ready(clips))


def test_an_error_that_is_not_about_memory_is_not_tried_again():
    def work(size):
        raise ZeroDivisionError

    micro = MicroBatch(4, "x")
    with pytest.raises(ZeroDivisionError):
        micro.run(work)
    assert micro.size == 4
