"""The installed commands as a user types them: recipes in yaml, and what they say when something is wrong."""

import shutil

import pytest
import torch

pytestmark = pytest.mark.slow

RECIPE = """\
# @package _global_
defaults:
  - _self_
hydra:
  job:
    chdir: false  # or the working folder is hydra's own, and `fairseq_signals` is looked for there
common:
  user_dir: fairseq_signals
  cpu: true
task:
  _name: ecg_pretraining
  data: ???
  rate: 100
  views: adjacent
  transforms:
    - _name: random_lead_masking
      probability: 0.3
dataset:
  batch_size: 8
  num_workers: 0
  train_subset: pretrain
  valid_subset: valid
  disable_validation: true
model:
  _name: ecg_wav2vec2
  codes_per_group: 16
  target_dim: 16
  encoder:
    _name: wav2vec2_tiny
    layers: 1
criterion:
  _name: w2v_cmsc
optimizer:
  _name: adam
  weight_decay: 0.01
lr_scheduler:
  _name: fixed
optimization:
  max_update: 1
  lr: [0.001]
"""


@pytest.fixture(scope="module")
def recipe(tmp_path_factory, ecg_data):
    """Arguments of `fairseq-hydra-train` for a small recipe that saves into a folder."""
    folder = tmp_path_factory.mktemp("recipes")
    (folder / "small.yaml").write_text(RECIPE)

    def arguments(save, *more):
        place = [f"task.data={ecg_data}", f"checkpoint.save_dir={save}", f"hydra.run.dir={save}/log"]
        return ["--config-dir", folder, "--config-name", "small", *place, *more]

    return arguments


def test_a_recipe_trains_and_keeps_every_setting(recipe, run_command, tmp_path):
    run_command("fairseq-hydra-train", *recipe(tmp_path, "common.user_dir=fairseq_signals"))
    cfg = torch.load(tmp_path / "checkpoint_last.pt", weights_only=True)["cfg"]
    assert cfg["model"]["encoder"]["layers"] == 1 and cfg["model"]["encoder"]["dim"] == 96
    assert cfg["task"]["transforms"] == [{"_name": "random_lead_masking", "probability": 0.3, "keep_one": True}]


def start_all(start_command, commands):
    """What several failing commands print on stderr; two at a time, as the machine has two cores."""
    errors = []
    for first in range(0, len(commands), 2):
        pair = [start_command(*command) for command in commands[first : first + 2]]
        for process in pair:
            out, err = process.communicate(timeout=200)
            assert process.returncode != 0, out[-2000:]
            errors.append(err.strip())
    return errors


MISSPELT = {
    "+task.vievs=adjacent": "vievs",
    "+model.negativs=5": "negativs",
    "+model.encoder.layerz=5": "settings of encoder wav2vec2_tiny must be among",
    "+criterion.blokcs=two": "blokcs",
}


def test_a_misspelt_key_stops_the_run_with_its_name(recipe, start_command, tmp_path):
    commands = [("fairseq-hydra-train", *recipe(tmp_path / str(n), word)) for n, word in enumerate(MISSPELT)]
    for error, (word, message) in zip(start_all(start_command, commands), MISSPELT.items(), strict=True):
        assert message in error, word + error[-1500:]
        assert word.rpartition("=")[0].rpartition(".")[2] in error, error[-1500:]


def test_under_bf16_weight_decay_of_a_frozen_encoder_is_refused(recipe, start_command, pretrained, tmp_path):
    folder = tmp_path / "recipes"
    folder.mkdir()
    lines = RECIPE.replace("ecg_pretraining", "ecg_classification").replace("ecg_wav2vec2", "ecg_classifier")
    lines = lines.replace("w2v_cmsc", "multilabel").replace("  views: adjacent\n", "")
    begin, end = lines.index("  codes_per_group"), lines.index("criterion:")
    lines = lines[:begin] + f"  pretrained: {pretrained}\n  freeze_updates: 5\n" + lines[end:]
    (folder / "bf16.yaml").write_text(lines)
    place = list(recipe(tmp_path / "run", "common.bf16=true"))
    place[1], place[3] = folder, "bf16"
    (error,) = start_all(start_command, [("fairseq-hydra-train", *place)])
    assert "weight decay must be 0 while the encoder is frozen under fp16 or bf16" in error


def broken(ecg_data, folder, change):
    """A copy of the data whose first row of `pretrain.tsv` (or header) is changed."""
    shutil.copytree(ecg_data, folder)
    path = folder / "pretrain.tsv"
    lines = [line.split("\t") for line in path.read_text().splitlines()]
    change(lines, {name: place for place, name in enumerate(lines[0])})
    path.write_text("\n".join("\t".join(line) for line in lines) + "\n")
    return folder


def no_length(lines, place):
    lines[0][place["length"]] = "duration"


def gone(lines, place):
    lines[1][place["ecg"]] = "gone.dat"


def outside(lines, place):
    lines[1][place["ecg"]] = "../../secret.dat"


def another_rate(lines, place):
    lines[1][place["rate"]] = "250"


def stranger(lines, place):
    lines[1][place["labels"]] = "999"


CHANGES = {
    no_length: "ValueError: column length must be in the header",
    gone: "FileNotFoundError: ecg must be a file, got none at",
    outside: "ValueError: ",
    another_rate: "ValueError: rate must be 100 Hz, as the model's, got 250",
    stranger: "ValueError: label must be in the class list of dataset.yaml, got '999'",
}


def test_what_is_wrong_is_the_last_thing_printed(ecg_data, arguments, start_command, tmp_path):
    run = [*arguments["pretraining"], "--criterion", "w2v", "--disable-validation", "--max-update", 1]
    expected = list(CHANGES.values())
    places = [broken(ecg_data, tmp_path / change.__name__, change) for change in CHANGES]
    commands = [("fairseq-train", place, *run, "--save-dir", place) for place in places]
    commands.append(("fairseq-train", tmp_path / "nowhere", *run, "--save-dir", tmp_path))
    expected.append(f"FileNotFoundError: data must be a folder with manifests, got {tmp_path}/nowhere")
    commands.append(("fairseq-train", ecg_data, *run, "--train-subset", "trian", "--save-dir", tmp_path))
    expected.append(f"FileNotFoundError: subset must be a manifest in {ecg_data} (")
    commands.append(("fairseq-train", ecg_data, *run, "--optimizer", "sgd", "--save-dir", tmp_path))
    expected.append("ValueError: optimizer must be one whose settings are plain values")
    found = [error.splitlines()[-1] for error in start_all(start_command, commands)]
    for last, message in zip(found, expected, strict=True):
        assert last.startswith(message) and "got" in last, last
    assert "pretrain.tsv, line 1)" in found[0]
    assert all("pretrain.tsv, line 2" in last for last in found[1:5]), found[1:5]
