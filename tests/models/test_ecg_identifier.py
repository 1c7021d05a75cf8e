"""Identification: an embedding, and cosines to the identities' weights in training only."""

import pytest
import torch

from fairseq_signals.data.manifest import Manifest


@pytest.fixture(scope="module")
def build(fairseq_parts, ecg_data, arguments):
    def model(*more):
        return fairseq_parts(ecg_data, *arguments["identification"], *arguments["random"], *more)[2]

    return model


def test_there_is_one_weight_per_patient_or_recording_of_training(build, ecg_data):
    manifest = Manifest(ecg_data / "train.tsv")
    assert len(build().head.weight) == len(set(manifest.column("patient"))) < len(manifest)
    assert len(build("--identity", "recording").head.weight) == len(manifest)


def test_cosines_are_those_of_embedding_and_weight(build):
    model = build().train()
    outputs = model(torch.randn(3, 12, 250))
    embedding, weight, cosines = (
        value.detach() for value in (outputs["embedding"], model.head.weight, outputs["cosines"])
    )
    for row in range(3):
        for column in (0, 5):
            one, two = embedding[row], weight[column]
            assert float(cosines[row, column]) == pytest.approx(float(one @ two / one.norm() / two.norm()), abs=1e-6)


def test_in_evaluation_there_are_no_cosines(build):
    outputs = build().eval()(torch.randn(3, 12, 250))
    assert outputs["cosines"] is None and outputs["embedding"].shape == (3, 96)
