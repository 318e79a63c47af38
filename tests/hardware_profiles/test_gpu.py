"""GPUs: SI units out of datasheet units, and a shelf whose numbers hang together."""

import pytest

from hardware_profiles import GPU, InputError, Link

SHELF = GPU.names()


def test_units_are_si_inside() -> None:
    gpu = GPU.parse({"like": "h100-sxm", "memory_gib": 2, "bandwidth_gb_s": 3})
    assert gpu.memory_bytes == 2 * 2**30
    assert gpu.bytes_per_s == 3e9
    assert gpu.flops("bf16") == gpu.flops("fp16") == 989e12


def test_a_precision_without_units_is_refused_and_the_others_named() -> None:
    with pytest.raises(InputError, match="a100-80gb has no fp8 units; it has bf16, int8"):
        GPU.named("a100-80gb").flops("fp8")


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("H100-SXM-80GB", "h100-sxm"),
        ("A100-SXM-80GB", "a100-80gb"),
        ("L40S-48GB", "l40s"),
        ("RTX-PRO-6000-96GB", "rtx-pro-6000"),
        ("H200-SXM-141GB", "h200"),
        ("B200-SXM-180GB", "b200"),
        ("MI300X-192GB", "mi300x"),
    ],
)
def test_names_of_measured_files_resolve(alias: str, name: str) -> None:
    assert GPU.named(alias).name == name


def test_no_two_gpus_answer_to_the_same_name() -> None:
    answers = [n.casefold() for name in SHELF for n in (name, *GPU.named(name).aliases)]
    assert len(answers) == len(set(answers))


@pytest.mark.parametrize("name", SHELF)
def test_half_the_bits_are_never_slower(name: str) -> None:
    peaks = GPU.named(name).peak_tflops
    assert peaks.get("int8", peaks["bf16"]) >= peaks["bf16"]
    assert peaks.get("fp8", peaks["bf16"]) >= peaks["bf16"]
    assert peaks.get("fp4", peaks.get("fp8", 0)) >= peaks.get("fp8", 0)


@pytest.mark.parametrize("name", SHELF)
def test_peaks_are_dense(name: str) -> None:
    # A sparse figure would be twice the dense one, and fp8 then four times bf16.
    peaks = GPU.named(name).peak_tflops
    assert peaks.get("fp8", 0) <= 2.1 * peaks["bf16"]


def test_the_l40s_is_listed_with_its_dense_fp8_peak() -> None:
    assert GPU.named("l40s").flops("fp8") == 733e12


@pytest.mark.parametrize("name", SHELF)
def test_a_program_gets_a_little_less_memory_than_is_on_the_box(name: str) -> None:
    gpu = GPU.named(name)
    assert gpu.marketing_gb is not None
    assert 0.9 * gpu.marketing_gb < gpu.memory_gib <= gpu.marketing_gb


@pytest.mark.parametrize("name", SHELF)
def test_a_shelf_gpu_survives_being_saved(name: str) -> None:
    gpu = GPU.named(name)
    assert GPU.parse(gpu.model_dump(mode="json")) == gpu


@pytest.mark.parametrize("name", Link.names())
def test_every_link_is_slower_than_memory_and_has_a_latency(name: str) -> None:
    link = Link.named(name)
    assert 1e9 < link.bytes_per_s < 2e12
    assert 0 < link.latency_s < 1e-3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"memory_gib": -1}, "memory_gib: input should be greater than 0, found -1"),
        ({"peak_tflops": {"bf17": 3}}, r"peak_tflops.bf17"),
        ({"loaded_idle_w": 10}, "expected idle_w <= loaded_idle_w <= tdp_w"),
        ({"link": "nvlink9"}, "link: no Link is called 'nvlink9'; did you mean 'nvlink"),
        ({"name": None}, "name: input should be a valid string, found None"),
        ({"bandwith_gb_s": 3}, "no key 'bandwith_gb_s'; did you mean 'bandwidth_gb_s'"),
    ],
)
def test_a_bad_gpu_is_told_what_is_wrong(changes: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        GPU.parse({"like": "h100-sxm", **changes})


def test_a_gpu_without_bf16_is_refused() -> None:
    entry = GPU.named("h100-sxm").model_dump()
    entry["peak_tflops"] = {"fp8": 10}
    with pytest.raises(InputError, match="bf16 is needed"):
        GPU.parse(entry)
