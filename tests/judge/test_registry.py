"""Which model the settings mean, and what is refused before it is loaded."""

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from adjudicate.errors import ConfigurationError
from executors.judge.registry import Resolved, prepare, present, resolve
from executors.judge.weights import checksums, weight_bytes
from executors.shared.settings import ROOT, JudgeSettings

SHIPPED = ROOT / "models" / "judge"
Entries = Callable[[str], Path]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shipped model, beside where models.yml goes."""
    return Path(shutil.copytree(SHIPPED, tmp_path / "judge"))


@pytest.fixture
def entries(tmp_path: Path) -> Entries:
    def write(text: str) -> Path:
        file = tmp_path / "models.yml"
        file.write_text(text, encoding="utf-8")
        return file

    return write


def _locked(folder: Path) -> str:
    files = "".join(f"\n      {name}: {digest}" for name, digest in checksums(folder).items())
    return f"models:\n  ours:\n    source: ./judge\n    files:{files}\n"


def test_the_default_is_the_shipped_model_whichever_way_it_is_named() -> None:
    for model in (JudgeSettings().model, "shipped", f"{SHIPPED}/../judge"):
        found = resolve(JudgeSettings(model=model))
        assert (found.name, found.settings.model) == ("shipped", str(SHIPPED))


def test_the_entries_that_are_shipped_can_be_read_and_name_what_they_say() -> None:
    found = resolve(JudgeSettings(model="qwen2-vl-7b"))
    assert found.settings.model == "Qwen/Qwen2-VL-7B-Instruct"
    assert found.settings.max_batch == 8
    assert resolve(JudgeSettings(model="Qwen/Qwen2-VL-7B-Instruct")).name == "qwen2-vl-7b"
    assert prepare(resolve(JudgeSettings())).settings.model == str(SHIPPED)


def test_any_other_folder_or_name_of_the_hub_still_works(folder: Path) -> None:
    assert resolve(JudgeSettings(model=str(folder))) == Resolved(
        "judge", JudgeSettings(model=str(folder))
    )
    assert resolve(JudgeSettings(model="someone/else")).settings.model == "someone/else"
    assert resolve(JudgeSettings(model="gpt-4o", backend="openai")).name == "gpt-4o"


def test_a_setting_goes_before_the_entry_and_the_entry_before_the_default(
    entries: Entries, folder: Path
) -> None:
    file = entries(
        "models:\n  ours:\n    source: ./judge\n    dtype: bf16\n    temperature: 2.5\n"
        "    prompt: full\n    limits: {max_pixels: 1000, max_batch: 3, max_new_tokens: 9}\n"
    )
    plain = resolve(JudgeSettings(model="ours", models=file)).settings
    assert (plain.precision, plain.temperature, plain.prompt) == ("bf16", 2.5, "full")
    assert (plain.max_pixels, plain.max_batch, plain.max_new_tokens) == (1000, 3, 9)
    said = JudgeSettings(model="ours", models=file, precision="fp32", max_batch=5, temperature=1.5)
    found = resolve(said).settings
    assert (found.precision, found.max_batch, found.temperature) == ("fp32", 5, 1.5)
    assert found.max_pixels == 1000


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("shiped", "did you mean shipped?"),
        ("llama", "known are shipped, qwen2-vl-2b, qwen2-vl-7b."),
        ("./no/such/folder", "no folder"),
    ],
)
def test_a_wrong_name_is_told_what_there_is(model: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match="ADJUDICATE_JUDGE__MODEL") as error:
        resolve(JudgeSettings(model=model))
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("models: [", "models.yml, line 1"),
        ("models:\n  a: {source: ./x}\n  a: {source: ./y}\n", "models.a stands twice"),
        ("models:\n  A/B: {source: x}\n", "models.A/B: String should match"),
        ("models:\n  a: {}\n", "models.a.source: Field required"),
        ("models:\n  a: {source: x, dtpye: bf16}\n", "models.a.dtpye: Extra inputs"),
        ("models:\n  a: {source: x, temperature: 0}\n", "models.a.temperature: Input should be"),
        ("models:\n  a: {source: x, files: {f: '12'}}\n", "models.a.files.f: String should match"),
        ("models:\n  a: {source: x, limits: {max_batch: 0}}\n", "models.a.limits.max_batch"),
        ("other: 1\n", "models: Field required"),
        ("", "the file: Input should be"),
    ],
)
def test_a_wrong_file_is_told_by_entry_and_field(entries: Entries, text: str, said: str) -> None:
    file = entries(text)
    with pytest.raises(ConfigurationError, match=r"models\.yml") as error:
        resolve(JudgeSettings(model="a", models=file))
    assert said in str(error.value)


def test_a_file_that_was_asked_for_must_be_there_and_the_default_one_need_not(
    tmp_path: Path, folder: Path
) -> None:
    missing = tmp_path / "models.yml"
    with pytest.raises(ConfigurationError, match=r"models\.yml cannot be read: No such file"):
        resolve(JudgeSettings(model=str(folder), models=missing))
    values = {**dict(JudgeSettings()), "model": str(folder), "models": missing}
    default = JudgeSettings.model_construct(_fields_set={"model"}, **values)
    assert resolve(default).name == "judge"


def test_an_entry_without_its_folder_is_said(entries: Entries) -> None:
    file = entries("models:\n  ours: {source: ./nowhere}\n")
    with pytest.raises(ConfigurationError, match=r"ours\.source: there is no folder"):
        resolve(JudgeSettings(model="ours", models=file))


def test_files_as_they_were_locked_are_loaded(entries: Entries, folder: Path) -> None:
    file = entries(_locked(folder))
    found = prepare(resolve(JudgeSettings(model="ours", models=file)))
    assert found.settings.model == str(folder)


def test_one_changed_byte_of_the_weights_is_refused(entries: Entries, folder: Path) -> None:
    file = entries(_locked(folder))
    with (folder / "model.safetensors").open("r+b") as weights:
        weights.seek(-1, os.SEEK_END)
        last = weights.read(1)[0]
        weights.seek(-1, os.SEEK_END)
        weights.write(bytes([last ^ 1]))
    with pytest.raises(ConfigurationError, match=r"model\.safetensors was changed") as error:
        prepare(resolve(JudgeSettings(model="ours", models=file)))
    assert "adjudicate models lock ours" in str(error.value)


def test_a_missing_file_and_one_more_are_refused(entries: Entries, folder: Path) -> None:
    file = entries(_locked(folder))
    (folder / "chat_template.jinja").unlink()
    (folder / "adapter_config.json").write_text("{}")
    with pytest.raises(ConfigurationError) as error:
        prepare(resolve(JudgeSettings(model="ours", models=file)))
    assert "chat_template.jinja is missing, adapter_config.json was not recorded" in str(
        error.value
    )


def test_what_loading_never_reads_may_lie_beside(entries: Entries, folder: Path) -> None:
    file = entries(_locked(folder))
    (folder / "NOTES.md").write_text("ours")
    (folder / ".cache").mkdir()
    (folder / ".cache" / "state.json").write_text("{}")
    prepare(resolve(JudgeSettings(model="ours", models=file)))


@pytest.mark.parametrize("name", ["pytorch_model.bin", "extra.PT", "optim/state.pkl"])
def test_a_pickle_is_refused_even_beside_safetensors(folder: Path, name: str) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(b"\x80\x04.")
    with pytest.raises(ConfigurationError, match="pickle"):
        prepare(resolve(JudgeSettings(model=str(folder))))


def test_code_of_the_model_is_refused(folder: Path) -> None:
    config = folder / "config.json"
    config.write_text(config.read_text().replace("{", '{"auto_map": {"AutoModel": "m.M"},', 1))
    with pytest.raises(ConfigurationError, match="auto_map"):
        prepare(resolve(JudgeSettings(model=str(folder))))


def test_a_folder_without_safetensors_is_refused(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    with pytest.raises(ConfigurationError, match="no weights"):
        prepare(resolve(JudgeSettings(model=str(folder))))


def test_weights_are_counted_from_their_headers(folder: Path, tmp_path: Path) -> None:
    stored = (folder / "model.safetensors").stat().st_size
    assert weight_bytes(folder, "bf16") == pytest.approx(stored, rel=0.01)
    assert weight_bytes(folder, "fp32") == 2 * weight_bytes(folder, "bf16")
    assert weight_bytes(folder, "fp32", "int4") < weight_bytes(folder, "fp32", "int8")
    assert weight_bytes(folder, "fp32", "int8") < weight_bytes(folder, "fp32") / 2
    (folder / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(ConfigurationError, match="no safetensors file"):
        weight_bytes(folder, "fp32")


def test_a_model_of_the_hub_is_checked_in_its_snapshot(
    entries: Entries, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    commit = hashlib.sha1(b"a commit").hexdigest()
    snapshot = tmp_path / "hub" / "models--someone--judge" / "snapshots" / commit
    shutil.copytree(folder, snapshot)
    files = _locked(folder).split("./judge", 1)[1]
    source = f"models:\n  theirs:\n    source: someone/judge\n    revision: {commit}{files}"
    settings = JudgeSettings(model="theirs", models=entries(source))
    assert present("theirs", settings) == snapshot
    assert prepare(resolve(settings)).settings.model == str(snapshot)
    (snapshot / "model.safetensors").write_bytes(b"other")
    with pytest.raises(ConfigurationError, match="was changed"):
        prepare(resolve(settings))
    with pytest.raises(ConfigurationError, match="someone/else"):
        prepare(resolve(JudgeSettings(model="someone/else")))
